"""Shape functions of kernels that arrange or order elements."""

from __future__ import annotations

from ..._array import Array
from ..._dtype import int64
from ._registry import Outline, Shape, outline, replaced


@outline("tril", "triu", "flip", "roll")
def same(x: Array, *_: object) -> Outline:
    """As the operand."""
    return x.shape, x.dtype


@outline("cat")
def cat(arrays: tuple[Array, ...], dim: int) -> Outline:
    first = arrays[0]
    for x in arrays:
        for d, (n, m) in enumerate(zip(x.shape, first.shape, strict=True)):
            if d != dim % len(first.shape) and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {m} but got size {n} in "
                    f"dimension {d}"
                )
    return replaced(first.shape, dim, sum(x.shape[dim] for x in arrays)), first.dtype


@outline("tile")
def tile(x: Array, repeats: Shape) -> Outline:
    shape = (1,) * (len(repeats) - len(x.shape)) + x.shape
    return tuple(n * k for n, k in zip(shape, repeats, strict=True)), x.dtype


@outline("constant_pad")
def constant_pad(x: Array, widths: tuple[tuple[int, int], ...], value: float) -> Outline:
    return tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)), x.dtype


@outline("sort")
def sort(x: Array, dim: int, descending: bool) -> list[Outline]:
    return [(x.shape, x.dtype), (x.shape, int64)]


@outline("topk")
def topk(x: Array, k: int, dim: int, largest: bool) -> list[Outline]:
    shape = replaced(x.shape, dim, k)
    return [(shape, x.dtype), (shape, int64)]


@outline("kthvalue")
def kthvalue(x: Array, k: int, dim: int) -> list[Outline]:
    return one(x, dim)


@outline("median", "mode")
def one(x: Array, dim: int, *_: object) -> list[Outline]:
    """One element along dim, and its position."""
    shape = replaced(x.shape, dim, 1)
    return [(shape, x.dtype), (shape, int64)]
