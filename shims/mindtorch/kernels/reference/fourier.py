"""Discrete Fourier transforms. They compute in the operand's precision; `scale` multiplies the plain sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft

from ._registry import kernel


def _scaled(out: Any, scale: float) -> np.ndarray:
    return out if scale == 1 else out * out.real.dtype.type(scale)


@kernel()
def fft_c2c(x: np.ndarray, dims: tuple[int, ...], scale: float, forward: bool) -> np.ndarray:
    """Complex to complex along `dims`."""
    out = fft.fftn(x, axes=dims, norm="backward") if forward else fft.ifftn(x, axes=dims, norm="forward")
    return _scaled(out, scale)


@kernel()
def fft_r2c(x: np.ndarray, dim: int, scale: float) -> np.ndarray:
    """Real to the first ``n // 2 + 1`` complex numbers of the forward transform along `dim`."""
    return _scaled(fft.rfft(x, axis=dim, norm="backward"), scale)


@kernel()
def fft_c2r(x: np.ndarray, dim: int, n: int, scale: float) -> np.ndarray:
    """The first ``n // 2 + 1`` numbers of a Hermitian series to the `n` real ones of its inverse transform."""
    return _scaled(fft.irfft(x, n, axis=dim, norm="forward"), scale)


@kernel()
def overlap_add(x: np.ndarray, step: int) -> np.ndarray:
    """Frames ``[..., count, size]`` added up in a signal of ``(count - 1) * step + size``, each `step` later."""
    count, size = x.shape[-2:]
    out = np.zeros((*x.shape[:-2], (count - 1) * step + size), x.dtype)
    for i in range(count):
        out[..., i * step : i * step + size] += x[..., i, :]
    return out
