"""Views' functional forms: ``*_copy`` (the window with memory of its own) and ``*_scatter`` (the whole with one window
replaced)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._array import Array, meta_array
from .._device import META
from .._dtype import contiguous_format
from .._tensor import Tensor, _wrap_dim
from ._prim import Prim
from ._registry import op, type_name
from .slices import (
    _diagonal_array,
    _select_array,
    _slice_array,
    as_strided,
    diagonal,
    narrow,
    select,
    unfold,
)
from .split import split, split_with_sizes, unbind
from .view import expand, permute, squeeze, t, transpose, unsqueeze, view


def _own(view: Tensor) -> Tensor:
    """The view's elements in memory of their own."""
    return view.clone(memory_format=contiguous_format)


def _copy_of(view: str, function: Callable[..., Any]) -> None:
    @op(view + "_copy", method=False, out=True)
    def declared(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = function(input, *args, **kwargs)
        return tuple(_own(x) for x in found) if isinstance(found, tuple) else _own(found)


_VIEWS: dict[str, Callable[..., Any]] = {
    "as_strided": as_strided, "detach": Tensor.detach, "diagonal": diagonal, "expand": expand, "permute": permute,
    "select": select, "split": split, "split_with_sizes": split_with_sizes, "squeeze": squeeze, "t": t,
    "transpose": transpose, "unbind": unbind, "unfold": unfold, "unsqueeze": unsqueeze, "view": view,
}  # fmt: skip
for _name, _function in _VIEWS.items():
    _copy_of(_name, _function)


@op(method=False, out=True)
def alias_copy(input: Tensor) -> Tensor:
    return input.clone()


def _window(n: int, start: Any, end: Any, step: int) -> tuple[int, int, int]:
    """Start, length and step of a slice of a dimension of size n."""
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first, last, _ = slice(start, end).indices(n)
    return first, max(0, -(-(last - first) // step)), step


def slice_of(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """``input[..., start:end:step, ...]`` along `dim`."""
    if input.dim() == 0:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    dim = _wrap_dim(dim, input.dim())
    return input._slice(dim, *_window(input._arr.shape[dim], start, end, step))


@op(out=True)
def narrow_copy(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    if 0 < input.dim() <= dim:  # another class of error than narrow's
        raise RuntimeError("Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.")
    return _own(narrow(input, dim, start, length))


@op(method=False, out=True)
def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    return _own(slice_of(input, dim, start, end, step))


# ------------------------------------------------------------------ scatter
def _replacing(name: str, window: Callable[..., Array], view: Callable[..., Tensor]) -> Prim:
    """The primitive that gives the input with `src` in the window. `window` makes it on arrays, `view` on tensors."""

    def forward(a: Array, src: Array, *where: Any) -> Array:
        out = _whole(a, *where) if name == "as_strided_scatter" else a.clone()
        target = window(out, *where)
        if target.shape != src.shape:
            raise RuntimeError(
                f"expected src to have a size equal to the {name.removesuffix('_scatter')} of self. src size = "
                f"{list(src.shape)}, size of the window = {list(target.shape)}"
            )
        target.write(src)
        return out

    def backward(c: Any, g: Tensor) -> tuple[Any, Any]:
        g_self = prim((g, g.new_zeros(c.shapes[1])), *c.params) if c.needs[0] else None
        return g_self, (_own(view(g, *c.params)) if c.needs[1] else None)

    prim = Prim(name, forward, backward)
    return prim


def _whole(a: Array, *_: Any) -> Array:
    """A copy of the array with the same strides and offset in a copy of its storage."""
    item = a.dtype.itemsize
    data = a.storage.data
    if a.device is META:
        return meta_array((data.size // item,), a.dtype).as_strided(a.shape, a.strides, a.offset)
    block = np.array(data[: data.size // item * item]).view(a.dtype._np)
    return Array(block, a.device, a.dtype).as_strided(a.shape, a.strides, a.offset)


def _check_types(name: str, input: Tensor, src: Tensor) -> None:
    if input.dtype is not src.dtype:
        raise RuntimeError(
            f"expected self.scalar_type() == src.scalar_type() in {name}, but got {type_name(input.dtype)} and "
            f"{type_name(src.dtype)}"
        )


_select_scatter = _replacing("select_scatter", _select_array, Tensor.select)
_slice_scatter = _replacing("slice_scatter", _slice_array, Tensor._slice)
_diagonal_scatter = _replacing("diagonal_scatter", _diagonal_array, Tensor.diagonal)
_as_strided_scatter = _replacing(
    "as_strided_scatter", lambda a, shape, strides, offset: a.as_strided(shape, strides, offset), Tensor.as_strided
)


@op()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    input.detach().select(dim, index)  # refuses what select refuses
    dim = _wrap_dim(dim, input.dim())
    return _select_scatter((input, src), dim, index % input._arr.shape[dim])


@op(out=True)
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    dim = _wrap_dim(dim, input.dim())
    window = _window(input._arr.shape[dim], start, end, step)
    shape = (*input._arr.shape[:dim], window[1], *input._arr.shape[dim + 1 :])
    return _slice_scatter((input, src.expand(shape)), dim, *window)


@op()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    i, j = _wrap_dim(dim1, input.dim()), _wrap_dim(dim2, input.dim())
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal_scatter((input, src), offset, i, j)


@op()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    offset = input._arr.offset if storage_offset is None else storage_offset
    return _as_strided_scatter((input, src), tuple(size), tuple(stride), offset)
