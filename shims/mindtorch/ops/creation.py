"""Factory functions. They allocate and fill memory; nothing here is differentiable."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _device as devices
from .._array import Array, cast_numpy, contiguous_strides, meta_array
from .._device import META
from .._dtype import (
    FLOATING,
    complex32,
    dtype,
    from_numpy_dtype,
    get_default_dtype,
    int64,
    strided,
)
from .._dtype import bool as bool_
from .._no_data import NoData
from .._tensor import Tensor, wrap
from ._promote import check_value, scalar_dtype
from ._registry import invalid_operands, op, type_name
from .memory_format import arranged, check_format, format_strides, strides_like
from .view import MAX_DIMS, ints, too_many


def _finish(a: np.ndarray, device: Any, requires_grad: bool, d: dtype | None = None) -> Tensor:
    dev = devices.resolve(device)
    t = wrap(Array(a, dev, d) if dev is not META else meta_array(a.shape, d or from_numpy_dtype(a.dtype)))
    if requires_grad:
        t.requires_grad_(True)
    return t


def _check(layout: Any, d: Any) -> None:
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"layout={layout} is not supported by mindtorch: tensors are strided")
    if d is not None and not isinstance(d, dtype):
        raise TypeError(f"dtype must be a torch.dtype, but got {d!r}")


def _filled(make: Any, shape: tuple[int, ...], device: Any, d: dtype) -> Array:
    """A contiguous array that `make` fills; on the meta device one of any size costs nothing."""
    dev = devices.resolve(device)
    if dev is META:
        return meta_array(shape, d)
    return Array(make(shape, d._np) if d is not complex32 else cast_numpy(make(shape, np.complex64), d), dev, d)


def _factory(name: str, make: Any) -> Any:
    """Declare ``name(*size, dtype, device, requires_grad)`` and its ``_like`` and ``new_`` forms."""

    @op(name, method=False, out="dtype")
    def declared(
        *size: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        names: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        if "size" in kwargs:
            size = (kwargs.pop("size"),)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        _check(layout, dtype)
        shape = ints(size)
        if any(n < 0 for n in shape):
            raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
        d = dtype or get_default_dtype()
        a = _filled(make, shape, device, d)
        if memory_format is None:
            t = wrap(a)
            return t.requires_grad_() if requires_grad else t
        check_format(memory_format, name)
        t = wrap(arranged(a, format_strides(shape, memory_format)))
        return t.requires_grad_() if requires_grad else t

    @op(name + "_like", method=False)
    def like(
        input: Tensor,
        *,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:
        _check(layout, dtype)
        d = dtype or input.dtype
        a = _filled(make, input._arr.shape, device or input.device, d)
        t = wrap(arranged(a, strides_like(input._arr, memory_format)))
        return t.requires_grad_() if requires_grad else t

    @op("new_" + name, module=None)
    def new(
        input: Tensor,
        *size: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        if "size" in kwargs:
            size = (kwargs.pop("size"),)
        _check(layout, dtype)
        d = dtype or input.dtype
        t = wrap(_filled(make, ints(size), device or input.device, d))
        return t.requires_grad_() if requires_grad else t

    return declared


zeros = _factory("zeros", np.zeros)
ones = _factory("ones", np.ones)
empty = _factory("empty", np.empty)


@op(method=False)
def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    _check(layout, dtype)
    shape, strides = ints((size,)), tuple(stride)
    n = 0 if 0 in shape else 1 + sum((k - 1) * s for k, s in zip(shape, strides, strict=True))
    d = dtype or get_default_dtype()
    t = wrap(_filled(np.empty, (n,), device, d).as_strided(shape, strides, 0))
    return t.requires_grad_() if requires_grad else t


@op(module=None)
def new_empty_strided(input: Tensor, size: Any, stride: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    if tuple(stride) == contiguous_strides(tuple(size)):
        return input.new_empty(tuple(size), dtype=dtype, device=device)
    return empty_strided(size, stride, dtype=dtype or input.dtype, device=device or input.device)


def _full(shape: Sequence[int], value: Any, d: dtype | None, device: Any) -> Array:
    dev = devices.resolve(device)
    if dev is META:
        if d is None:
            d = value.dtype if isinstance(value, Tensor) else scalar_dtype(value)
        return meta_array(tuple(shape), d)
    if isinstance(value, Tensor):
        if value.dim():
            raise TypeError("full(): argument 'fill_value' (position 2) must be Number, not Tensor")
        value = value.item()
    if d is None:
        d = scalar_dtype(value)
    else:
        check_value(value, d)
    return Array(cast_numpy(np.full(tuple(shape), value), d), dev, d)


@op(method=False, out="dtype")
def full(
    size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    _check(layout, dtype)
    t = wrap(_full(ints((size,)), fill_value, dtype, device))
    return t.requires_grad_() if requires_grad else t


@op(method=False)
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    a = _full(input._arr.shape, fill_value, dtype or input.dtype, device or input.device)
    t = wrap(arranged(a, strides_like(input._arr, memory_format)))
    return t.requires_grad_() if requires_grad else t


@op(module=None)
def new_full(
    input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    t = wrap(_full(ints((size,)), fill_value, dtype or input.dtype, device or input.device))
    return t.requires_grad_() if requires_grad else t


@op(method=False, out="dtype")
def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    _check(layout, dtype)
    if end is None:
        start, end = 0, start
    start, end, step = _bounds(start, end, step)
    if dtype is None:
        dtype = get_default_dtype() if any(isinstance(x, float) for x in (start, end, step)) else int64
    if dtype.category < FLOATING and int(step) == 0:
        raise ValueError("step must be nonzero")
    # Only for int64 does PyTorch count with the integers that the bounds become.
    n = len(range(int(start), int(end), int(step))) if dtype is int64 else math.ceil((end - start) / step)
    if devices.resolve(device) is META:
        return _finish(NoData((n,), dtype._np), META, requires_grad, dtype)
    if dtype.category >= FLOATING:
        a = start + step * np.arange(n, dtype=np.float64)
    else:
        a = np.arange(n, dtype=np.int64) * int(step) + int(start)
    return _finish(cast_numpy(a, dtype), device, requires_grad, dtype)


def _bounds(start: Any, end: Any, step: Any) -> tuple[Any, Any, Any]:
    """As numbers. Raises RuntimeError when there is no finite sequence of them."""
    start, end, step = (x.item() if hasattr(x, "item") else x for x in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    return start, end, step


@op("range", method=False, out="dtype")
def range_(
    start: Any, end: Any, step: Any = 1, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    _check(layout, dtype)
    d = dtype or get_default_dtype()
    if d is bool_ or d.is_complex:
        raise NotImplementedError(f"\"range_cpu\" not implemented for '{type_name(d)}'")
    if d.category < FLOATING:
        start, end, step = (int(x) for x in (start, end, step))
    start, end, step = _bounds(start, end, step)
    n = int((end - start) / step) + 1
    device = device or devices.CPU  # PyTorch's default device is not range's
    if devices.resolve(device) is META:
        return _finish(NoData((n,), d._np), META, requires_grad, d)
    return _finish(cast_numpy(start + step * np.arange(n), d), device, requires_grad, d)


def _steps(name: str, start: Any, end: Any, steps: Any) -> int:
    """The number of points. Raises TypeError and RuntimeError for arguments that are none."""
    if isinstance(steps, (bool, float)) or not hasattr(steps, "__index__"):
        raise invalid_operands(name, (start, end, steps))
    first, last = (x.dim() if isinstance(x, Tensor) else 0 for x in (start, end))
    if first or last:
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {first} dimension(s) and "
            f"end with {last} dimension(s)."
        )
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return steps.__index__()


@op(method=False, out="dtype")
def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    steps = _steps("linspace", start, end, steps)
    d = dtype or get_default_dtype()
    if devices.resolve(device) is META:
        return _finish(NoData((steps,), d._np), META, requires_grad, d)
    first, last, step = _points(start, end, steps, d, np.float64)
    work = step.dtype.type
    i = np.arange(steps)
    a = np.where(i < steps // 2, first + step * i.astype(work), last - step * (steps - 1 - i).astype(work))
    if steps == 1:
        a = np.array([first])
    return _finish(cast_numpy(a, d), device, requires_grad, d)


@op(method=False, out="dtype")
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    steps = _steps("logspace", start, end, steps)
    d = dtype or get_default_dtype()
    if devices.resolve(device) is META:
        return _finish(NoData((steps,), d._np), META, requires_grad, d)
    first, _, step = _points(start, end, steps, d, np.float32)
    work = step.dtype.type
    with np.errstate(all="ignore"):
        a = np.power(work(base), first + step * np.arange(steps).astype(work))
    return _finish(cast_numpy(a, d), device, requires_grad, d)


def _points(start: Any, end: Any, steps: int, d: Any, for_integers: Any) -> tuple[Any, Any, Any]:
    """Both ends and the distance of points, in the precision that PyTorch computes them in: the dtype's own, at every
    step of the way, halves too; ends of integers are integers first, and the distance is of the type `for_integers`."""
    ends = [x.item() if isinstance(x, Tensor) else x for x in (start, end)]
    if d.category < FLOATING:
        work, ends = for_integers, [int(x) for x in ends]
    else:
        work = np.complex64 if d is complex32 else d._np.type
    first, last = (work(x) for x in ends)
    return first, last, (last - first) / work(max(steps - 1, 1))


@op(method=False)
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    _check(layout, dtype)
    shape, order = ints((size,)), tuple(physical_layout)
    if len(order) != len(shape) or sorted(order) != list(range(len(shape))):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(order)}"
            if len(order) != len(shape)
            else f"Duplicate or out of range dim in physical_layout {list(order)}"
        )
    inner = contiguous_strides(tuple(shape[d] for d in order))
    strides = tuple(inner[order.index(d)] for d in range(len(shape)))
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


@op(method=False, out="dtype")
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"{'n' if n < 0 else 'm'} must be greater or equal to 0, got {n if n < 0 else m}")
    d = dtype or get_default_dtype()
    if devices.resolve(device) is META:
        return _finish(NoData((n, n if m is None else m), d._np), META, requires_grad, d)
    return _finish(cast_numpy(np.eye(n, m, dtype=np.float32), d), device, requires_grad, d)


def _triangle(which: Any, row: int, col: int, offset: int, d: Any, device: Any) -> Tensor:
    a = np.stack(which(row, offset, col)).astype((d or int64)._np)
    return _finish(a, device, False, d or int64)


@op(method=False)
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    return _triangle(np.tril_indices, row, col, offset, dtype, device)


@op(method=False)
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    return _triangle(np.triu_indices, row, col, offset, dtype, device)


def _nested(data: Any) -> tuple[Any, bool]:
    """`data` with the tensors inside made NumPy arrays; whether there were any."""
    if isinstance(data, Tensor):
        return data._arr.np, True
    if isinstance(data, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in data):
        parts = [_nested(x) for x in data]
        return [p[0] for p in parts], any(p[1] for p in parts)
    return data, False


def _depth(data: Any) -> int:
    """How deep lists are nested, by their first elements."""
    depth = 0
    while isinstance(data, (list, tuple)) and data:
        data, depth = data[0], depth + 1
    return depth


def infer_array(data: Any, d: dtype | None) -> tuple[np.ndarray, dtype]:
    """The array and dtype of ``torch.tensor(data, dtype=d)``; a fresh copy."""
    if isinstance(data, Tensor):
        if data._arr.device is META:
            return NoData(data._arr.shape, (d or data.dtype)._np), d or data.dtype  # type: ignore[return-value]
        return cast_numpy(np.array(data._arr.np), d or data.dtype), d or data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        found = from_numpy_dtype(data.dtype)
        return cast_numpy(np.array(data, order="C"), d or found), d or found
    plain, had_tensors = _nested(data)
    try:
        a = np.array(plain)
    except ValueError as exc:
        if (depth := _depth(plain)) > MAX_DIMS:
            raise too_many(depth) from None
        raise ValueError(f"expected sequence of equal length at every dimension: {exc}") from None
    if a.dtype == object:
        if any(isinstance(x, int) for x in np.ravel(a)):
            raise RuntimeError("Overflow when unpacking long long")
        raise RuntimeError(
            f"Could not infer dtype of {type(np.ravel(a)[0]).__name__ if a.size else type(data).__name__}"
        )
    if a.dtype.kind in "US":
        raise TypeError(f"new(): invalid data type '{type(data).__name__ if a.ndim == 0 else 'str'}'")
    if d is None:
        if a.size == 0:
            d = get_default_dtype()
        elif a.dtype.kind == "c":
            d = scalar_dtype(1j)
        elif a.dtype.kind == "f":
            d = from_numpy_dtype(a.dtype) if had_tensors else get_default_dtype()
        else:
            d = bool_ if a.dtype.kind == "b" else int64
    return cast_numpy(a, d), d


@op(method=False)
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    _check(None, dtype)
    if device is None and isinstance(data, Tensor):
        device = data.device
    a, d = infer_array(data, dtype)
    return _finish(a, device, requires_grad, d)


@op(module=None)
def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    a, d = infer_array(data, dtype or input.dtype)
    return _finish(a, device or input.device, requires_grad, d)


@op(method=False)
def from_numpy(ndarray: np.ndarray) -> Tensor:
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    d = from_numpy_dtype(ndarray.dtype)
    if ndarray.flags.c_contiguous:
        return wrap(Array(ndarray, devices.CPU, d))
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    return wrap(_strided_array(ndarray, d))


def _strided_array(a: np.ndarray, d: dtype) -> Array:
    """An Array over a NumPy array that is not contiguous: same memory, the array's strides."""
    extent = sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)) + d.itemsize if a.size else 0
    block = np.asarray(_Bytes(a, extent))
    return Array(block).as_strided(a.shape, tuple(s // d.itemsize for s in a.strides), 0, d)


class _Bytes:
    """The raw bytes from an array's first element on; keeps the array alive."""

    def __init__(self, a: np.ndarray, extent: int) -> None:
        self.owner = a
        address = a.__array_interface__["data"][0], not a.flags.writeable
        self.__array_interface__ = {"data": address, "shape": (extent,), "typestr": "|u1", "version": 3}


@op(method=False)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    return _finish(np.frombuffer(buffer, dtype._np, count, offset), None, requires_grad, dtype)


@op(method=False, aliases=("asarray",))
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    if isinstance(data, Tensor):
        return data.to(device=device or data.device, dtype=dtype or data.dtype)
    if isinstance(data, np.ndarray) and devices.resolve(device) is devices.CPU:
        t = from_numpy(data)
        return t if dtype is None else t.to(dtype)
    return tensor(data, dtype=dtype, device=device)


@op(method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return full((), s, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad)


def legacy_new(cls: type[Tensor], *args: Any, device: Any = None, d: dtype | None = None) -> Tensor:
    """``torch.Tensor(...)`` and ``torch.FloatTensor(...)``: sizes make an uninitialised tensor, data its values."""
    d = d or get_default_dtype()
    if not args:
        return wrap(_filled(np.empty, (0,), device or devices.CPU, d), cls)
    if len(args) == 1 and isinstance(args[0], Tensor):
        return wrap(args[0]._arr.cast(d), cls)
    if len(args) == 1 and not isinstance(args[0], int) and type(args[0]).__name__ != "Size":
        a, _ = infer_array(args[0], d)
        return wrap(Array(a, devices.resolve(device or devices.CPU), d), cls)
    return wrap(_filled(np.empty, ints(args), device or devices.CPU, d), cls)
