"""Bernoulli, geometric and Poisson draws as PyTorch's CPU kernels make them.

Conventions as in ``continuous``: the engine and the number of elements come first, a new contiguous array comes back,
and the stream is consumed exactly as PyTorch does.
"""

from __future__ import annotations

import math
import os

import numpy as np

from . import mcg31
from .continuous import blocks, libm, standard_uniform32, standard_uniform64
from .dtypes import BOOL, DOUBLE, FLOAT, FLOATING, INTEGRAL, DTypeLike, as_dtype, from_int64
from .engine import MT19937Engine

__all__ = ["bernoulli", "bernoulli_tensor", "geometric", "poisson"]


def bernoulli(engine: MT19937Engine, count: int, p: float = 0.5, dtype: DTypeLike = "bool") -> np.ndarray:
    """``Tensor.bernoulli_(p)`` with one probability: ones where a float64 uniform is below ``p``; two words an element.

    This is what PyTorch does on every processor but Intel's. There a build with MKL takes one word from the engine and
    leaves the rest to another generator (``mcg31``); ``MINDTORCH_RNG_MKL=1`` in the environment asks for that, so that
    a mask does not depend on the host unasked. Raises RuntimeError unless ``0 <= p <= 1``.
    """
    dtype = as_dtype(dtype, (*INTEGRAL, *FLOATING, BOOL), "bernoulli_")
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    if os.environ.get("MINDTORCH_RNG_MKL") == "1":
        return mcg31.bernoulli(int(engine.random(1)[0]), count, p).astype(dtype)
    out = np.empty(count, dtype)
    # k * 2**-53 < p for a 53-bit k, in integers.
    threshold = np.uint64(math.ceil(p * 2.0**53))
    for part in blocks(count):
        bits = engine.random64(part.stop - part.start)
        bits &= np.uint64((1 << 53) - 1)
        out[part] = bits < threshold
    return out


def bernoulli_tensor(engine: MT19937Engine, p: np.ndarray, dtype: DTypeLike = "float32") -> np.ndarray:
    """``Tensor.bernoulli_(p)`` and ``torch.bernoulli(p)`` with a probability for each element; returns p's shape.

    float64 probabilities are compared with float64 uniforms (two words), others with float32 ones (one word).
    Raises RuntimeError when a probability is outside [0, 1].
    """
    dtype = as_dtype(dtype, (*INTEGRAL, *FLOATING, BOOL), "bernoulli_")
    flat = np.ascontiguousarray(p).reshape(-1)
    as_dtype(flat.dtype, FLOATING, "bernoulli_ (probabilities)")
    flat = flat if flat.dtype == DOUBLE else flat.astype(FLOAT)
    if not ((flat >= 0) & (flat <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but a probability is outside [0, 1]")
    draw = standard_uniform64 if flat.dtype == DOUBLE else standard_uniform32
    out = np.empty(flat.size, dtype)
    for part in blocks(flat.size):
        out[part] = draw(engine, part.stop - part.start) < flat[part]
    return out.reshape(p.shape)


def geometric(engine: MT19937Engine, count: int, p: float, dtype: DTypeLike = "float32") -> np.ndarray:
    """``Tensor.geometric_(p)``: trials until the first success, by inverse transform in float64.

    Raises RuntimeError unless ``0 < p < 1``.
    """
    dtype = as_dtype(dtype, (*INTEGRAL, *FLOATING), "geometric_")
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    scale = math.log1p(-p)
    out = np.empty(count, dtype)
    for part in blocks(count):
        uniforms = standard_uniform64(engine, part.stop - part.start)
        # log(0) is minus infinity in C and an error in Python.
        uniforms[uniforms == 0.0] = np.finfo(DOUBLE).smallest_subnormal
        trials = np.ceil(libm(math.log, uniforms) / scale)
        out[part] = from_int64(trials.astype(np.int64), dtype)
    return out


def poisson(engine: MT19937Engine, rates: np.ndarray) -> np.ndarray:
    """``torch.poisson(rates)``: counts with the rates' shape and floating dtype, one element after the other.

    Multiplication of uniforms for rates below 10, else transformed rejection (Hoermann, "The transformed rejection
    method for generating Poisson random variables", 1993). Raises RuntimeError when a rate is negative.
    """
    rates = np.asarray(rates)
    dtype = as_dtype(rates.dtype, FLOATING, "poisson")
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    counts = [_poisson_one(engine, float(rate)) for rate in rates.reshape(-1).tolist()]
    return from_int64(np.array(counts, np.int64), dtype).reshape(rates.shape)


def _poisson_one(engine: MT19937Engine, rate: float) -> int:
    if rate == 0.0:
        return 0
    if rate >= 10.0:
        return _poisson_rejection(engine, rate)
    limit = math.exp(-rate)
    count, product = 0, _unit(engine)
    while product > limit:
        count += 1
        product *= _unit(engine)
    return count


def _poisson_rejection(engine: MT19937Engine, rate: float) -> int:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accept_below = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = _unit(engine) - 0.5
        v = _unit(engine)
        distance = 0.5 - abs(u)
        k = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= accept_below:
            return k
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (distance * distance) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1.0):
            return k


def _unit(engine: MT19937Engine) -> float:
    return float(standard_uniform64(engine, 1)[0])
