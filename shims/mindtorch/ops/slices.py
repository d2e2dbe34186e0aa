"""Views of a part of a tensor: slice, narrow, select, diagonal, unfold, and as_strided, any window at all."""

from __future__ import annotations

from math import prod
from typing import Any

from .._array import Array, contiguous_strides
from .._dtype import INTEGRAL
from .._tensor import Tensor, _wrap_dim
from ..tape.node import Node
from ._prim import Prim
from ._registry import op
from .view import MAX_DIMS, Shape, too_many, view_as_inplace


def _window(name: str, g: Tensor, shape: Shape, *where: Any) -> Tensor:
    """Zeros of `shape` with `g` written to the window ``zeros.name(*where)``: the backward of a slicing view."""
    out = g.new_zeros(shape)
    getattr(out, name)(*where).copy_(g)
    return out


def _slice_array(a: Array, dim: int, start: int, length: int, step: int) -> Array:
    shape, strides = list(a.shape), list(a.strides)
    shape[dim] = length
    offset = a.offset + start * strides[dim]
    strides[dim] *= step
    return a.as_strided(tuple(shape), tuple(strides), offset)


_slice = Prim("slice", _slice_array, lambda c, g: (_window("_slice", g, c.shapes[0], *c.params),), view="")


@op("_slice", module=None)
def slice_(input: Tensor, dim: int, start: int, length: int, step: int = 1) -> Tensor:
    return _slice((input,), dim, start, length, step)


@op()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    if input.dim() == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = _wrap_dim(dim, input.dim())
    n = input._arr.shape[dim]
    if isinstance(start, Tensor) and (start.dim() or start.dtype.category != INTEGRAL):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return _slice((input,), dim, start, length, 1)


def _select_array(a: Array, dim: int, index: int) -> Array:
    return a.as_strided(
        a.shape[:dim] + a.shape[dim + 1 :], a.strides[:dim] + a.strides[dim + 1 :], a.offset + index * a.strides[dim]
    )


_select = Prim("select", _select_array, lambda c, g: (_window("select", g, c.shapes[0], *c.params),), view="")


@op()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    if input.dim() == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = _wrap_dim(dim, input.dim())
    n = input._arr.shape[dim]
    index = int(index)
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return _select((input,), dim, index + n if index < 0 else index)


def _diagonal_array(a: Array, offset: int, i: int, j: int) -> Array:
    rows, cols = a.shape[i], a.shape[j]
    n = max(min(rows, cols - offset) if offset >= 0 else min(rows + offset, cols), 0)
    start = a.offset + ((offset * a.strides[j] if offset >= 0 else -offset * a.strides[i]) if n else 0)
    keep = [d for d in range(len(a.shape)) if d not in (i, j)]
    shape = (*(a.shape[d] for d in keep), n)
    return a.as_strided(shape, (*(a.strides[d] for d in keep), a.strides[i] + a.strides[j]), start)


_diagonal = Prim("diagonal", _diagonal_array, lambda c, g: (_window("diagonal", g, c.shapes[0], *c.params),), view="")


@op()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    i, j = _wrap_dim(dim1, input.dim()), _wrap_dim(dim2, input.dim())
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal((input,), offset, i, j)


def _as_strided_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """Scatter into a storage-shaped buffer, then look at it through the input's window."""
    from .creation import arange, zeros

    shape, strides, offset, in_shape, in_strides, in_offset = c.params
    start = min(offset, in_offset)
    end = max(_extent(shape, strides, offset), _extent(in_shape, in_strides, in_offset))
    if prod(shape) == end - start and strides == contiguous_strides(shape):
        buffer = g.contiguous().view(-1)
    elif not _repeats(shape, strides):
        buffer = zeros((max(end - start, 0),), dtype=g.dtype, device=g.device)
        buffer.as_strided(shape, strides, offset - start).copy_(g)
    else:
        buffer = zeros((end - start,), dtype=g.dtype, device=g.device)
        where = arange(buffer.numel(), device=g.device).as_strided(shape, strides, offset - start)
        buffer = buffer.index_add(0, where.reshape(-1), g.reshape(-1))
    if any(s == 0 and n > 1 for s, n in zip(in_strides, in_shape, strict=True)):
        raise NotImplementedError("the gradient of as_strided of an expanded tensor is not supported by mindtorch yet")
    return (buffer.as_strided(in_shape, in_strides, in_offset - start),)


def _repeats(shape: Shape, strides: Shape) -> bool:
    """Whether a window may have an element twice."""
    if 0 in shape:
        return False
    end = 1
    for stride, n in sorted((s, n) for s, n in zip(strides, shape, strict=True) if n > 1):
        if stride < end:
            return True
        end += (n - 1) * stride
    return False


def _extent(shape: Shape, strides: Shape, offset: int) -> int:
    return offset if 0 in shape else offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


_as_strided = Prim(
    "as_strided", lambda a, shape, strides, offset, *_: a.as_strided(shape, strides, offset), _as_strided_grad, view=""
)


@op()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    a = input._arr
    shape, strides = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    if len(shape) > MAX_DIMS:
        raise too_many(len(shape))
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    offset = a.offset if storage_offset is None else storage_offset
    return _as_strided((input,), shape, strides, offset, a.shape, a.strides, a.offset)


view_as_inplace("as_strided")


def as_strided_node(base: Tensor, shape: Shape, strides: Shape, offset: int) -> Node:
    """The history of a view whose base was written to in place."""
    b = base._arr
    params = shape, strides, offset, b.shape, b.strides, b.offset
    metas = [(shape, b.dtype, b.device)]
    return _as_strided.node_class(_as_strided, [base._gradient_edge()], metas, params, (b.shape,))


def _unfold_array(a: Array, dim: int, size: int, step: int) -> Array:
    if not a.shape:
        return a.as_strided((size,), (1,), a.offset)
    n = (a.shape[dim] - size) // step + 1
    shape, strides = list(a.shape), list(a.strides)
    shape[dim], strides[dim] = n, strides[dim] * step
    return a.as_strided((*shape, size), (*strides, a.strides[dim]), a.offset)


def _unfold_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    from .creation import arange

    shape = c.shapes[0]
    where = arange(prod(shape)).view(shape).unfold(*c.params)
    return (g.new_zeros((prod(shape),)).index_add(0, where.reshape(-1), g.reshape(-1)).view(shape),)


_unfold = Prim("unfold", _unfold_array, _unfold_grad, view="")


@op(module=None)
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    dim = _wrap_dim(dimension, input.dim())
    n = input._arr.shape[dim] if input.dim() else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if input.dim() == MAX_DIMS:
        raise too_many(MAX_DIMS + 1)
    return _unfold((input,), dim, size, step)
