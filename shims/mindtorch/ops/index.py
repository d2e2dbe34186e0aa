"""Picking elements: index_select, gather, take and masked_select."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array, meta_array
from .._device import META
from .._dtype import bool as bool_
from .._dtype import int32, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._promote import cast
from ._registry import op
from .subscript import _get, _name


def _index_array(index: Array, size: int, what: str) -> Array:
    """An int64 index whose entries lie in [0, size); RuntimeError or IndexError otherwise is the caller's."""
    if index.dtype not in (int64, int32):
        raise RuntimeError(f"{what}(): Expected dtype int32/int64 for index")
    a = index.np
    if a.size and index.device is not META and (a.min() < 0 or a.max() >= size):
        bad = a[(a < 0) | (a >= size)].flat[0]
        raise IndexError(f"index {bad} is out of bounds for dimension with size {size}")
    return cast(index, int64)


def _index_select_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    dim, index = c.params[0], c.input(1)
    if not c.shapes[0]:
        return g.sum(), None
    return g.new_zeros(c.shapes[0]).index_add(dim, index.reshape(-1), g), None


def _index_select_array(a: Array, index: Array, dim: int) -> Array:
    if not a.shape:
        return a.as_strided((1,), (1,), a.offset).clone()
    index = _index_array(index, a.shape[dim], "index_select")
    return call("index_select", a, dim, index if index.shape else index.as_strided((1,), (1,), index.offset))


_index_select = Prim("index_select", _index_select_array, _index_select_grad, save=(1,))


@op(out=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    dim = _wrap_dim(dim, input.dim())
    if index.dim() > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    out = _index_select((input, index), dim)
    return out.view(()) if input.dim() == 0 else out


def _gather_array(a: Array, index: Array, dim: int) -> Array:
    if index.dtype not in (int64, int32) and index.size:
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if index.size == 0:
        return Array(np.empty(index.shape, a.dtype._np), a.device, a.dtype)
    if max(len(index.shape), 1) != max(len(a.shape), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for i, (n, m) in enumerate(zip(index.shape, a.shape, strict=False)):
        if i != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no larger than self "
                f"{list(a.shape)} apart from dimension {dim}"
            )
    _bounds(index, a.shape[dim] if a.shape else 1, dim)
    if not a.shape or not index.shape:
        if META in (a.device, index.device):
            return meta_array(index.shape, a.dtype)
        return Array(np.asarray(a.np.reshape(-1)[index.np]), a.device, a.dtype)
    used = tuple(m if i == dim else n for i, (n, m) in enumerate(zip(index.shape, a.shape, strict=True)))
    if used != a.shape:
        a = a.as_strided(used, a.strides, a.offset).contiguous()
    return call("gather", a, dim, cast(index, int64))


def _bounds(index: Array, size: int, dim: int) -> None:
    a = index.np
    if a.size and index.device is not META and (a.min() < 0 or a.max() >= size):
        bad = a[(a < 0) | (a >= size)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {dim} with size {size}")


def _gather_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    zeros = g.new_zeros(c.shapes[0])
    return (zeros if g.numel() == 0 else zeros.scatter_add(c.params[0], c.input(1), g)), None


_gather = Prim("gather", _gather_array, _gather_grad, save=(1,))


@op(out="same")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    return _gather((input, index), _wrap_dim(dim, input.dim()))


@op(out="same")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    dim = _wrap_dim(dim, input.dim())
    indices = indices + (indices < 0) * input.shape[dim]
    lead = np.broadcast_shapes(*[tuple(1 if i == dim else n for i, n in enumerate(t.shape)) for t in (input, indices)])
    x = input.expand(tuple(input.shape[dim] if i == dim else n for i, n in enumerate(lead)))
    return gather(x, dim, indices.expand(tuple(indices.shape[dim] if i == dim else n for i, n in enumerate(lead))))


_masked_select = Prim(
    "masked_select", lambda a, m: call("masked_select", a, m),
    lambda c, g: (g.new_zeros(c.shapes[0]).masked_scatter(c.input(1), g), None), save=(1,),
)  # fmt: skip


@op(out="same")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    from .shape import broadcast_tensors

    if mask.dtype is not bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    m, x = broadcast_tensors(mask, input)
    return _masked_select((x, m))


@op(out="same")
def take(input: Tensor, index: Tensor) -> Tensor:
    if index.dtype is not int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {_name(index._arr)}")
    if input.numel() == 0 and index.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    return _get((input.reshape(-1), index), (True,))
