"""Shape functions of Fourier transforms."""

from __future__ import annotations

from ..._array import Array
from ._registry import Outline, Shape, outline, replaced


@outline("fft_c2c")
def c2c(x: Array, dims: Shape, scale: float, forward: bool) -> Outline:
    return x.shape, x.dtype


@outline("fft_r2c")
def r2c(x: Array, dim: int, scale: float) -> Outline:
    return replaced(x.shape, dim, x.shape[dim] // 2 + 1), x.dtype.to_complex()


@outline("fft_c2r")
def c2r(x: Array, dim: int, n: int, scale: float) -> Outline:
    return replaced(x.shape, dim, n), x.dtype.to_real()


@outline("overlap_add")
def overlap_add(x: Array, step: int) -> Outline:
    *batch, count, size = x.shape
    return (*batch, (count - 1) * step + size), x.dtype
