"""``torch.futures``: results that arrive later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]


_T = TypeVar("_T")


class Future(Generic[_T]):
    """A value, or an error, that another thread sets once."""

    def __init__(self, *, devices: Any = None) -> None:
        self._condition = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[Any]], Any]] = []
        self._sources: list[Future] = []

    def done(self) -> bool:
        """Whether a value or an error was set."""
        if not self._done:
            for source in self._sources:
                source.done()
        return self._done

    def _drive(self) -> None:
        """Bring about what this waits for, where nobody else does: a collective completes while it is waited for."""
        for source in self._sources:
            source._drive()

    def wait(self) -> Any:
        """Block until it is done; return the value or raise the error."""
        self._drive()
        with self._condition:
            while not self._done:
                self._condition.wait()
        return self.value()

    def value(self) -> Any:
        """The value of a future that is done; raises its error."""
        if not self._done:
            raise RuntimeError("Future::value() called on an incomplete future; call wait() first")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._condition:
            if self._done:
                raise RuntimeError("Attempting to mark a completed Future as complete again.")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            callback(self)

    def set_result(self, result: Any) -> None:
        """Set the value; only once."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error that ``wait`` raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback: Callable[[Future[Any]], Any]) -> None:
        """Call ``callback(self)`` when done (at once if it is)."""
        with self._condition:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future[Any]], Any]) -> Future:
        """A future of ``callback(self)``."""
        chained = Future()
        chained._sources = [self]

        def run(source: Future) -> None:
            try:
                value = callback(source)
            except Exception as error:
                # Delivered to whoever waits for the chained future.
                chained.set_exception(error)
            else:
                chained.set_result(value)

        self.add_done_callback(run)
        return chained


def collect_all(futures: list[Future]) -> Future:
    """A future of the list ``futures``, done when all of them are."""
    collected = Future()
    collected._sources = list(futures)
    lock = threading.Lock()
    left = len(futures)
    if not left:
        collected.set_result([])

    def one_done(_: Future) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            collected.set_result(futures)

    for future in futures:
        future.add_done_callback(one_done)
    return collected


def wait_all(futures: list[Future]) -> list[Any]:
    """Wait for all and return their values; raises the first error."""
    return [future.wait() for future in collect_all(futures).wait()]
