"""Subscripts: ``x[key]`` and ``x[key] = value`` with any mixture of numbers, slices, masks and index tensors."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from .._array import Array
from .._device import CPU, META
from .._dtype import INTEGRAL, int64, uint8
from .._dtype import bool as bool_
from .._tensor import Tensor, wrap
from ..kernels import call
from ._prim import Prim
from ._registry import op
from .view import MAX_DIMS, too_many


def _split_operands(a: Array, arrays: list[Any], slots: tuple[bool, ...]) -> tuple[Any, ...]:
    """NumPy's index tuple: the index arrays where `slots` says so, full slices elsewhere.

    Indices on the CPU go with a tensor on any device.
    """
    it = iter([i.on(a.device) if i.device is CPU and a.device is not CPU else i for i in arrays])
    return tuple(next(it) if s else slice(None) for s in slots)


def _get_array(a: Array, *rest: Any) -> Array:
    *indices, slots = rest
    _check_bounds(a, indices, slots)
    _window_shape(a.shape, indices, slots)
    return call("index", a, _split_operands(a, indices, slots))


def _check_bounds(a: Array, indices: list[Any], slots: tuple[bool, ...]) -> None:
    dims = [d for d, s in enumerate(slots) if s]
    for d, index in zip(dims, indices, strict=True):
        n, x = a.shape[d], index.np
        if x.size and index.device is not META and (x.min() < -n or x.max() >= n):
            bad = x[(x < -n) | (x >= n)].flat[0]
            raise IndexError(f"index {bad} is out of bounds for dimension {d} with size {n}")


def _window_shape(shape: tuple[int, ...], indices: list[Array], slots: tuple[bool, ...]) -> tuple[int, ...]:
    """The shape of what the indices pick. Raises IndexError where they do not broadcast."""
    if len(indices) == 1:
        among = indices[0].shape
    else:
        try:
            among = np.broadcast_shapes(*[i.shape for i in indices])
        except ValueError:
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                + ", ".join(str(list(i.shape)) for i in indices)
            ) from None
    dims = [d for d, s in enumerate(slots) if s]
    rest = [n for n, s in zip(shape, slots, strict=True) if not s]
    if len(among) + len(rest) > MAX_DIMS:
        raise too_many(len(among) + len(rest))
    # Indices that stand together leave their dimensions in place; others put them first.
    at = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    return (*rest[:at], *among, *rest[at:])


def _get_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    slots = c.params[0]
    indices = tuple(c.input(i) for i in range(1, len(c.shapes)))
    zeros = g.new_zeros(c.shapes[0])
    return (_put((zeros, g, *indices), slots, True), *(None for _ in indices))


@functools.cache
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
    window = _window_shape(a.shape, indices, slots)
    have = values.shape
    if len(have) > len(window) or any(
        n not in (1, m) for n, m in zip(have, window[len(window) - len(have) :], strict=True)
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape "
            f"{list(window)}"
        )
    return call(
        "index_put_accumulate" if accumulate else "index_put", a, _split_operands(a, indices, slots), values
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


@functools.cache
def _put_prim(count: int) -> Prim:
    return Prim("index_put", _put_array, _put_grad, save=tuple(range(2, count + 2)))


def _get(operands: tuple[Any, ...], slots: tuple[bool, ...]) -> Tensor:
    return _get_prim(len(operands) - 1)(operands, slots)


def _put(operands: tuple[Any, ...], slots: tuple[bool, ...], accumulate: bool) -> Tensor:
    return _put_prim(len(operands) - 2)(operands, slots, accumulate)


def _parts(key: Any) -> tuple[Any, ...]:
    """The parts of a key. A list of anything but numbers is taken for a tuple."""
    if isinstance(key, list) and len(key) < MAX_DIMS and any(
        k is None or k is Ellipsis or isinstance(k, (Tensor, list, tuple, slice, np.ndarray)) for k in key
    ):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated: use x[tuple(seq)] instead of "
            "x[seq].",
            stacklevel=4,
        )
        key = tuple(key)
    return tuple(map(_part, key)) if isinstance(key, tuple) else (_part(key),)


def _part(k: Any) -> Any:
    """Sequences as tensors; tensors without dimensions as numbers or truth values, as they act."""
    if type(k) in (int, slice):
        return k
    if isinstance(k, (list, tuple, range, np.ndarray)):
        from .creation import tensor

        return tensor(k) if len(k) else tensor(k, dtype=int64)
    if isinstance(k, Tensor) and not k._arr.shape and k._arr.device is not META:
        if k.dtype in (bool_, uint8):
            return bool(k.item())
        return int(k.item()) if k.dtype.category == INTEGRAL else k
    return bool(k) if isinstance(k, np.bool_) else k


def _basic(
    input: Tensor, key: tuple[Any, ...], written: bool = False
) -> tuple[Tensor, list[Tensor], tuple[bool, ...]]:
    """Apply ints, slices, None and Ellipsis as views; what is left are index tensors and their dimensions.

    `written`: the places are written to, so that on the meta device it does not matter where a mask holds.
    """
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
            if k.dtype is uint8:
                k = k.to(bool_)
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
    out, indices, slots = _basic(input, _parts(key))
    if not indices:
        return _alias((input,)) if out is input else out
    return _get((out, *indices), slots)


@op("__setitem__", module=None)
def setitem(input: Tensor, key: Any, value: Any) -> None:
    parts = _parts(key)
    out, indices, slots = _basic(input, parts, True)
    value = _value(out, parts, value if isinstance(value, Tensor) else input.new_tensor(value))
    if not indices:
        out.copy_(_without_leading(value, out.dim()))
        return
    _put_inplace(out, indices, slots, value, False)


def _value(out: Tensor, parts: tuple[Any, ...], value: Tensor) -> Tensor:
    """What is assigned: one element where one mask holds is a fill, which converts and ignores the value's shape."""
    found = [k for k in parts if isinstance(k, (Tensor, bool))]
    if value.numel() != 1 or len(found) != 1 or isinstance(found[0], bool) or found[0].dtype not in (bool_, uint8):
        return value
    if found[0].dtype is uint8:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype unsigned char")
    return value.to(out.dtype).reshape(())


def _without_leading(value: Tensor, ndim: int) -> Tensor:
    """`value` without leading dimensions of size 1 beyond `ndim`: an assignment drops them."""
    lead = value.dim() - ndim
    return value.reshape(value.shape[lead:]) if lead > 0 and all(n == 1 for n in value.shape[:lead]) else value


def _put_inplace(out: Tensor, indices: list[Tensor], slots: Any, values: Tensor, accumulate: bool) -> Tensor:
    from ..tape import inplace
    from ..tape.grad_mode import mode

    recorded = mode.enabled and (out.requires_grad or values.requires_grad)
    inplace.check(out, recorded)
    values = _without_leading(values, len(_window_shape(out._arr.shape, [i._arr for i in indices], slots)))
    source = inplace.shadow(out) if recorded else out
    return inplace.write(out, _put((source, values, *indices), slots, accumulate))


def _index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool) -> Tensor:
    parts = tuple(indices)
    out, found, slots = _basic(input, parts, True)
    if not accumulate:
        values = _value(out, parts, values)
    return _put((out, values, *found), slots, accumulate)


@op(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    return _index_put(input, [slice(None) if i is None else i for i in indices], values, accumulate)


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
