"""Kernels of sampling at points: weights of the neighbours along a dimension, and weighted sums of elements of planes.

Planes are (N, C, P), points (N, L). Each point has T neighbours along a dimension, and K in the plane: positions
(N, K, L), where P stands for "outside", which counts as zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ._registry import kernel

A = -0.75
"""The parameter of the cubic convolution filter (Keys, 1981)."""
_NEAR = np.array([A + 2, -(A + 3), 0.0, 1.0])
_FAR = np.array([A, -5 * A, 8 * A, -4 * A])


def _reflected(x: np.ndarray, n: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """Positions reflected at the outermost elements' centres or outer borders, and the slope: 1 or -1."""
    low, span = (0.0, float(n - 1)) if align_corners else (-0.5, float(n))
    if span == 0:
        return np.zeros_like(x), np.zeros_like(x)
    slope = np.where(x < x.dtype.type(low), -1, 1).astype(x.dtype)
    x = np.abs(x - x.dtype.type(low))
    flips = np.floor(x / x.dtype.type(span))
    rest = x - flips * x.dtype.type(span)
    odd = np.mod(flips.astype(np.float64), 2) != 0
    x = np.where(odd, x.dtype.type(span + low) - rest, rest + x.dtype.type(low))
    return x, np.where(odd, -slope, slope)


def _bounded(x: np.ndarray, n: int, padding: int, align_corners: bool) -> tuple[np.ndarray, Any]:
    """Positions brought inside (0 zeros: left alone, 1 border, 2 reflection), and the slope: 0 on the border itself."""
    if padding == 0:
        return x, x.dtype.type(1)
    slope: Any = x.dtype.type(1)
    if padding == 2:
        x, slope = _reflected(x, n, align_corners)
    first, last = x.dtype.type(0), x.dtype.type(n - 1)
    inside = (x > first) & (x < last)
    return np.fmin(np.fmax(x, first), last), slope * inside.astype(x.dtype)


def _cubic(t: np.ndarray, order: int) -> np.ndarray:
    """Weights (N, 4, L) of the neighbours at distances t + 1, t, 1 - t and 2 - t, differentiated `order` times by t."""
    near, far = np.polyder(_NEAR, order), np.polyder(_FAR, order)
    one, two, sign = (t.dtype.type(v) for v in (1, 2, (-1) ** order))
    parts = (_value(far, t + one), _value(near, t), sign * _value(near, one - t), sign * _value(far, two - t))
    return np.stack(parts, 1)


def _value(coefficients: np.ndarray, t: np.ndarray) -> np.ndarray:
    """A polynomial at `t`, each step in the dtype of `t`."""
    total = np.zeros_like(t)
    for c in coefficients:
        total = total * t + t.dtype.type(c)
    return total


@kernel(exact=True)
def grid_weights(
    points: np.ndarray, n: int, mode: int, padding: int, align_corners: bool, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, T, L) of the neighbours of points in [-1, 1] (N, L) along n elements, and where they are (int64).

    `mode`: 0 linear (T = 2), 1 nearest (T = 1), 2 cubic (T = 4). `order`: the weights' derivative of this order by the
    points. Neighbours outside have the position -1 and the weight that they would have. In low precision every step is
    rounded, as PyTorch's are.
    """
    scale = points.dtype.type((n - 1) / 2 if align_corners else n / 2)
    one, two, count = (points.dtype.type(v) for v in (1, 2, n))
    x = (points + one) * scale if align_corners else ((points + one) * count - one) / two
    slope: Any = one
    if mode != 2:
        x, slope = _bounded(x, n, padding, align_corners)
    if mode == 1:
        near = np.rint(x)[:, None]
        weights = np.full(near.shape, 1 if order == 0 else 0, points.dtype)
    else:
        low = np.floor(x)
        t = x - low
        if mode == 0:
            parts = (low + one - x, t) if order == 0 else (-1, 1) if order == 1 else (0, 0)
            weights = np.stack([np.broadcast_to(p, t.shape) for p in parts], 1).astype(points.dtype)
            near = np.stack([low, low + one], 1)
        else:
            weights = _cubic(t, order)
            near = _bounded(np.stack([low - one, low, low + one, low + two], 1), n, padding, align_corners)[0]
    if order:
        weights = weights * (np.broadcast_to(slope * scale, x.shape)[:, None] ** order)
    near = near.astype(np.float64)
    inside = (near >= 0) & (near <= n - 1)
    return weights, np.where(inside, near, -1).astype(np.int64)


def _rows(x: np.ndarray) -> np.ndarray:
    """Planes (C, P) as rows (P + 1, C), the last one zero."""
    rows = np.zeros((x.shape[1] + 1, x.shape[0]), x.dtype)
    rows[:-1] = x.T
    return rows


def _matrix(weights: np.ndarray, positions: np.ndarray, columns: int) -> scipy.sparse.csr_matrix:
    """(K, L) weights at (K, L) positions as a sparse matrix (L, columns); equal positions of a row stay apart."""
    k, points = weights.shape
    starts = np.arange(0, k * points + 1, k)
    return scipy.sparse.csr_matrix((weights.T.ravel(), positions.T.ravel(), starts), (points, columns))


@kernel(exact=True)
def plane_weighted(x: np.ndarray, weights: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """``out[n, c, l] = sum_k weights[n, k, l] * x[n, c, positions[n, k, l]]``: (N, C, L).

    In low precision each product and each sum is rounded.
    """
    out = np.zeros((*x.shape[:2], weights.shape[2]), x.dtype)
    for i in range(x.shape[0]):
        if x.dtype.itemsize == 2:
            rows = _rows(x[i])
            for at, w in zip(positions[i], weights[i], strict=True):
                out[i] += rows[at].T * w
            continue
        out[i] = (_matrix(weights[i], positions[i], x.shape[2] + 1) @ _rows(x[i])).T
    return out


@kernel()
def plane_weighted_scatter(g: np.ndarray, weights: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """Its adjoint in the planes: (N, C, L) spread to (N, C, size)."""
    out = np.empty((*g.shape[:2], size), g.dtype)
    for i in range(g.shape[0]):
        spread = _matrix(weights[i], positions[i], size + 1).T @ np.ascontiguousarray(g[i].T)
        out[i] = spread[:-1].T
    return out


@kernel()
def plane_weighted_dot(g: np.ndarray, x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Its adjoint in the weights: ``out[n, k, l] = sum_c g[n, c, l] * x[n, c, positions[n, k, l]]``."""
    out = np.empty(positions.shape, g.dtype)
    for i in range(g.shape[0]):
        rows, columns = _rows(x[i]), np.ascontiguousarray(g[i].T)
        for k in range(positions.shape[1]):
            out[i, k] = np.einsum("lc,lc->l", rows[positions[i, k]], columns)
    return out
