"""Binomial draws as PyTorch's CPU kernel makes them: by transformed rejection (Hoermann, "The generation of binomial
random variates", 1993) where ten or more successes are expected, else by the waiting times between successes."""

from __future__ import annotations

import math

import numpy as np

from .continuous import standard_uniform64
from .dtypes import DOUBLE, FLOATING, as_dtype, round_to
from .engine import MT19937Engine

__all__ = ["binomial"]

_STIRLING = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
    0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287,
)  # fmt: skip
"""log k! less Stirling's formula, for k from 0 to 9."""


def binomial(engine: MT19937Engine, counts: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """One draw for each pair of a number of trials and a probability (arrays of one shape and dtype)."""
    dtype = as_dtype(probs.dtype, FLOATING, "binomial")
    pairs = zip(counts.astype(DOUBLE).reshape(-1), probs.astype(DOUBLE).reshape(-1), strict=True)
    drawn = np.array([_one(engine, float(n), float(p)) for n, p in pairs], DOUBLE)
    return round_to(drawn, dtype).reshape(probs.shape)


def _uniform(engine: MT19937Engine) -> float:
    return float(standard_uniform64(engine, 1)[0])


def _one(engine: MT19937Engine, count: float, prob: float) -> float:
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return count
    if prob <= 0.5:
        return (_rejected if count * prob >= 10 else _waiting)(engine, count, prob)
    other = 1 - prob
    if math.isnan(prob):
        return math.nan
    return count - (_rejected if count * other >= 10 else _waiting)(engine, count, other)


def _waiting(engine: MT19937Engine, count: float, prob: float) -> float:
    waited, successes, log = 0.0, 0, math.log1p(-prob)
    while True:
        u = _uniform(engine)
        waited += math.ceil(math.log(u) / log) if u else math.inf
        if waited > count:
            return float(successes)
        successes += 1


def _tail(k: float) -> float:
    if k <= 9:
        return _STIRLING[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _rejected(engine: MT19937Engine, count: float, prob: float) -> float:
    deviation = math.sqrt(count * prob * (1 - prob))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    center = count * prob + 0.5
    accepted = 0.92 - 4.2 / b
    odds = prob / (1 - prob)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * prob)
    while True:
        u = _uniform(engine) - 0.5
        v = _uniform(engine)
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + center)
        if distance >= 0.07 and v <= accepted:
            return float(k)
        if k < 0 or k > count:
            continue
        v = math.log(v * alpha / (a / (distance * distance) + b))
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * math.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _tail(mode) + _tail(count - mode) - _tail(k) - _tail(count - k)
        )  # fmt: skip
        if v <= bound:
            return float(k)
