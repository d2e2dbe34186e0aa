"""``torch.compile`` and ``torch.compiler``: functions run as they are, which computes the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "list_backends", "reset", "set_stance", "substitute_in_graph",
    "wrap_numpy",
]  # fmt: skip


def compile(model: Any = None, **kwargs: Any) -> Any:
    """`model` itself; as a decorator factory, the identity."""
    return (lambda fn: fn) if model is None else model


def disable(fn: Callable[..., Any] | None = None, recursive: bool = True, **kwargs: Any) -> Any:
    """`fn` itself."""
    return (lambda f: f) if fn is None else fn


def is_compiling() -> bool:
    """Whether the code is being compiled: no."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def allow_in_graph(fn: Any) -> Any:
    """`fn` itself."""
    return fn


assume_constant_result = wrap_numpy = allow_in_graph


def substitute_in_graph(original_fn: Callable[..., Any], **kwargs: Any) -> Callable[[Any], Any]:
    """A decorator that changes nothing: without a graph nothing is substituted in it."""
    return lambda traceable_fn: traceable_fn


def reset() -> None:
    """Nothing was compiled, so nothing is forgotten."""


def cudagraph_mark_step_begin() -> None:
    """There are no CUDA graphs."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The compilers that ``torch.compile`` knows: none."""
    return []


@contextlib.contextmanager
def set_stance(stance: str = "default", **kwargs: Any) -> Iterator[None]:
    """Accepted: every stance runs functions as they are."""
    yield


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
