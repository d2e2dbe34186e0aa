"""``torch.jit``: there is no TorchScript here. Scripting returns the Python function, which computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._support import missing_attribute


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """`obj` itself."""
    return obj


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorator that changes nothing."""
    return drop if callable(drop) else (lambda fn: fn)


def unused(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def export(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def is_scripting() -> bool:
    return False


def is_tracing() -> bool:
    return False


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
