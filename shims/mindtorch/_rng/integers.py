"""Uniform integers and permutations as PyTorch's CPU kernels draw them: random_, randint, randperm.

Conventions as in ``continuous``: the engine and the number of elements come first, a new contiguous array comes back,
and the stream is consumed exactly as PyTorch does.
"""

from __future__ import annotations

import warnings

import numpy as np

from .continuous import blocks
from .dtypes import (
    BFLOAT16,
    BOOL,
    DOUBLE,
    FLOAT,
    FLOATING,
    INTEGRAL,
    LARGEST,
    SIGNIFICAND_BITS,
    DTypeLike,
    as_dtype,
    from_int64,
)
from .engine import MT19937Engine

__all__ = ["randint", "random", "randperm"]

_INT64_MIN = -(1 << 63)
# From this range on, a 64-bit word is divided: the remainder of a 32-bit one would be visibly skewed.
_WIDE_RANGE = 1 << 28
# PyTorch draws the wider unsigned types between bounds only.
_SIMPLE_INTEGRAL = tuple(t for t in INTEGRAL if t not in (np.uint16, np.uint32, np.uint64))
# The dtypes whose unbounded random_ takes 64-bit words, and those that a full range can be drawn for.
_WIDE_DTYPES = (np.dtype(np.int64), DOUBLE)
_FULL_RANGE = (np.dtype(np.int64), DOUBLE, FLOAT, BFLOAT16)


def random(
    engine: MT19937Engine, count: int, low: int | None = None, high: int | None = None, dtype: DTypeLike = "int64"
) -> np.ndarray:
    """``Tensor.random_``: integers of [low, high) in any integral or floating dtype or bool.

    With neither bound: all values from 0 to the dtype's largest (for floating dtypes to 2**significand bits). With
    ``low`` alone: from ``low`` to that largest. ``random_(to)`` is ``low=0, high=to``. uint16 and uint32 need
    ``low``, uint64 needs both, as in PyTorch.
    Raises RuntimeError when a bound is out of the dtype's range or ``low >= high``.
    """
    integral = _SIMPLE_INTEGRAL if low is None else INTEGRAL
    dtype = as_dtype(dtype, (*integral, *FLOATING, BOOL), "random_")
    if low is None:
        if high is not None:
            raise TypeError("random: high is given without low; random_(to) is low=0, high=to")
        return _remainders(engine, count, 0, _largest_drawn(dtype) + 1, dtype, wide=dtype in _WIDE_DTYPES)
    if high is None and low == _INT64_MIN:
        if dtype not in _FULL_RANGE:
            raise RuntimeError(f"random_ over all 64 bits handles int64, double, float and bfloat16, not {dtype.name}")
        return from_int64(engine.random64(count).view(np.int64), dtype)
    low, high = _range_in(dtype, low, high)
    return _remainders(engine, count, low, high, dtype, wide=high - low >= _WIDE_RANGE)


def randint(engine: MT19937Engine, count: int, low: int, high: int, dtype: DTypeLike = "int64") -> np.ndarray:
    """``torch.randint(low, high)``: uniform integers of [low, high). Errors as in ``random``."""
    return random(engine, count, low, high, dtype)


def _remainders(engine: MT19937Engine, count: int, low: int, high: int, dtype: np.dtype, wide: bool) -> np.ndarray:
    span, base = np.uint64(high - low), np.uint64(low % (1 << 64))
    out = np.empty(count, dtype)
    for part in blocks(count):
        words = (engine.random64 if wide else engine.random)(part.stop - part.start)
        words %= span
        words += base
        out[part] = from_int64(words.view(np.int64), dtype)
    return out


def _range_in(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The bounds that ``dtype`` can keep to, both checked; without ``high`` the dtype's largest plus one."""
    upper = _largest_drawn(dtype) + 1 if high is None else high
    if upper > 1 << 63:
        raise RuntimeError(f"random_: the upper bound of {dtype.name} does not fit in 64 signed bits, give 'to'")
    if low >= upper:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={upper}")
    _check_bound("from", low, dtype)
    low = _representable_from(low, dtype)
    if high is not None:
        _check_bound("to - 1", high - 1, dtype)
        upper = _representable_to(high, dtype)
        if low >= upper:
            raise RuntimeError(
                f"random_ expects 'from' cast to {dtype.name} to be less than 'to', but got from={low} >= to={upper}"
            )
    return low, upper


def _largest_drawn(dtype: np.dtype) -> int:
    if dtype in FLOATING:
        return 1 << SIGNIFICAND_BITS[dtype]
    return 1 if dtype == BOOL else int(np.iinfo(dtype).max)


def _check_bound(name: str, value: int, dtype: np.dtype) -> None:
    if dtype in FLOATING:
        limit = LARGEST[dtype]
        if not -limit <= value <= limit:
            raise RuntimeError(f"{name} is out of bounds for {dtype.name}")
        exact = 1 << SIGNIFICAND_BITS[dtype]
        if not -exact <= value <= exact:
            warnings.warn(
                f"random_: {name}={value} is beyond 2**{SIGNIFICAND_BITS[dtype]}, where {dtype.name} "
                "does not hold every integer: not all values of the range can be drawn",
                stacklevel=4,
            )
        return
    smallest, largest = (0, 1) if dtype == BOOL else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not smallest <= value <= largest:
        raise RuntimeError(f"{name} is out of bounds for {dtype.name}")


def _rounded(value: int, dtype: np.dtype) -> int:
    """``value`` cast to the floating ``dtype`` and back."""
    return int(from_int64(np.array(value, np.int64), dtype).astype(DOUBLE))


def _spacing(value: int, dtype: np.dtype) -> int:
    exponent = abs(value).bit_length() - SIGNIFICAND_BITS[dtype]
    return 1 << exponent


def _representable_from(low: int, dtype: np.dtype) -> int:
    """``low``, or where the cast of ``low + 1`` falls below it the next value that the dtype holds."""
    if dtype not in FLOATING or _rounded(low + 1, dtype) >= low:
        return low
    return _rounded(low + 1, dtype) + _spacing(low + 1, dtype)


def _representable_to(high: int, dtype: np.dtype) -> int:
    """``high``, or where the cast of ``high - 1`` reaches it the value below that the dtype holds."""
    if dtype not in FLOATING or _rounded(high - 1, dtype) < high:
        return high
    return _rounded(high - 1, dtype) - _spacing(high - 1, dtype)


def randperm(engine: MT19937Engine, n: int, dtype: DTypeLike = "int64") -> np.ndarray:
    """``torch.randperm(n)``: a permutation of 0..n-1 by Fisher and Yates' shuffle.

    n - 1 words, twice that from n = (2**32 - 1) // 20 on.
    Raises RuntimeError when ``n`` is negative or the dtype does not hold all of 0..n-1 (bfloat16 is let pass and
    rounds, as in PyTorch).
    """
    dtype = as_dtype(dtype, (*_SIMPLE_INTEGRAL, *FLOATING), "randperm")
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    if dtype != BFLOAT16 and n > _largest_drawn(dtype) + 1:
        raise RuntimeError(f"n cannot be greater than {_largest_drawn(dtype) + 1} for {dtype.name}, got {n}")
    if n < 2:
        return np.zeros(n, dtype)
    # 32-bit remainders are skewed by n / 2**32; PyTorch accepts up to a twentieth.
    words = engine.random(n - 1) if n < 0xFFFFFFFF // 20 else engine.random64(n - 1)
    steps = np.arange(n - 1, dtype=np.uint64)
    partners = (words % (np.uint64(n) - steps) + steps).tolist()
    order = list(range(n))
    for index, partner in enumerate(partners):
        order[index], order[partner] = order[partner], order[index]
    return np.array(order, dtype=np.int64).astype(dtype)
