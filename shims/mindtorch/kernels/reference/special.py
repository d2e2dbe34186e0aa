"""Special functions. Operands are floats of one dtype and broadcast; float32 is computed in float32 where SciPy has
such a loop, and rounded to it where it has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ._registry import kernel, register


def _rounded(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def rounded(*operands: np.ndarray) -> np.ndarray:
        return np.asarray(f(*operands), dtype=operands[0].dtype)

    return rounded


def _bessel_y(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    return lambda x: np.where(x == 0, -np.inf, np.where(x < 0, np.nan, f(x)))


def _bessel_k(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    return lambda x: np.where(x == 0, np.inf, np.where(x < 0, np.nan, f(x)))


for _name, _function in {
    "i0": special.i0, "i0e": special.i0e, "i1": special.i1, "i1e": special.i1e, "entr": special.entr,
    "erfcx": special.erfcx, "log_ndtr": special.log_ndtr, "ndtri": special.ndtri, "xlogy": special.xlogy,
    "xlog1py": special.xlog1py, "igamma": special.gammainc, "igammac": special.gammaincc,
    "bessel_j0": special.j0, "bessel_j1": special.j1, "bessel_y0": _bessel_y(special.y0),
    "bessel_y1": _bessel_y(special.y1), "bessel_k0": _bessel_k(special.k0), "bessel_k1": _bessel_k(special.k1),
    "bessel_k0e": _bessel_k(special.k0e), "bessel_k1e": _bessel_k(special.k1e),
    "airy_ai": lambda x: np.where(np.isinf(x), np.nan, np.where(x > 1e6, 0, special.airy(x)[0])),
}.items():  # fmt: skip
    register(_name, _rounded(_function))


@kernel()
def ndtr(x: np.ndarray) -> np.ndarray:
    return np.asarray(special.ndtr(x), x.dtype)


@kernel()
def zeta(x: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hurwitz zeta. The order 1 is infinite, and orders below have no value; PyTorch has none for infinite q either."""
    value = np.where(q == np.inf, np.nan, special.zeta(x.astype(np.float64), q.astype(np.float64)))
    return np.asarray(np.where(x == 1, np.inf, np.where(x < 1, np.nan, value)), x.dtype)


@kernel()
def polygamma(x: np.ndarray, n: int) -> np.ndarray:
    """The n-th derivative of digamma, n >= 1: by reflection for n = 1, else by the Hurwitz zeta function."""
    if n == 1:
        reflected = x < 0.5
        y = np.where(reflected, 1 - x, x).astype(np.float64)
        series = special.zeta(2.0, y)
        sine = np.sin(np.asarray(np.pi, x.dtype) * x)
        return np.asarray(np.where(reflected, (np.pi / sine) ** 2 - series, series), x.dtype)
    q = x.astype(np.float64)
    factor = (1.0 if n % 2 else -1.0) * np.exp(special.gammaln(n + 1.0))
    return np.asarray(np.where(q == np.inf, np.nan, factor * special.zeta(n + 1.0, q)), x.dtype)


@kernel()
def spherical_bessel_j0(x: np.ndarray) -> np.ndarray:
    """sin(x) / x, by its Taylor series near 0."""
    square = x * x
    series = np.ones_like(x)
    for n in (12, 10, 8, 6, 4, 2):
        series = 1 - square / (n * (n + 1)) * series
    return np.asarray(np.where(np.isinf(x), 0, np.where(np.abs(x) < 0.5, series, np.sin(x) / x)), x.dtype)


@kernel()
def sinc(x: np.ndarray) -> np.ndarray:
    product = np.asarray(np.pi, x.dtype) * x
    return np.asarray(np.where(x == 0, 1, np.sin(product) / product), x.dtype)


@kernel()
def logit(x: np.ndarray, eps: float | None) -> np.ndarray:
    """log(x / (1 - x)), x brought into [eps, 1 - eps] before."""
    if eps is not None:
        low = np.asarray(eps, x.dtype)
        high = np.asarray(1, x.dtype) - low
        x = np.where(x < low, low, np.where(x > high, high, x))
    return np.asarray(np.log(x / (1 - x)), x.dtype)
