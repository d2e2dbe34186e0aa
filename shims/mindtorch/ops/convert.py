"""Copies and conversions: clone, copy_, to, contiguous, fill, type names."""

from __future__ import annotations

from math import prod
from typing import Any

from .. import _device as devices
from .. import _dtype as dtypes
from .._array import Array, contiguous_strides, scalar_array
from .._device import META
from .._dtype import FLOATING, contiguous_format, dtype, preserve_format
from .._tensor import Tensor, wrap
from ..tape import inplace
from ..tape.grad_mode import mode
from ._prim import Prim
from ._promote import check_value
from ._registry import op, type_name
from .memory_format import arranged, check_format, empty_array, format_strides, strides_like, suggested_format


def _clone_array(a: Array, strides: tuple[int, ...]) -> Array:
    if strides == contiguous_strides(a.shape):
        return a.clone()
    out = empty_array(a.shape, strides, a)
    out.write(a)
    return out


_clone = Prim("clone", _clone_array, lambda c, g: (g,), conjugates=True)


@op()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    check_format(memory_format, "clone")
    return _clone((input,), strides_like(input._arr, memory_format))


@op(module=None)
def contiguous(input: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    check_format(memory_format, "contiguous")
    if input.is_contiguous(memory_format):
        return input
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return _clone((input,), format_strides(input._arr.shape, memory_format))


def _to_copy(a: Array, d: dtype, dev: Any, strides: tuple[int, ...]) -> Array:
    if dev is a.device:
        if strides == contiguous_strides(a.shape) and d is not a.dtype:
            return a.cast(d)
        out = empty_array(a.shape, strides, a, d)
        out.write(a)
        return out
    return arranged(a.on(dev).cast(d) if META in (dev, a.device) else a.cast(d).on(dev), strides)


_copy = Prim("to_copy", _to_copy, lambda c, g: (g,), conjugates=True)


def _convert(input: Tensor, d: dtype | None, dev: Any, copy: bool, memory_format: Any = None) -> Tensor:
    a = input._arr
    d = d or a.dtype
    dev = a.device if dev is None else devices.resolve(dev)
    unchanged = memory_format in (None, preserve_format) or suggested_format(a) is memory_format
    if unchanged and d is a.dtype and dev is a.device and not copy:
        return input
    check_format(memory_format, "to")
    return _copy((input,), d, dev, strides_like(a, memory_format))


_CLASS = type


@op(module=None)
def to(
    input: Tensor, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, copy: bool = False,
    memory_format: Any = None, other: Any = None,
) -> Tensor:  # fmt: skip
    flags = []
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            device, dtype = a.device, a.dtype
        elif isinstance(a, bool):
            flags.append(a)
        elif a.__class__ is _CLASS:
            dtype = dtypes.from_python_type(a, "to")
        elif a is not None:
            device = a
    if len(flags) > 1:
        copy = flags[1]
    if other is not None:
        device, dtype = other.device, other.dtype
    return _convert(input, dtype, device, copy, memory_format)


def _cast_method(name: str, d: dtype) -> None:
    @op(name, module=None)
    def declared(input: Tensor, memory_format: Any = None) -> Tensor:
        return _convert(input, d, None, False, memory_format)


for _name, _d in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128, "chalf": dtypes.complex32,
}.items():  # fmt: skip
    _cast_method(_name, _d)


@op(module=None)
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    return _convert(input, None, devices.CPU, False, memory_format)


@op(module=None, aliases=("npu",))
def cuda(input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    return _convert(input, None, "cuda" if device is None else device, False, memory_format)


@op(module=None)
def type_as(input: Tensor, other: Tensor) -> Tensor:
    return _convert(input, other.dtype, other.device, False)


@op(module=None)
def type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is None:
        return tensor_type(input)
    if isinstance(dtype, dtypes.dtype):
        return _convert(input, dtype, None, False)
    d, dev = parse_type(dtype)
    return _convert(input, d, dev, False)


_TYPE_NAMES = {type_name(d): d for d in dtypes.ALL}


def tensor_type(t: Tensor) -> str:
    """'torch.FloatTensor', 'torch.cuda.HalfTensor', ..."""
    prefix = "torch." if t.device.type == "cpu" else f"torch.{t.device.type}."
    return f"{prefix}{type_name(t.dtype)}Tensor"


def parse_type(name: Any) -> tuple[dtype, str]:
    """dtype and device type of a legacy tensor type, given as its name or class. Raises ValueError if unknown."""
    if not isinstance(name, str):
        name = f"{name.__module__}.{name.__name__}".replace("mindtorch", "torch", 1)
    parts = name.split(".")
    d = _TYPE_NAMES.get(parts[-1].removesuffix("Tensor"))
    if parts[0] != "torch" or d is None or len(parts) not in (2, 3):
        raise ValueError(f"invalid type: '{name}'")
    return d, parts[1] if len(parts) == 3 else "cpu"


@op(module=None)
def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    return input


@op(module=None)
def record_stream(input: Tensor, stream: Any) -> None:
    return None


@op(module=None)
def to_dense(input: Tensor, dtype: Any = None) -> Tensor:
    return input if dtype is None else _convert(input, dtype, None, False)


def _check_broadcast(src: tuple[int, ...], dst: tuple[int, ...]) -> None:
    """Raises RuntimeError unless `src` broadcasts to `dst`."""
    if len(src) > len(dst):
        raise RuntimeError(f"output with shape {list(dst)} doesn't match the broadcast shape {list(src)}")
    for i, (n, m) in enumerate(zip(reversed(src), reversed(dst), strict=False)):
        if n not in (1, m):
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension "
                f"{max(len(src), len(dst)) - 1 - i}"
            )


@op("copy_", module=None)
def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    src = src if isinstance(src, Tensor) else wrap(scalar_array(src, input.dtype))
    if src is input:
        return input
    _check_broadcast(src._arr.shape, input._arr.shape)
    return _write(input, src, False)


def _write(input: Tensor, src: Tensor, constant: bool) -> Tensor:
    # What is written to an integer tensor has no gradient, whatever it is.
    recorded = mode.enabled and input._arr.dtype.category >= FLOATING and (input.requires_grad or src.requires_grad)
    inplace.check(input, recorded, constant)
    return inplace.write(input, src)


def _fill(input: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} dimensions."
        )
    if not isinstance(value, Tensor):
        check_value(value, input.dtype)
        value = wrap(scalar_array(value, input.dtype))
    return _write(input, value, True)


@op(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    return _fill(input.clone(), value)


@op("fill_")
def fill_(input: Tensor, value: Any) -> Tensor:
    return _fill(input, value)


@op("zero_")
def zero_(input: Tensor) -> Tensor:
    return _fill(input, 0)


@op("detach_", method=False)
def detach_(input: Tensor) -> Tensor:
    return input.detach_()


@op(method=False)
def detach(input: Tensor) -> Tensor:
    return input.detach()


@op("set_", module=None)
def set_(input: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    if isinstance(source, Tensor):
        input._arr = source._arr
    elif source is None:
        input._arr = empty_array((0,), (1,), input._arr)
    else:
        storage = getattr(source, "_untyped_storage", source)
        shape = tuple(size) if size is not None else (storage.nbytes() // input.element_size(),)
        strides = tuple(stride) if stride is not None else contiguous_strides(shape)
        input._arr = storage._array().as_strided(shape, strides, storage_offset, input.dtype)
    input._vc[0] += 1
    return input


@op("resize_", module=None)
def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    from .view import ints

    if mode.enabled and input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    shape = ints(sizes)
    a = input._arr
    strides = format_strides(shape, memory_format)
    need = (a.offset + prod(shape)) * a.dtype.itemsize
    storage = a.storage
    if storage.nbytes < need:
        storage.resize(need)
    input._arr = a.as_strided(shape, strides, a.offset)
    return input


@op("resize_as_")
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    if memory_format is preserve_format:
        memory_format = suggested_format(the_template._arr)
    return resize_(input, the_template.shape, memory_format=memory_format)


@op(method=False)
def is_tensor(obj: Any) -> bool:
    return isinstance(obj, Tensor)


def _query(name: str) -> None:
    @op(name, method=False)
    def declared(input: Tensor) -> Any:
        return getattr(Tensor, name)(input)


for _name in ("is_floating_point", "is_complex", "numel", "is_signed"):
    _query(_name)
