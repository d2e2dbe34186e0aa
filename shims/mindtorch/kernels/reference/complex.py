"""Elementwise kernels of complex numbers, and which kernels have none."""

from __future__ import annotations

import numpy as np

from ._registry import kernel
from .pointwise import sign

REAL_ONLY = frozenset({
    "lt", "le", "gt", "ge", "maximum", "minimum", "fmax", "fmin", "amax", "amin", "argmax", "argmin", "cummax",
    "cummin", "sort", "topk", "floor", "ceil", "trunc", "round", "frac", "sign", "signbit", "relu", "floor_divide",
    "trunc_divide", "remainder", "fmod", "atan2", "hypot", "copysign", "erf", "erfc", "erfinv", "lgamma", "digamma",
    "softmax", "log_softmax", "layer_norm", "softplus", "gelu", "bincount", "searchsorted",
    "logaddexp2", "nextafter", "heaviside", "gcd", "lcm", "left_shift", "right_shift", "frexp", "igamma", "igammac",
    "xlogy", "xlog1py", "zeta", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p", *(f"{kind}chebyshev_polynomial_{k}" for kind in ("", "shifted_") for k in "tuvw"),
})  # fmt: skip
"""Kernels without a meaning for complex operands; NumPy would order them by their real parts."""

FOR_HALVES = frozenset({
    "abs", "add", "conj", "eq", "isfinite", "isinf", "isnan", "mul", "ne", "neg", "sgn", "sub",
})  # fmt: skip
"""Kernels that take complex32; PyTorch has no others that compute."""


@kernel()
def conj(x: np.ndarray) -> np.ndarray:
    return np.conjugate(x)


@kernel()
def angle(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "c":
        return np.arctan2(x.imag, x.real)
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))


@kernel()
def sgn(x: np.ndarray) -> np.ndarray:
    """``x / |x|``, and 0 for 0."""
    if x.dtype.kind != "c":
        return sign(x)
    size = np.abs(x)
    return np.where(size == 0, x.dtype.type(0), x / np.where(size == 0, size.dtype.type(1), size))


@kernel()
def complex_(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    """``real + i imag``, infinities and nan kept as they are."""
    real, imag = np.broadcast_arrays(real, imag)
    out = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    out.real, out.imag = real, imag
    return out


def logaddexp_complex(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``log(exp(x) + exp(y))``; the exponential that is taken is of the number with the smaller real part."""
    swap = x.real < y.real
    high, low = np.where(swap, y, x), np.where(swap, x, y)
    out = high + np.log(x.dtype.type(1) + np.exp(low - high))
    return np.where(np.isneginf(low.real) & np.isneginf(high.real), high, out)


@kernel()
def logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return logaddexp_complex(x, y) if x.dtype.kind == "c" else np.logaddexp(x, y)
