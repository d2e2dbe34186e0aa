"""Data types: PyTorch's ``torch.dtype`` objects, their NumPy counterparts and the type promotion lattice."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

# Category order of PyTorch's promotion rules: a higher category wins over any width of a lower one.
BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class dtype:
    """An element type. Instances are singletons; compare with ``is`` or ``==``."""

    __slots__ = (
        "_np", "category", "is_complex", "is_floating_point", "is_low", "is_plain", "is_signed", "itemsize", "name",
    )  # fmt: skip

    def __init__(self, name: str, np_type: Any, category: int, signed: bool = True) -> None:
        self.name = name
        self._np = np.dtype(np_type)
        self.itemsize = self._np.itemsize
        self.category = category
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_signed = signed
        # Computed in float32 and rounded: neither NumPy nor MindSpore's CPU kernels accumulate these properly.
        self.is_low = category == FLOATING and self.itemsize < 4
        self.is_plain = not self.is_low and not self.is_complex

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return (_dtype_by_name, (self.name,))

    def __deepcopy__(self, memo: Any) -> dtype:
        return self

    def __copy__(self) -> dtype:
        return self

    def to_real(self) -> dtype:
        return {complex32: float16, complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        return {float16: complex32, bfloat16: complex64, float32: complex64, float64: complex128}.get(self, self)


uint8 = dtype("uint8", np.uint8, INTEGRAL, signed=False)
int8 = dtype("int8", np.int8, INTEGRAL)
int16 = short = dtype("int16", np.int16, INTEGRAL)
int32 = int = dtype("int32", np.int32, INTEGRAL)
int64 = long = dtype("int64", np.int64, INTEGRAL)
uint16 = dtype("uint16", np.uint16, INTEGRAL, signed=False)
uint32 = dtype("uint32", np.uint32, INTEGRAL, signed=False)
uint64 = dtype("uint64", np.uint64, INTEGRAL, signed=False)
float16 = half = dtype("float16", np.float16, FLOATING)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, FLOATING)
float32 = float = dtype("float32", np.float32, FLOATING)
float64 = double = dtype("float64", np.float64, FLOATING)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOATING)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, FLOATING)
# NumPy has no complex numbers of half precision: such tensors can be stored, moved and cast, not computed with.
complex32 = chalf = dtype("complex32", [("real", np.float16), ("imag", np.float16)], COMPLEX)
complex64 = cfloat = dtype("complex64", np.complex64, COMPLEX)
complex128 = cdouble = dtype("complex128", np.complex128, COMPLEX)
bool = dtype("bool", np.bool_, BOOL, signed=False)

ALL = (
    uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, bfloat16, float32, float64,
    float8_e4m3fn, float8_e5m2, complex32, complex64, complex128, bool,
)  # fmt: skip
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d._np: d for d in ALL}


def _dtype_by_name(name: str) -> dtype:
    return _BY_NAME[name]


def from_numpy_dtype(np_dtype: Any) -> dtype:
    """The torch dtype of a NumPy dtype. Raises TypeError for types that PyTorch has no tensor of."""
    d = _BY_NUMPY.get(np.dtype(np_dtype))
    if d is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(np_dtype)}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return d


class _Default:
    value = float32


def get_default_dtype() -> dtype:
    """The floating type of new tensors made from Python numbers."""
    return _Default.value


def set_default_dtype(d: dtype) -> None:
    """Set the floating type of new tensors made from Python numbers."""
    if not isinstance(d, dtype):
        raise TypeError(f"invalid dtype object: only floating-point types are supported as the default type, got {d!r}")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _Default.value = d


_RANK = {bool: 0, uint8: 1, int8: 2, int16: 3, int32: 4, int64: 5, float16: 6, bfloat16: 7, float32: 8, float64: 9}


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that holds both (``torch.promote_types``)."""
    if not (isinstance(a, dtype) and isinstance(b, dtype)):
        a, b = as_dtype(a, "promote_types"), as_dtype(b, "promote_types")
    if a is b:
        return a
    if a.is_complex or b.is_complex:
        return promote_types(a.to_real(), b.to_real()).to_complex()
    if a not in _RANK or b not in _RANK:
        raise RuntimeError(f"Promotion for {a} and {b} is not supported")
    if _RANK[a] > _RANK[b]:
        a, b = b, a
    if a is uint8 and b is int8:
        return int16
    if a is float16 and b is bfloat16:
        return float32
    return b


class finfo:
    """Numerical properties of a floating (or complex) dtype."""

    def __init__(self, type: dtype | None = None) -> None:
        type = get_default_dtype() if type is None else as_dtype(type, "finfo")
        if not (type.is_floating_point or type.is_complex):
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type}'")
        info = ml_dtypes.finfo(type.to_real()._np)
        self.dtype = type.to_real().name
        self.bits = type.to_real().itemsize * 8
        self.eps = _pyfloat(info.eps)
        self.max = _pyfloat(info.max)
        self.min = _pyfloat(info.min)
        self.tiny = self.smallest_normal = _pyfloat(info.smallest_normal)
        self.resolution = _pyfloat(info.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Numerical properties of an integer dtype."""

    def __init__(self, type: dtype) -> None:
        type = as_dtype(type, "iinfo")
        if type.category != INTEGRAL:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = np.iinfo(type._np)
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.min, self.max = _pyint(info.min), _pyint(info.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


class _Tag:
    """A constant of the package that is known by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class layout(_Tag):
    """Memory layout tag; only ``torch.strided`` tensors exist here."""


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")


class memory_format(_Tag):
    """Memory format tag of ``contiguous``, ``clone`` and friends."""


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
legacy_contiguous_format = contiguous_format
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")

# The module's own exports shadow these builtins from here on; the classes above were given them under other names.
import builtins as _builtins  # noqa: E402

_pyfloat, _pyint = _builtins.float, _builtins.int
_BY_PYTHON_TYPE = {_builtins.bool: bool, _pyint: int64, _pyfloat: float64, _builtins.complex: complex128}


def from_python_type(kind: type, function: str) -> dtype:
    """The dtype that a Python number type stands for where PyTorch takes a dtype: float is torch.float64.

    Raises:
        TypeError: of ``function``, for any other type.
    """
    found = _BY_PYTHON_TYPE.get(kind)
    if found is None:
        raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {type(kind).__name__}")
    return found


def as_dtype(d: Any, function: str) -> dtype:
    """``d``, or the dtype that a Python number type stands for; TypeError of ``function`` for anything else."""
    return d if isinstance(d, dtype) else from_python_type(d, function)


def can_cast(from_: Any, to: Any) -> _builtins.bool:
    """Whether PyTorch's rules let a result of dtype ``from_`` be written to a tensor of dtype ``to``."""
    from_, to = as_dtype(from_, "can_cast"), as_dtype(to, "can_cast")
    return from_.category <= to.category
