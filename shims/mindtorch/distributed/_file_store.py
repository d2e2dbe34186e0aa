"""``FileStore``: a store in a file that all processes of a host (or of a shared file system) can open."""

from __future__ import annotations

import fcntl
import os
import struct
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from mindtorch.distributed._progress import progress
from mindtorch.distributed._store import Store, as_bytes, wait_timeout
from mindtorch.distributed._types import DistStoreError

__all__ = ["FileStore"]

_RECORD = struct.Struct("<?qq")  # deleted, length of the key, length of the value
_PAUSE = 0.002
_REST = 0.1
_USERS = "\0users"


class FileStore(Store):
    """Keys and values in the file ``file_name``.

    The file is a log of records that is only appended to, under a lock; every process reads what the others appended.
    The last of ``world_size`` processes that lets go of its store removes the file.
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        super().__init__()
        self.path = file_name
        self._data: dict[str, bytes] = {}
        self._read_to = 0
        self._moves_data = True
        self._closed = False
        self._file = os.open(file_name, os.O_RDWR | os.O_CREAT, 0o644)
        # The finalizer must not hold the store: it opens the file again.
        if world_size > 0:
            weakref.finalize(self, _leave, file_name, self._file, world_size)
        else:
            weakref.finalize(self, os.close, self._file)

    def clone(self) -> FileStore:
        """The same file opened again, for another thread: it lets MPI alone, and looks less often."""
        other = FileStore(self.path)
        other._timeout = self._timeout
        other._moves_data = False
        return other

    def close(self) -> None:
        """End the waiting of another thread."""
        self._closed = True

    @contextmanager
    def _locked(self) -> Iterator[dict[str, bytes]]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._read_to = _read(self._file, self._read_to, self._data)
            yield self._data
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _append(self, key: str, value: bytes | None) -> None:
        self._read_to += _append(self._file, self._read_to, key, value)
        if value is None:
            self._data.pop(key, None)
        else:
            self._data[key] = value

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (str or bytes)."""
        with self._locked():
            self._append(key, as_bytes(value))

    def get(self, key: str) -> bytes:
        """The value; blocks until there is one."""
        self.wait([key])
        with self._locked() as data:
            return data[key]

    def add(self, key: str, amount: int) -> int:
        """Add to the counter ``key`` (0 at first) and return its new value."""
        with self._locked() as data:
            total = int(data.get(key, b"0")) + amount
            self._append(key, str(total).encode())
            return total

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Store ``desired_value`` if the value is ``expected_value`` (or there is none and '' is expected)."""
        expected, desired = as_bytes(expected_value), as_bytes(desired_value)
        with self._locked() as data:
            current = data.get(key)
            if current == expected or (current is None and not expected):
                self._append(key, desired)
                return desired
            return expected if current is None else current

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Block until all ``keys`` are there; DistStoreError if they were not in time."""
        limit = time.monotonic() + (timeout or self._timeout).total_seconds()
        while not self.check(keys):
            if self._closed:
                raise DistStoreError(f"the store {self.path} was closed")
            if time.monotonic() > limit:
                raise wait_timeout(timeout or self._timeout, keys)
            if self._moves_data:
                progress()
            time.sleep(_PAUSE if self._moves_data else _REST)

    def check(self, keys: list[str]) -> bool:
        """Whether all ``keys`` are there."""
        with self._locked() as data:
            return all(key in data for key in keys)

    def delete_key(self, key: str) -> bool:
        """Remove; whether it was there."""
        with self._locked() as data:
            there = key in data
            if there:
                self._append(key, None)
            return there

    def num_keys(self) -> int:
        """How many keys there are."""
        with self._locked() as data:
            return len(data.keys() - {_USERS})

    def append(self, key: str, value: Any) -> None:
        """Append to the value."""
        with self._locked() as data:
            self._append(key, data.get(key, b"") + as_bytes(value))


def _read(file: int, start: int, data: dict[str, bytes]) -> int:
    """Apply the records from ``start`` on to ``data``; where they end."""
    end = os.fstat(file).st_size
    while start < end:
        deleted, key_length, value_length = _RECORD.unpack(os.pread(file, _RECORD.size, start))
        body = os.pread(file, key_length + value_length, start + _RECORD.size)
        key = body[:key_length].decode()
        if deleted:
            data.pop(key, None)
        else:
            data[key] = body[key_length:]
        start += _RECORD.size + key_length + value_length
    return start


def _append(file: int, end: int, key: str, value: bytes | None) -> int:
    """Write one record (None: of a deletion) at the end; its length."""
    name, body = key.encode(), value or b""
    return os.pwrite(file, _RECORD.pack(value is None, len(name), len(body)) + name + body, end)


def _leave(path: str, file: int, world_size: int) -> None:
    fcntl.flock(file, fcntl.LOCK_EX)
    data: dict[str, bytes] = {}
    end = _read(file, 0, data)
    left = int(data.get(_USERS, b"0")) + 1
    _append(file, end, _USERS, str(left).encode())
    if left == world_size and os.path.exists(path):
        os.unlink(path)
    os.close(file)
