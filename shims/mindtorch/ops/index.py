"""Indexing, gathering and scattering."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array, meta_array
from .._device import META
from .._dtype import INTEGRAL, int32, int64, uint8
from .._dtype import bool as bool_
from .._tensor import Tensor, _wrap_dim, wrap
from ..kernels import call
from ._overlap import into_apart
from ._prim import Prim
from ._promote import cast
from ._registry import op


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


@op()
def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    if out is not None:
        return into_apart("take_along_dim", _take_along_dim, out, input, indices, dim)
    return _take_along_dim(input, indices, dim)


def _take_along_dim(input: Tensor, indices: Tensor, dim: int | None) -> Tensor:
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    dim = _wrap_dim(dim, input.dim())
    indices = indices + (indices < 0) * input.shape[dim]
    lead = np.broadcast_shapes(*[tuple(1 if i == dim else n for i, n in enumerate(t.shape)) for t in (input, indices)])
    x = input.expand(tuple(input.shape[dim] if i == dim else n for i, n in enumerate(lead)))
    return gather(x, dim, indices.expand(tuple(indices.shape[dim] if i == dim else n for i, n in enumerate(lead))))


# ------------------------------------------------------------------ advanced indexing
def _split_operands(arrays: tuple[Any, ...], slots: tuple[bool, ...]) -> tuple[Any, ...]:
    """NumPy's index tuple: the index arrays where `slots` says so, full slices elsewhere."""
    it = iter(arrays)
    return tuple(next(it) if s else slice(None) for s in slots)


def _get_array(a: Array, *rest: Any) -> Array:
    *indices, slots = rest
    _check_bounds(a, indices, slots)
    return call("index", a, _split_operands(tuple(indices), slots))


def _check_bounds(a: Array, indices: list[Any], slots: tuple[bool, ...]) -> None:
    dims = [d for d, s in enumerate(slots) if s]
    for d, index in zip(dims, indices, strict=True):
        n, x = a.shape[d], index.np
        if x.size and index.device is not META and (x.min() < -n or x.max() >= n):
            bad = x[(x < -n) | (x >= n)].flat[0]
            raise IndexError(f"index {bad} is out of bounds for dimension {d} with size {n}")


def _get_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    slots = c.params[0]
    indices = tuple(c.input(i) for i in range(1, len(c.shapes)))
    zeros = g.new_zeros(c.shapes[0])
    return (_put((zeros, g, *indices), slots, True), *(None for _ in indices))


def _get_prim(count: int) -> Prim:
    return Prim("index", _get_array, _get_grad, save=tuple(range(1, count + 1)))


def _put_array(a: Array, values: Array, *rest: Any) -> Array:
    *indices, slots, accumulate = rest
    _check_bounds(a, indices, slots)
    if a.dtype is not values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {_name(a)} for the destination and "
            f"{_name(values)} for the source."
        )
    return call(
        "index_put_accumulate" if accumulate else "index_put", a, _split_operands(tuple(indices), slots), values
    )


def _name(a: Array) -> str:
    from ._registry import type_name

    return type_name(a.dtype)


def _put_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    slots, accumulate = c.params
    indices = tuple(c.input(i) for i in range(2, len(c.shapes)))
    g_self = g_values = None
    if c.needs[0]:
        g_self = g if accumulate else _put((g, g.new_zeros(()), *indices), slots, False)
    if c.needs[1]:
        g_values = _get((g, *indices), slots)
    return (g_self, g_values, *(None for _ in indices))


_GET = {n: _get_prim(n) for n in range(1, 9)}
_PUT = {n: Prim("index_put", _put_array, _put_grad, save=tuple(range(2, n + 2))) for n in range(1, 9)}


def _get(operands: tuple[Any, ...], slots: tuple[bool, ...]) -> Tensor:
    return _GET[len(operands) - 1](operands, slots)


def _put(operands: tuple[Any, ...], slots: tuple[bool, ...], accumulate: bool) -> Tensor:
    return _PUT[len(operands) - 2](operands, slots, accumulate)


def _as_index(x: Any, device: Any) -> Any:
    """Lists and NumPy arrays as tensors; uint8 masks as bool."""
    from .creation import tensor

    if isinstance(x, (list, np.ndarray)):
        x = tensor(x, dtype=int64) if isinstance(x, list) and not x else tensor(x)
    if isinstance(x, Tensor) and x.dtype is uint8:
        x = x.to(bool_)
    return x


def _basic(input: Tensor, key: Any, written: bool = False) -> tuple[Tensor, list[Tensor], tuple[bool, ...]]:
    """Apply ints, slices, None and Ellipsis as views; what is left are index tensors and their dimensions.

    `written`: the places are written to, so that on the meta device it does not matter where a mask holds.
    """
    key = key if isinstance(key, tuple) else (key,)
    if isinstance(key, tuple) and any(isinstance(k, (list, np.ndarray)) for k in key):
        key = tuple(_as_index(k, input.device) for k in key)
    used = 0
    for k in key:
        if isinstance(k, Tensor) and k.dtype in (bool_, uint8):
            used += k.dim()
        elif k is not None and k is not Ellipsis and not isinstance(k, bool):
            used += 1
    if used > input.dim():
        raise IndexError(f"too many indices for tensor of dimension {input.dim()}")
    out, dim = input, 0
    indices: list[tuple[int, Tensor]] = []
    for k in key:
        if k is Ellipsis:
            dim += input.dim() - used
        elif k is None:
            out = out.unsqueeze(dim)
            dim += 1
        elif isinstance(k, bool) or (isinstance(k, Tensor) and k.dtype is bool_ and k.dim() == 0):
            out = out.unsqueeze(dim)
            indices.append((dim, wrap(Array(np.zeros(1 if bool(k) else 0, np.int64)))))
            dim += 1
        elif isinstance(k, slice):
            out = _slice(out, dim, k)
            dim += 1
        elif isinstance(k, Tensor):
            k = _as_index(k, input.device)
            if k.dtype is bool_:
                for j, n in enumerate(k.shape):
                    if n != out.shape[dim + j]:
                        raise IndexError(
                            f"The shape of the mask {list(k.shape)} at index {j} does not match the shape of the "
                            f"indexed tensor {list(input.shape)} at index {dim + j}"
                        )
                unknown = k.new_empty((1,), dtype=int64) if written and k.is_meta else None
                for found in k.detach().nonzero(as_tuple=True) if unknown is None else [unknown] * k.dim():
                    indices.append((dim, found))
                    dim += 1
            elif k.dtype.category != INTEGRAL:
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            else:
                indices.append((dim, k.to(int64)))
                dim += 1
        elif isinstance(k, int) or hasattr(k, "__index__"):
            try:
                out = out.select(dim, k.__index__())
            except IndexError:
                n = out._arr.shape[dim]
                raise IndexError(f"index {k.__index__()} is out of bounds for dimension {dim} with size {n}") from None
        elif isinstance(k, (list, tuple, range)):
            indices.append((dim, _as_index(list(k), input.device)))
            dim += 1
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                f"(got {type(k).__name__})"
            )
    slots = [False] * out.dim()
    for d, _ in indices:
        slots[d] = True
    return out, [t for _, t in indices], tuple(slots)


def _slice(x: Tensor, dim: int, s: slice) -> Tensor:
    n = x._arr.shape[dim]
    step = 1 if s.step is None else s.step.__index__()
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = slice(
        None if s.start is None else s.start.__index__(), None if s.stop is None else s.stop.__index__()
    ).indices(n)
    return x._slice(dim, start, max(0, -(-(stop - start) // step)), step)


_alias = Prim("alias", lambda a: a.as_strided(a.shape, a.strides, a.offset), lambda c, g: (g,), view="")


@op("__getitem__", module=None)
def getitem(input: Tensor, key: Any) -> Tensor:
    out, indices, slots = _basic(input, key)
    if not indices:
        return _alias((input,)) if out is input else out
    return _get((out, *indices), slots)


@op("__setitem__", module=None)
def setitem(input: Tensor, key: Any, value: Any) -> None:
    out, indices, slots = _basic(input, key, True)
    masks = [k for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, Tensor) and k.dtype is bool_]
    if not isinstance(value, Tensor):
        value = input.new_tensor(value)
    elif value.numel() == 1 and len(masks) == len(indices) == 1:  # a fill, which converts
        value = value.to(out.dtype)
    if not indices:
        out.copy_(_without_leading(value, out.dim()))
        return
    _put_inplace(out, indices, slots, value, False)


def _without_leading(value: Tensor, ndim: int) -> Tensor:
    """`value` without leading dimensions of size 1 beyond `ndim`: an assignment drops them."""
    lead = value.dim() - ndim
    return value.reshape(value.shape[lead:]) if lead > 0 and all(n == 1 for n in value.shape[:lead]) else value


def _put_inplace(out: Tensor, indices: list[Tensor], slots: Any, values: Tensor, accumulate: bool) -> Tensor:
    from ..tape import inplace
    from ..tape.grad_mode import mode

    recorded = mode.enabled and (out.requires_grad or values.requires_grad)
    inplace.check(out, recorded)
    shape = np.broadcast_shapes(*[tuple(i.shape) for i in indices])
    rest = tuple(n for n, s in zip(out.shape, slots, strict=True) if not s)
    values = _without_leading(values, len(shape) + len(rest))
    source = inplace.shadow(out) if recorded else out
    return inplace.write(out, _put((source, values, *indices), slots, accumulate))


def _index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool) -> Tensor:
    out, found, slots = _basic(input, tuple(indices), True)
    return _put((out, values, *found), slots, accumulate)


@op(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    return _index_put(input, [slice(None) if i is None else i for i in indices], values, accumulate)


_masked_select = Prim(
    "masked_select", lambda a, m: call("masked_select", a, m),
    lambda c, g: (g.new_zeros(c.shapes[0]).masked_scatter(c.input(1), g), None), save=(1,),
)  # fmt: skip


@op()
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    if out is not None:
        return into_apart("masked_select", _selected, out, input, mask)
    return _selected(input, mask)


def _selected(input: Tensor, mask: Tensor) -> Tensor:
    from .shape import broadcast_tensors

    if mask.dtype is not bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    m, x = broadcast_tensors(mask, input)
    return _masked_select((x, m))


@op()
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    if out is not None:
        return into_apart("take", _take, out, input, index)
    return _take(input, index)


def _take(input: Tensor, index: Tensor) -> Tensor:
    if index.dtype is not int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {_name(index._arr)}")
    if input.numel() == 0 and index.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    return _get((input.reshape(-1), index), (True,))


def _unsafe(input: Tensor, mask: Tensor, indices: Any) -> tuple[Tensor, ...]:
    """Indices where the mask holds; elsewhere 0, which is in bounds."""
    return tuple(slice(None) if i is None else i.masked_fill(~mask, 0) for i in indices)


@op("_unsafe_masked_index", method=False)
def unsafe_masked_index(input: Tensor, mask: Tensor, indices: Any, fill: Any) -> Tensor:
    """``input[indices]`` where `mask` holds, `fill` elsewhere (there the indices may be out of bounds)."""
    return input[_unsafe(input, mask, indices)].masked_fill(~mask, fill)


@op("_unsafe_masked_index_put_accumulate", method=False)
def unsafe_masked_index_put_accumulate(input: Tensor, mask: Tensor, indices: Any, values: Tensor) -> Tensor:
    """The input with `values` added at `indices` where `mask` holds."""
    return _index_put(input, _unsafe(input, mask, indices), values.masked_fill(~mask, 0), True)
