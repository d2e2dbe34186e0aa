"""``torch.compile`` and ``torch.compiler``: functions run as they are, which computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute


def compile(model: Any = None, **kwargs: Any) -> Any:
    """`model` itself; as a decorator factory, the identity."""
    return (lambda fn: fn) if model is None else model


def disable(fn: Callable[..., Any] | None = None, recursive: bool = True, **kwargs: Any) -> Any:
    """`fn` itself."""
    return (lambda f: f) if fn is None else fn


def is_compiling() -> bool:
    return False


is_dynamo_compiling = is_compiling


def allow_in_graph(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
