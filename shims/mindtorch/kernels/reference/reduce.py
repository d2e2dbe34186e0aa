"""Reductions and scans. `dims` is a tuple of non-negative dimensions, `keepdim` a bool."""

from __future__ import annotations

import numpy as np

from ._registry import kernel
from .complex import logaddexp_complex

Dims = tuple[int, ...]


@kernel()
def sum_(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.add.reduce(x, axis=dims, keepdims=keepdim, dtype=x.dtype)


@kernel()
def mean(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    n = 1
    for d in dims:
        n *= x.shape[d]
    return np.add.reduce(x, axis=dims, keepdims=keepdim) / np.asarray(n, x.dtype)


@kernel()
def prod(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.multiply.reduce(x, axis=dims, keepdims=keepdim, dtype=x.dtype)


@kernel()
def amax(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.maximum.reduce(x, axis=dims, keepdims=keepdim)


@kernel()
def amin(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.minimum.reduce(x, axis=dims, keepdims=keepdim)


@kernel(exact=True)
def argmax(x: np.ndarray, dim: int) -> np.ndarray:
    return np.argmax(x, axis=dim).astype(np.int64)


@kernel(exact=True)
def argmin(x: np.ndarray, dim: int) -> np.ndarray:
    return np.argmin(x, axis=dim).astype(np.int64)


@kernel(exact=True)
def any_(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.logical_or.reduce(x, axis=dims, keepdims=keepdim)


@kernel(exact=True)
def all_(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    return np.logical_and.reduce(x, axis=dims, keepdims=keepdim)


@kernel()
def cumsum(x: np.ndarray, dim: int) -> np.ndarray:
    return np.add.accumulate(x, axis=dim, dtype=x.dtype)


@kernel()
def cumprod(x: np.ndarray, dim: int) -> np.ndarray:
    return np.multiply.accumulate(x, axis=dim, dtype=x.dtype)


def _cum_extreme(x: np.ndarray, dim: int, later_wins: np.ufunc, best: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    values = best.accumulate(x, axis=dim)
    moved_x, moved_v = np.moveaxis(x, dim, -1), np.moveaxis(values, dim, -1)
    previous = np.concatenate([moved_x[..., :1], moved_v[..., :-1]], axis=-1)
    hit = later_wins(moved_x, previous) | np.isnan(moved_x)
    where = np.where(hit, np.arange(moved_x.shape[-1]), 0)
    return values, np.moveaxis(np.maximum.accumulate(where, axis=-1), -1, dim).astype(np.int64)


@kernel()
def cummax(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    return _cum_extreme(x, dim, np.greater_equal, np.maximum)


@kernel()
def cummin(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    return _cum_extreme(x, dim, np.less_equal, np.minimum)


@kernel()
def logcumsumexp(x: np.ndarray, dim: int) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.logaddexp.accumulate(x, axis=dim)
    out = x.copy()
    rows = np.moveaxis(out, dim, 0)
    for i in range(1, len(rows)):
        rows[i] = logaddexp_complex(rows[i - 1], rows[i])
    return out


@kernel(exact=True)
def hash_tensor(x: np.ndarray, dims: Dims, keepdim: bool) -> np.ndarray:
    """Exclusive or of the bits of 64-bit elements."""
    return np.bitwise_xor.reduce(x.view(np.uint64), axis=dims, keepdims=keepdim)
