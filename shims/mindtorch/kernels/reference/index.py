"""Gathering and scattering. Index operands are int64 and, unless said otherwise, within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._registry import kernel


@kernel(exact=True)
def embedding(weight: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Rows of `weight`: ``indices.shape + weight.shape[1:]``."""
    return np.take(weight, indices, axis=0)


@kernel(exact=True)
def index_select(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    return np.take(x, index, axis=dim)


@kernel(exact=True)
def gather(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    return x[_along(index, dim)]


def _along(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    grid = list(np.ix_(*[np.arange(n) for n in index.shape])) if index.ndim else []
    if index.ndim:
        grid[dim] = index
    return tuple(grid)


@kernel(exact=True)
def scatter(x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = x.copy()
    if index.size:
        out[_along(index, dim)] = src[tuple(slice(n) for n in index.shape)]
    return out


@kernel()
def scatter_add(x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = x.copy()
    if index.size:
        np.add.at(out, _along(index, dim), src[tuple(slice(n) for n in index.shape)])
    return out


@kernel()
def index_add(x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    """Adds slice i of `src` to slice ``index[i]`` of a copy of x."""
    out = x.copy()
    moved, rows = np.moveaxis(out, dim, 0), np.moveaxis(src, dim, 0)
    if index.size > 32 and rows.ndim > 1:  # sorting once and reducing runs beats ufunc.at by far
        order = np.argsort(index, kind="stable")
        keys, starts = np.unique(index[order], return_index=True)
        moved[keys] += np.add.reduceat(rows[order], starts, axis=0)
    else:
        np.add.at(moved, index, rows)
    return out


@kernel(exact=True)
def index(x: np.ndarray, items: tuple[Any, ...]) -> np.ndarray:
    """``x[items]``; items are int64 arrays (negative entries count from the end) or full slices."""
    return x[items]


@kernel(exact=True)
def index_put(x: np.ndarray, items: tuple[Any, ...], values: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[items] = values
    return out


@kernel(exact=True)  # PyTorch rounds after each addition, too
def index_put_accumulate(x: np.ndarray, items: tuple[Any, ...], values: np.ndarray) -> np.ndarray:
    out = x.copy()
    np.add.at(out, items, values)
    return out


@kernel(exact=True)
def nonzero(x: np.ndarray) -> np.ndarray:
    """``[n, x.ndim]`` int64 coordinates in row-major order."""
    if not x.ndim:
        return np.zeros((int(bool(x)), 0), np.int64)
    return np.stack(np.nonzero(x), axis=1).astype(np.int64)


@kernel(exact=True)
def masked_select(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    x, mask = np.broadcast_arrays(x, mask)
    return x[mask]


@kernel(exact=True)
def searchsorted(boundaries: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    """Positions at which `values` keep the last dimension of `boundaries` sorted. The leading dimensions of both are
    the same where `boundaries` has any."""
    side = "right" if right else "left"
    if boundaries.ndim == 1:
        return np.asarray(np.searchsorted(boundaries, values, side), np.int64)
    out = np.empty(values.shape, np.int64)
    for place in np.ndindex(boundaries.shape[:-1]):
        out[place] = np.searchsorted(boundaries[place], values[place], side)
    return out


@kernel(exact=True)
def bincount(x: np.ndarray, minlength: int) -> np.ndarray:
    return np.bincount(x, minlength=minlength).astype(np.int64)
