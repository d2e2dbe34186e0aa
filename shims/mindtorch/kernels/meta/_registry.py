"""Registration of shape functions: what a kernel returns, known from its operands' shapes and dtypes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._array import Array, meta_array
from ..._dtype import dtype

Shape = tuple[int, ...]
Outline = tuple[Shape, dtype]
"""Shape and dtype of one result."""

OUTLINES: dict[str, Callable[..., Outline | list[Outline]]] = {}
"""By kernel: takes what the kernel takes, arrays with a shape and a dtype only; one outline, or a list for a tuple."""


def outline(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: register a shape function for these kernels."""

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            if name in OUTLINES:
                raise ValueError(f"shape function of {name!r} is registered twice")
            OUTLINES[name] = fn
        return fn

    return register


def made(found: Outline | list[Outline]) -> Array | tuple[Array, ...]:
    """Meta arrays of these outlines."""
    if isinstance(found, list):
        return tuple(meta_array(*one) for one in found)
    return meta_array(*found)


def replaced(shape: Shape, dim: int, n: int) -> Shape:
    """`shape` with `n` for its entry `dim`."""
    dim %= max(len(shape), 1)
    return (*shape[:dim], n, *shape[dim + 1 :])
