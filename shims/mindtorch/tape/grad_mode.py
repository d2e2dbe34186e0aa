"""Grad mode: one flag per thread, and its context managers, which are decorators too."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class _GradMode(threading.local):
    enabled: bool = True
    inference: bool = False


mode = _GradMode()


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return mode.inference


class _Context:
    """Context manager that decorates functions and generator functions as well."""

    def clone(self) -> _Context:
        return self.__class__()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: Any) -> None:
        raise NotImplementedError

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isclass(func):
            func.__init__ = self(func.__init__)  # type: ignore[misc]
            return func
        if inspect.isgeneratorfunction(func):
            return self._wrap_generator(func)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return func(*args, **kwargs)

        return wrapper

    def _wrap_generator(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # The mode holds while the generator's body runs, not while its consumer does.
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            gen = func(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, gen)
            while True:
                try:
                    with self.clone():
                        item = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                except GeneratorExit:
                    with self.clone():
                        gen.close()
                    raise
                except BaseException as exc:
                    step = functools.partial(gen.throw, exc)
                else:
                    step = functools.partial(gen.send, sent)

        return wrapper


class _SetMode(_Context):
    target = False

    def __enter__(self) -> None:
        self._previous = mode.enabled
        mode.enabled = self.target

    def __exit__(self, *exc: Any) -> None:
        mode.enabled = self._previous


class no_grad(_SetMode):
    """Disables recording."""

    target = False

    def __new__(cls, func: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        return self if func is None else self(func)

    def __init__(self, func: Callable[..., Any] | None = None) -> None:
        pass


class enable_grad(no_grad):
    """Enables recording inside ``no_grad``."""

    target = True


class set_grad_enabled(_SetMode):
    """Sets recording; takes effect when constructed, and is undone when used as a context manager."""

    def __init__(self, mode: bool) -> None:
        self._previous = globals()["mode"].enabled
        self.target = bool(mode)
        globals()["mode"].enabled = self.target

    def clone(self) -> set_grad_enabled:
        return self.__class__(self.target)

    def __enter__(self) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        mode.enabled = self._previous
        return super().__call__(func)

    def __str__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.target})"


class inference_mode(_Context):
    """Disables recording; tensors made inside are ordinary tensors that require no grad."""

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if callable(mode):
            self.__init__()  # type: ignore[misc]
            return self(mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        self._target = bool(mode)

    def clone(self) -> inference_mode:
        return self.__class__(self._target)

    def __enter__(self) -> None:
        self._saved = mode.enabled, mode.inference
        if self._target:
            mode.enabled = False
        mode.inference = self._target

    def __exit__(self, *exc: Any) -> None:
        mode.enabled, mode.inference = self._saved
