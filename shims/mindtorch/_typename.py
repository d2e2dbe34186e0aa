"""``torch.typename``: what a value is, as messages print it."""

from __future__ import annotations

from typing import Any

from mindtorch._tensor import Tensor

__all__ = ["typename"]


def typename(obj: Any, /) -> str:
    """'torch.FloatTensor' for a tensor, the plain name for a built-in type, else the name with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    if kind.__module__ in ("", "builtins", "__builtin__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
