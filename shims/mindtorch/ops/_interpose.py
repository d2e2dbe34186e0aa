"""What may stand between a caller and an operator: autocast, and the profiler.

While nothing does, which is nearly always, a call of an operator pays for one look at ``active``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[[str, str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Called with the operator's name, its module, what to call in the end, and the arguments."""

active: tuple[Handler, ...] = ()
"""From the outermost to the innermost."""

_counts: dict[Handler, int] = {}


def add(handler: Handler) -> None:
    """Put a handler before all operators. As many calls of :func:`remove` take it away again."""
    global active
    _counts[handler] = _counts.get(handler, 0) + 1
    if _counts[handler] == 1:
        active = (*active, handler)


def remove(handler: Handler) -> None:
    """Undo one :func:`add`."""
    global active
    _counts[handler] -= 1
    if not _counts[handler]:
        del _counts[handler]
        active = tuple(h for h in active if h is not handler)


def run(name: str, module: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The operator's call through all handlers."""
    for handler in reversed(active):
        call = _through(handler, name, module, call)
    return call(*args, **kwargs)


def _through(handler: Handler, name: str, module: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return handler(name, module, call, args, kwargs)

    return wrapped
