"""The dtypes that the distributions fill, by NumPy dtype or by PyTorch's name, and their rounding."""

from __future__ import annotations

import ml_dtypes
import numpy as np

__all__ = ["FLOATING", "INTEGRAL", "LARGEST", "SIGNIFICAND_BITS", "DTypeLike", "as_dtype", "from_int64", "round_to"]

DTypeLike = str | type | np.dtype

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)
DOUBLE = np.dtype(np.float64)
BOOL = np.dtype(np.bool_)

FLOATING = (FLOAT, DOUBLE, HALF, BFLOAT16)
INTEGRAL = tuple(
    np.dtype(t) for t in (np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16, np.uint32, np.uint64)
)

#: Largest finite value, and number of bits of the significand (numpy.finfo does not know bfloat16).
LARGEST = {dtype: float(ml_dtypes.finfo(dtype).max) for dtype in FLOATING}
SIGNIFICAND_BITS = {dtype: ml_dtypes.finfo(dtype).nmant + 1 for dtype in FLOATING}

_NAMES = {
    "bfloat16": BFLOAT16,
    "half": HALF,
    "float": FLOAT,
    "double": DOUBLE,
    "bool": BOOL,
    "long": np.dtype(np.int64),
    "int": np.dtype(np.int32),
    "short": np.dtype(np.int16),
}


def as_dtype(dtype: DTypeLike, allowed: tuple[np.dtype, ...], operator: str) -> np.dtype:
    """The NumPy dtype meant by ``dtype``; NotImplementedError naming ``operator`` when it is not among ``allowed``."""
    resolved = _NAMES[dtype] if isinstance(dtype, str) and dtype in _NAMES else np.dtype(dtype)
    if resolved not in allowed:
        raise NotImplementedError(f"\"{operator}\" not implemented for '{resolved.name}'")
    return resolved


def round_to(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """``values`` (float32 or float64) cast to ``dtype``; 16-bit types are reached through float32, as C++ casts do.

    What is too large becomes infinite without a warning, as in PyTorch.
    """
    with np.errstate(over="ignore"):
        if dtype in (HALF, BFLOAT16) and values.dtype == DOUBLE:
            values = values.astype(FLOAT)
        return values.astype(dtype, copy=False)


def from_int64(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """int64 ``values`` cast to ``dtype``; the 16-bit floating types are reached through float32, as C++ casts do."""
    return (values.astype(FLOAT) if dtype in (HALF, BFLOAT16) else values).astype(dtype, copy=False)
