"""Single-rounding arithmetic and the single-precision log and sincos that PyTorch's vectorised normal sampling uses.

PyTorch's x86 kernels are compiled with fused multiply-add, and its AVX2 normal kernel takes log and sincos from the
single-precision Cephes polynomials (S. Moshier, Cephes 2.x: logf, sinf, cosf). To get the same bits, every place where
the compiler fuses has to be fused here too; the comments name the places where it was free to choose.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fma32", "fma64", "log32", "sincos32"]

_F = np.float32


def fma32(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """``a * b + c`` of float32 arrays rounded once, to float32 (results in float32's normal range).

    A product of two float32 is exact in float64, so the sum in float64 is off by one rounding only; rounding it to
    float32 differs from the single rounding just where the first one landed on the middle between two float32.
    """
    product = np.multiply(a, b, dtype=np.float64)
    addend = np.asarray(c, dtype=np.float64)
    total = product + addend
    bits = total.view(np.int64)
    # 53 - 24 = 29 bits are dropped; the middle has the highest of them set and no other.
    middle = (bits & 0x1FFFFFFF) == 0x10000000
    if middle.any():
        product, addend = np.broadcast_arrays(product, addend)
        total[middle] = _nudge_off_the_middle(total[middle], product[middle], addend[middle])
    return total.astype(_F)


def _nudge_off_the_middle(total: np.ndarray, product: np.ndarray, addend: np.ndarray) -> np.ndarray:
    """Move each inexact sum one float64 towards its exact value, so that the next rounding goes the right way."""
    error = _two_sum_error(total, product, addend)
    return np.where(error == 0, total, np.nextafter(total, np.copysign(np.inf, error)))


def _two_sum_error(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The exact ``a + b - total`` where ``total`` is the rounded sum (Knuth)."""
    shadow = total - a
    return (a - (total - shadow)) + (b - shadow)


def fma64(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """``a * b + c`` of float64 arrays rounded once (no overflow or underflow in between).

    Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008: exact product, exact sums, and the small
    terms rounded to odd.
    """
    a, b, c = (np.asarray(value, dtype=np.float64) for value in (a, b, c))
    high = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    low = a_low * b_low - (((high - a_high * b_high) - a_low * b_high) - a_high * b_low)
    middle = c + low
    rest = _two_sum_error(middle, c, low)
    top = high + middle
    tail = _two_sum_error(top, high, middle)
    small = tail + rest
    error = _two_sum_error(small, tail, rest)
    even = (small.view(np.int64) & 1) == 0
    small = np.where(even & (error != 0), np.nextafter(small, np.copysign(np.inf, error)), small)
    return top + small


def _split(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``a`` as the sum of two float64 of 26 bits each (Veltkamp)."""
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


_LOG_SQRT_HALF = _F(0.707106781186547524)
_LOG_COEFFICIENTS = tuple(
    _F(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
# ln 2 in two parts: the first one is short, so that its product with an exponent is exact.
_LN2_HIGH = _F(0.693359375)
_LN2_LOW = _F(-2.12194440e-4)


def log32(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of float32 in (0, 1], Cephes' polynomial with fused multiply-add."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(_F)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(_F)
    below = mantissa < _LOG_SQRT_HALF
    exponent -= below
    # [1/2, sqrt(1/2)) is doubled, so that the argument of the polynomial stays in [sqrt(1/2) - 1, sqrt(2) - 1].
    t = mantissa - _F(1)
    t += np.where(below, mantissa, _F(0))
    square = t * t
    y = _LOG_COEFFICIENTS[0]
    for coefficient in _LOG_COEFFICIENTS[1:]:
        y = fma32(y, t, coefficient)
    y = y * t
    # y * t**2 + exponent * low: the compiler fuses the first product into the sum and rounds the second.
    y = fma32(y, square, exponent * _LN2_LOW)
    y -= square * _F(0.5)
    return exponent * _LN2_HIGH + (t + y)


_FOUR_OVER_PI = _F(1.27323954473516)
# -pi/4 in three parts, the first two so short that their products with an octant are exact.
_MINUS_PI_QUARTER = tuple(_F(c) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8))
_COS_COEFFICIENTS = tuple(_F(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
_SIN_COEFFICIENTS = tuple(_F(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))


def sincos32(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of float32 in [0, 8192), Cephes' polynomials with fused multiply-add."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    multiple = octant.astype(_F)
    high, middle, low = _MINUS_PI_QUARTER
    x = fma32(multiple, low, (x + multiple * high) + multiple * middle)
    z = x * x
    y = fma32(fma32(_COS_COEFFICIENTS[0], z, _COS_COEFFICIENTS[1]), z, _COS_COEFFICIENTS[2]) * z
    y = fma32(y, z, z * _F(-0.5)) + _F(1)
    s = fma32(fma32(_SIN_COEFFICIENTS[0], z, _SIN_COEFFICIENTS[1]), z, _SIN_COEFFICIENTS[2]) * z
    s = fma32(s, x, x)
    swapped = (octant & 2) != 0
    sine = np.where(swapped, y, s).view(np.int32)
    cosine = np.where(swapped, s, y).view(np.int32)
    # The quadrant's signs: the sine is negative in octants 4 to 7, the cosine in octants 2 to 5.
    sine ^= (octant & 4) << 29
    cosine ^= ((octant + 2) & 4) << 29
    return sine.view(_F), cosine.view(_F)
