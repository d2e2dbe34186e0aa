"""Continuous distributions as PyTorch's CPU kernels draw them: uniform, normal, exponential, log-normal, Cauchy.

Every function takes the engine, the number of elements and the parameters, and returns a new contiguous array of shape
(count,) in the order in which PyTorch fills a contiguous tensor. The stream is consumed exactly as PyTorch does.
Work is done in blocks that fit a core's cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from .dtypes import DOUBLE, FLOAT, FLOATING, LARGEST, DTypeLike, as_dtype, round_to
from .engine import MT19937Engine
from .float_math import fma32, fma64, log32, sincos32

__all__ = ["cauchy", "exponential", "log_normal", "normal", "rand", "randn", "standard_uniform64", "uniform"]

# Elements worked on at once. A multiple of 16, the group of the vectorised normal.
BLOCK = 1 << 15


def blocks(count: int) -> Iterator[slice]:
    """Consecutive slices of at most BLOCK elements that cover ``count``."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def standard_uniform64(engine: MT19937Engine, count: int) -> np.ndarray:
    """``count`` float64 in [0, 1), multiples of 2**-53, two words each."""
    return (engine.random64(count) & np.uint64((1 << 53) - 1)).astype(np.float64) * 2.0**-53


def standard_uniform32(engine: MT19937Engine, count: int) -> np.ndarray:
    """``count`` float32 in [0, 1), multiples of 2**-24, one word each."""
    return (engine.random(count) & np.uint64((1 << 24) - 1)).astype(np.float32) * np.float32(2.0**-24)


def uniform(
    engine: MT19937Engine, count: int, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = "float32"
) -> np.ndarray:
    """``Tensor.uniform_(low, high)``: float32, float64, float16 or bfloat16.

    float64 takes two words an element, the others one; the 16-bit types are float32 rounded at the end.
    Raises RuntimeError when ``low > high`` or a bound or the span is beyond the dtype's range.
    """
    dtype = as_dtype(dtype, FLOATING, "uniform_")
    bound = LARGEST[dtype]
    for name, value in (("from", low), ("to", high)):
        if not -bound <= value <= bound:
            raise RuntimeError(f"uniform_: {name}={value} is out of bounds for {dtype.name}")
    if low > high:
        raise RuntimeError(f"uniform_ expects a [from, to) range, but found from={low} > to={high}")
    if high - low > bound:
        raise RuntimeError(f"uniform_ expects to-from <= {bound} for {dtype.name}, but found from={low} and to={high}")
    compute = DOUBLE if dtype == DOUBLE else FLOAT
    start, stop = compute.type(low), compute.type(high)
    # A draw that rounds up to `high` becomes `low`: the interval is half open in the result's dtype too.
    excluded, replacement = round_to(stop, dtype), round_to(start, dtype)
    out = np.empty(count, dtype)
    for part in blocks(count):
        values = _scaled_uniform(engine, part.stop - part.start, start, stop).astype(dtype, copy=False)
        values[values == excluded] = replacement
        out[part] = values
    return out


def _scaled_uniform(engine: MT19937Engine, count: int, start: np.floating, stop: np.floating) -> np.ndarray:
    wide = start.dtype == DOUBLE
    unit = (standard_uniform64 if wide else standard_uniform32)(engine, count)
    if start == 0 and stop == 1:
        return unit
    return (fma64 if wide else fma32)(unit, stop - start, start)


def rand(engine: MT19937Engine, count: int, dtype: DTypeLike = "float32") -> np.ndarray:
    """``torch.rand``: uniform in [0, 1)."""
    return uniform(engine, count, 0.0, 1.0, dtype)


def normal(
    engine: MT19937Engine,
    count: int,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = "float32",
    contiguous: bool = True,
) -> np.ndarray:
    """``Tensor.normal_(mean, std)``: float32, float64, float16 or bfloat16. Box-Muller (1958) in both of its forms.

    Fewer than 16 elements, or a tensor that is not contiguous (``contiguous=False``; fill it in memory order): pairs
    in float64, the second of a pair kept in the engine for the next call. Otherwise groups of 16 uniforms, and when
    ``count`` is no multiple of 16 the last 16 elements are drawn again.
    Raises RuntimeError for a negative ``std``.
    """
    dtype = as_dtype(dtype, FLOATING, "normal_")
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if count < 16 or not contiguous:
        return round_to(_normal_pairs(engine, count, mean, std), dtype)
    fill = _normal_groups64 if dtype == DOUBLE else _normal_groups32
    out = np.empty(count, dtype)
    whole = count - count % 16
    for part in blocks(whole):
        out[part] = round_to(fill(engine, part.stop - part.start, mean, std), dtype)
    if whole != count:
        # The first pass of float32 and float64 draws for every element; what the last group overwrites is lost.
        if dtype in (FLOAT, DOUBLE):
            (engine.random64 if dtype == DOUBLE else engine.random)(count - whole)
        out[-16:] = round_to(fill(engine, 16, mean, std), dtype)
    return out


def randn(engine: MT19937Engine, count: int, dtype: DTypeLike = "float32") -> np.ndarray:
    """``torch.randn``: normal with mean 0 and standard deviation 1."""
    return normal(engine, count, 0.0, 1.0, dtype)


def _normal_groups32(engine: MT19937Engine, count: int, mean: float, std: float) -> np.ndarray:
    """Groups of 16: eight radii from the first eight uniforms, eight angles from the others; cosines first."""
    uniforms = standard_uniform32(engine, count).reshape(-1, 2, 8)
    radius = np.sqrt(np.float32(-2) * log32(np.float32(1) - uniforms[:, 0]))
    sine, cosine = sincos32(np.float32(2 * math.pi) * uniforms[:, 1])
    out = np.empty(uniforms.shape, FLOAT)
    out[:, 0] = fma32(radius * cosine, np.float32(std), np.float32(mean))
    out[:, 1] = fma32(radius * sine, np.float32(std), np.float32(mean))
    return out.reshape(-1)


def _normal_groups64(engine: MT19937Engine, count: int, mean: float, std: float) -> np.ndarray:
    uniforms = standard_uniform64(engine, count).reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * libm(math.log, 1.0 - uniforms[:, 0]))
    theta = (2.0 * math.pi) * uniforms[:, 1]
    out = np.empty(uniforms.shape, DOUBLE)
    out[:, 0] = fma64(radius * libm(math.cos, theta), std, mean)
    out[:, 1] = fma64(radius * libm(math.sin, theta), std, mean)
    return out.reshape(-1)


def _normal_pairs(engine: MT19937Engine, count: int, mean: float, std: float) -> np.ndarray:
    """``count`` float64 normals, pair by pair, the engine's cached sample first."""
    standard = np.empty(count, DOUBLE)
    start = 0
    if count and engine.next_double_normal is not None:
        standard[0] = engine.next_double_normal
        engine.next_double_normal = None
        start = 1
    pairs = (count - start + 1) // 2
    if pairs:
        uniforms = standard_uniform64(engine, 2 * pairs).reshape(pairs, 2)
        radius = np.sqrt(-2.0 * libm(math.log1p, -uniforms[:, 1]))
        theta = (2.0 * math.pi) * uniforms[:, 0]
        samples = np.stack([radius * libm(math.cos, theta), radius * libm(math.sin, theta)], axis=1).reshape(-1)
        standard[start:] = samples[: count - start]
        if samples.size > count - start:
            engine.next_double_normal = float(samples[-1])
    return fma64(standard, std, mean)


def exponential(engine: MT19937Engine, count: int, lambd: float = 1.0, dtype: DTypeLike = "float32") -> np.ndarray:
    """``Tensor.exponential_(lambd)``: inverse transform in float64, two words an element.

    Raises RuntimeError unless ``lambd > 0``.
    """
    dtype = as_dtype(dtype, FLOATING, "exponential_")
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _transformed(engine, count, dtype, lambda u: (-1.0 / lambd) * libm(math.log1p, -u))


def cauchy(
    engine: MT19937Engine, count: int, median: float = 0.0, sigma: float = 1.0, dtype: DTypeLike = "float32"
) -> np.ndarray:
    """``Tensor.cauchy_(median, sigma)``: inverse transform in float64. Raises RuntimeError unless ``sigma > 0``."""
    dtype = as_dtype(dtype, FLOATING, "cauchy_")
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return _transformed(engine, count, dtype, lambda u: fma64(sigma, libm(math.tan, math.pi * (u - 0.5)), median))


def log_normal(
    engine: MT19937Engine, count: int, mean: float = 1.0, std: float = 2.0, dtype: DTypeLike = "float32"
) -> np.ndarray:
    """``Tensor.log_normal_(mean, std)``: the exponential of float64 normals, drawn pair by pair at every size.

    Raises RuntimeError unless ``std > 0``.
    """
    dtype = as_dtype(dtype, FLOATING, "log_normal_")
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return round_to(libm(math.exp, _normal_pairs(engine, count, mean, std)), dtype)


def _transformed(
    engine: MT19937Engine, count: int, dtype: np.dtype, transform: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    out = np.empty(count, dtype)
    for part in blocks(count):
        out[part] = round_to(transform(standard_uniform64(engine, part.stop - part.start)), dtype)
    return out


def libm(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    """``function`` of the math module, element by element.

    NumPy has its own vectorised log, exp, sin and cos on some processors, one unit in the last place away from the C
    library's, which PyTorch calls for float64.
    """
    return np.fromiter(map(function, values.ravel().tolist()), DOUBLE, values.size).reshape(values.shape)
