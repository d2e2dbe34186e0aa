"""Positions of elements: where a tensor is not zero, and what a flat position is along each dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._array import contiguous_strides
from .._dtype import INTEGRAL, int64
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op

_nonzero = Prim("nonzero", lambda a: call("nonzero", a))


@op(out=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    found = _nonzero((input.detach(),))
    if as_tuple:
        if input.dim() == 0:
            return (found.new_zeros((found.shape[0],)),)
        return tuple(found[:, d].clone() for d in range(input.dim()))
    return found


@op()
def argwhere(input: Tensor) -> Tensor:
    return nonzero(input)


@op(out=True)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    if input.is_meta:
        return input.new_empty((size, input.dim()), dtype=int64)
    found = nonzero(input)[:size]
    out = found.new_full((size, input.dim()), fill_value)
    out[: found.shape[0]] = found
    return out


@op(method=False)
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates in a tensor of `shape` of flat positions; these wrap around."""
    if indices.dtype.category != INTEGRAL:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, Sequence)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    if not sizes:
        return ()
    steps = indices.new_tensor(contiguous_strides(sizes), dtype=int64)
    found = indices.detach().unsqueeze(-1).to(int64).floor_divide(steps)
    return found.remainder(indices.new_tensor(sizes, dtype=int64)).unbind(-1)
