"""Order statistics, histograms and reductions by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._registry import kernel
from .index import _along


def _pick(x: np.ndarray, where: np.ndarray, dim: int) -> np.ndarray:
    return np.take_along_axis(x, where, dim)


@kernel(exact=True)
def kthvalue(x: np.ndarray, k: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The k-th smallest (from 1) along dim, kept as a dimension of size 1, and its position; NaN is the largest."""
    where = np.take(np.argsort(x, axis=dim, kind="stable"), [k - 1], axis=dim)
    return _pick(x, where, dim), where.astype(np.int64)


@kernel(exact=True)
def median(x: np.ndarray, dim: int, skip_nan: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lower median along dim, kept as a dimension of size 1, and its position.

    NaN is the median of a row that has one, or with `skip_nan` counts only in a row that has nothing else.
    """
    order = np.argsort(x, axis=dim, kind="stable")
    n = x.shape[dim]
    nans = np.isnan(x) if x.dtype.kind not in "iub" else np.zeros(x.shape, np.bool_)
    missing = nans.sum(axis=dim, keepdims=True)
    middle = np.maximum(n - missing - 1, 0) // 2
    if not skip_nan:
        middle = np.where(missing > 0, n - missing, middle)
    where = _pick(order, middle, dim)
    return _pick(x, where, dim), where.astype(np.int64)


@kernel(exact=True)
def mode(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent element along dim (the smallest of several), kept as a dimension of size 1, and its last
    position."""
    rows = np.moveaxis(x, dim, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    positions = np.empty(len(flat), np.int64)
    for i, row in enumerate(flat):
        values, counts = np.unique(row, return_counts=True)
        best = values[np.argmax(counts)]
        hits = np.flatnonzero((row == best) | ((row != row) & (best != best)))
        positions[i] = hits[-1]
    where = np.moveaxis(positions.reshape(*rows.shape[:-1], 1), -1, dim)
    return _pick(x, where, dim), where


@kernel()
def histc(x: np.ndarray, bins: int, low: float, high: float) -> np.ndarray:
    """Counts, in x's dtype, of `bins` equal cells of [low, high]; the last cell holds its upper end, too."""
    flat = x.reshape(-1).astype(np.float64)
    flat = flat[(flat >= low) & (flat <= high)]
    cell = ((flat - low) * bins / (high - low)).astype(np.int64)
    return np.bincount(np.minimum(cell, bins - 1), minlength=bins).astype(x.dtype)


@kernel()
def histogramdd(points: np.ndarray, weight: np.ndarray, *edges: np.ndarray) -> np.ndarray:
    """The total weight of the points ``[n, d]`` in each cell of the grid of d ascending `edges`."""
    inside = np.ones(len(points), np.bool_)
    cells = []
    for d, e in enumerate(edges):
        x = points[:, d]
        inside &= (x >= e[0]) & (x <= e[-1])
        cells.append(np.clip(np.searchsorted(e, x, "right") - 1, 0, max(len(e) - 2, 0)))
    shape = tuple(len(e) - 1 for e in edges)
    out = np.zeros(shape, points.dtype)
    np.add.at(out, tuple(c[inside] for c in cells), weight[inside])
    return out


_UFUNCS: dict[str, Any] = {
    "sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum,
}  # fmt: skip


def _start(d: np.dtype, reduce: str) -> Any:
    """The value with which `reduce` of nothing begins."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if d.kind == "b":
        return reduce == "amin"
    if d.kind in "iu":
        return np.iinfo(d).min if reduce == "amax" else np.iinfo(d).max
    return -np.inf if reduce == "amax" else np.inf


def _reduce_into(
    x: np.ndarray, where: tuple[Any, ...], src: np.ndarray, reduce: str, include_self: bool
) -> np.ndarray:
    """A copy of x with `src` combined into the places `where`."""
    out = x.copy()
    if not src.size:
        return out
    if not include_self:
        out[where] = _start(x.dtype, reduce)
    if x.dtype.kind == "b" and reduce in ("sum", "mean"):
        np.logical_or.at(out, where, src)
    else:
        _UFUNCS[reduce].at(out, where, src)
    if reduce == "mean":
        count = np.full(x.shape, int(include_self), np.int64)
        np.add.at(count, where, np.ones(src.shape, np.int64))
        count = np.maximum(count, 1)
        out = out // count if x.dtype.kind in "iub" else out / count
    return out.astype(x.dtype, copy=False)


@kernel()
def scatter_reduce(
    x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray, reduce: str, include_self: bool
) -> np.ndarray:
    """x with `src` combined along dim at `index`. `reduce`: sum, prod, mean, amax or amin."""
    return _reduce_into(x, _along(index, dim), src[tuple(slice(n) for n in index.shape)], reduce, include_self)


@kernel()
def index_reduce(
    x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray, reduce: str, include_self: bool
) -> np.ndarray:
    """x with slice i of `src` combined into slice ``index[i]`` along dim."""
    rows = _reduce_into(np.moveaxis(x, dim, 0), (index,), np.moveaxis(src, dim, 0), reduce, include_self)
    return np.moveaxis(rows, 0, dim)


def _runs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a new run of equal rows starts, and the run that each row belongs to."""
    n = len(rows)
    flat = rows.reshape(n, int(np.prod(rows.shape[1:])))
    change = np.ones(n, np.bool_)
    if n > 1:
        change[1:] = (flat[1:] != flat[:-1]).any(axis=1)
    return np.flatnonzero(change), np.cumsum(change) - 1


def _counts(starts: np.ndarray, n: int) -> np.ndarray:
    return np.diff(np.append(starts, n)).astype(np.int64)


@kernel(exact=True)
def unique_consecutive(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first slice of every run of equal slices along dim, the run of each slice, and the runs' lengths."""
    rows = np.moveaxis(x, dim, 0)
    starts, inverse = _runs(rows)
    return np.moveaxis(rows[starts], 0, dim), inverse.astype(np.int64), _counts(starts, len(rows))


@kernel(exact=True)
def unique_dim(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct slices along dim in lexicographic order, the one that each slice is, and how often they occur."""
    rows = np.moveaxis(x, dim, 0)
    flat = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
    order = np.lexsort(flat.T[::-1]) if flat.shape[1] else np.arange(len(rows))
    starts, runs = _runs(rows[order])
    inverse = np.empty(len(rows), np.int64)
    inverse[order] = runs
    return np.moveaxis(rows[order][starts], 0, dim), inverse, _counts(starts, len(rows))
