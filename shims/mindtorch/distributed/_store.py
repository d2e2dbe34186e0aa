"""The interface of key-value stores, and the two that need no communication of their own."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from mindtorch.distributed._types import DistStoreError

__all__ = ["DEFAULT_TIMEOUT", "HashStore", "PrefixStore", "Store", "as_bytes", "wait_timeout"]

DEFAULT_TIMEOUT = timedelta(seconds=300)


def as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def wait_timeout(timeout: timedelta, keys: list[str]) -> DistStoreError:
    """The error of keys that did not come in time."""
    return DistStoreError(f"wait timeout after {int(timeout.total_seconds() * 1000)}ms, keys: {', '.join(keys)}")


class Store:
    """Interface: keys are strings, values bytes; ``get`` and ``wait`` block until the key is there."""

    def __init__(self) -> None:
        self._timeout = DEFAULT_TIMEOUT

    @property
    def timeout(self) -> timedelta:
        """How long ``get`` and ``wait`` block."""
        return self._timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Set how long ``get`` and ``wait`` block."""
        self._timeout = timeout

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (str or bytes)."""
        raise NotImplementedError

    def get(self, key: str) -> bytes:
        """The value; blocks until there is one."""
        raise NotImplementedError

    def add(self, key: str, amount: int) -> int:
        """Add to the counter ``key`` (0 at first) and return its new value."""
        raise NotImplementedError

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Store ``desired_value`` if the value is ``expected_value`` (or there is none and '' is expected)."""
        raise NotImplementedError

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Block until all ``keys`` are there."""
        raise NotImplementedError

    def check(self, keys: list[str]) -> bool:
        """Whether all ``keys`` are there."""
        raise NotImplementedError

    def delete_key(self, key: str) -> bool:
        """Remove; whether it was there."""
        raise NotImplementedError

    def num_keys(self) -> int:
        """How many keys there are."""
        raise NotImplementedError

    def multi_set(self, keys: list[str], values: list[Any]) -> None:
        """Store several values."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def multi_get(self, keys: list[str]) -> list[bytes]:
        """The values of several keys."""
        return [self.get(key) for key in keys]

    def append(self, key: str, value: Any) -> None:
        """Append to the value."""
        raise NotImplementedError

    def has_extended_api(self) -> bool:
        """Whether ``append``, ``multi_get`` and ``multi_set`` work."""
        return True

    def clone(self) -> Store:
        """The same store by a connection of its own, for another thread."""
        raise NotImplementedError(f"torch.distributed.{type(self).__name__}.clone")

    def close(self) -> None:
        """Let go of the connection."""


class HashStore(Store):
    """A dictionary shared by the threads of this process."""

    def __init__(self) -> None:
        super().__init__()
        self._data: dict[str, bytes] = {}
        self._condition = threading.Condition()

    def clone(self) -> Store:
        """The store itself: its threads may share it."""
        return self

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (str or bytes)."""
        with self._condition:
            self._data[key] = as_bytes(value)
            self._condition.notify_all()

    def get(self, key: str) -> bytes:
        """The value; blocks until there is one."""
        self.wait([key])
        with self._condition:
            return self._data[key]

    def add(self, key: str, amount: int) -> int:
        """Add to the counter ``key`` (0 at first) and return its new value."""
        with self._condition:
            total = int(self._data.get(key, b"0")) + amount
            self._data[key] = str(total).encode()
            self._condition.notify_all()
            return total

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Store ``desired_value`` if the value is ``expected_value`` (or there is none and '' is expected)."""
        expected = as_bytes(expected_value)
        with self._condition:
            current = self._data.get(key)
            if (current is None and not expected) or (current is not None and current == expected):
                self._data[key] = current = as_bytes(desired_value)
                self._condition.notify_all()
            return expected if current is None else current

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Block until all ``keys`` are there.

        Raises:
            DistStoreError: they were not there in time.
        """
        limit = time.monotonic() + (timeout or self._timeout).total_seconds()
        with self._condition:
            while not all(key in self._data for key in keys):
                left = limit - time.monotonic()
                if left <= 0:
                    raise wait_timeout(timeout or self._timeout, keys)
                self._condition.wait(left)

    def check(self, keys: list[str]) -> bool:
        """Whether all ``keys`` are there."""
        with self._condition:
            return all(key in self._data for key in keys)

    def delete_key(self, key: str) -> bool:
        """Remove; whether it was there."""
        with self._condition:
            return self._data.pop(key, None) is not None

    def num_keys(self) -> int:
        """How many keys there are."""
        with self._condition:
            return len(self._data)

    def append(self, key: str, value: Any) -> None:
        """Append to the value."""
        with self._condition:
            self._data[key] = self._data.get(key, b"") + as_bytes(value)
            self._condition.notify_all()


class PrefixStore(Store):
    """Another store's keys below a prefix."""

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self.prefix = prefix
        self.underlying_store = store

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    @property
    def timeout(self) -> timedelta:
        """How long ``get`` and ``wait`` block."""
        return self.underlying_store.timeout

    def set_timeout(self, timeout: timedelta) -> None:
        """Set how long ``get`` and ``wait`` block."""
        self.underlying_store.set_timeout(timeout)

    def clone(self) -> Store:
        """The same keys of a clone of the underlying store."""
        return PrefixStore(self.prefix, self.underlying_store.clone())

    def close(self) -> None:
        """Let go of the underlying store's connection."""
        self.underlying_store.close()

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (str or bytes)."""
        self.underlying_store.set(self._key(key), value)

    def get(self, key: str) -> bytes:
        """The value; blocks until there is one."""
        return self.underlying_store.get(self._key(key))

    def add(self, key: str, amount: int) -> int:
        """Add to the counter ``key`` (0 at first) and return its new value."""
        return self.underlying_store.add(self._key(key), amount)

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """As of the underlying store."""
        return self.underlying_store.compare_set(self._key(key), expected_value, desired_value)

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Block until all ``keys`` are there."""
        self.underlying_store.wait([self._key(key) for key in keys], timeout)

    def check(self, keys: list[str]) -> bool:
        """Whether all ``keys`` are there."""
        return self.underlying_store.check([self._key(key) for key in keys])

    def delete_key(self, key: str) -> bool:
        """Remove; whether it was there."""
        return self.underlying_store.delete_key(self._key(key))

    def num_keys(self) -> int:
        """How many keys the underlying store has."""
        return self.underlying_store.num_keys()

    def append(self, key: str, value: Any) -> None:
        """Append to the value."""
        self.underlying_store.append(self._key(key), value)
