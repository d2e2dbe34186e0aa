"""``torch._dynamo``: there is no graph compiler here; switching it off is accepted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .compiler import allow_in_graph, disable, is_compiling, reset

__all__ = ["allow_in_graph", "config", "disable", "graph_break", "is_compiling", "mark_dynamic", "optimize", "reset"]

config = SimpleNamespace(cache_size_limit=8, suppress_errors=False, verbose=False)
"""Settings of the compiler; kept, and read by nobody."""


def optimize(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """A decorator that changes nothing."""
    return lambda fn: fn


def graph_break(msg: str = "") -> None:
    """There is no graph to break."""


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Every size is dynamic here."""
