"""Kernels that look for the largest element of windows, and that move values to and from positions in a plane."""

from __future__ import annotations

import numpy as np

from ._registry import kernel
from .windows import Ints, taps


def _least(d: np.dtype) -> float:
    return -np.inf if d.kind == "f" else np.iinfo(d).min


@kernel()
def max_pool(
    x: np.ndarray, kernel_size: Ints, out: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, *spatial) to the windows' maxima (N, C, *out) and their positions in the flattened plane (int64).

    A nan is the largest of all. Windows may reach beyond the padding (``ceil_mode``).
    """
    spatial = x.shape[2:]
    sizes = [
        max((o - 1) * s + (k - 1) * d + 1, n + 2 * p)
        for o, s, k, d, n, p in zip(out, stride, kernel_size, dilation, spatial, padding, strict=True)
    ]
    whole = np.full((*x.shape[:2], *sizes), _least(x.dtype), x.dtype)
    whole[(..., *(slice(p, p + n) for n, p in zip(spatial, padding, strict=True)))] = x
    best = np.empty((*x.shape[:2], *out), x.dtype)
    where = np.zeros(best.shape, np.int64)
    nans = x.dtype.kind == "f" and bool(np.isnan(x).any())
    for i, (tap, place) in enumerate(taps(kernel_size, out, stride, dilation)):
        seen = whole[(..., *place)]
        position = _positions(tap, out, spatial, stride, padding, dilation)
        if i == 0:
            best[...] = seen
            where[...] = position
            continue
        larger = seen > best
        if nans:
            larger |= np.isnan(seen)
        np.copyto(best, seen, where=larger)
        np.copyto(where, position, where=larger)
    return best, where


def _positions(tap: Ints, out: Ints, spatial: Ints, stride: Ints, padding: Ints, dilation: Ints) -> np.ndarray:
    """Where one element of every window lies in the flattened plane; those in the padding are moved to its border."""
    flat = np.zeros((1,) * len(out), np.int64)
    for i, n in enumerate(spatial):
        along = np.clip(np.arange(out[i]) * stride[i] + tap[i] * dilation[i] - padding[i], 0, n - 1)
        flat = flat * n + along.reshape([-1 if j == i else 1 for j in range(len(out))])
    return flat


@kernel()
def adaptive_max_pool(x: np.ndarray, out: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Maxima and flat positions over windows that share out the plane: floor(i n / m) to ceil((i + 1) n / m)."""
    starts = [np.arange(m) * n // m for n, m in zip(x.shape[2:], out, strict=True)]
    ends = [-(-(np.arange(m) + 1) * n // m) for n, m in zip(x.shape[2:], out, strict=True)]
    return _ragged(x, [s[None, None] for s in starts], [e[None, None] for e in ends], out)


@kernel()
def fractional_max_pool(x: np.ndarray, kernel_size: Ints, *starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maxima and flat positions over windows of one size that begin at ``starts[d][n, c, i]`` along dimension d."""
    ends = [s + k for s, k in zip(starts, kernel_size, strict=True)]
    return _ragged(x, list(starts), ends, tuple(s.shape[2] for s in starts))


def _ragged(
    x: np.ndarray, starts: list[np.ndarray], ends: list[np.ndarray], out: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """Maxima over windows given by (N or 1, C or 1, out) bounds along each dimension."""
    dims, spatial = len(out), x.shape[2:]
    best = where = None
    plane = x.reshape(*x.shape[:2], int(np.prod(spatial)))
    longest = [int((e - s).max(initial=0)) for s, e in zip(starts, ends, strict=True)]
    for tap in np.ndindex(*longest):
        flat = np.zeros((1,) * (dims + 2), np.int64)
        for i, n in enumerate(spatial):
            # Past the end of a shorter window its last element is looked at again.
            along = np.minimum(starts[i] + tap[i], ends[i] - 1)
            flat = flat * n + along.reshape(*along.shape[:2], *[out[i] if j == i else 1 for j in range(dims)])
        flat = np.broadcast_to(flat, (*x.shape[:2], *out))
        seen = np.take_along_axis(plane, flat.reshape(*x.shape[:2], int(np.prod(out))), 2).reshape(flat.shape)
        if best is None or where is None:
            best, where = seen, flat.copy()
            continue
        larger = (seen > best) | (np.isnan(seen) & ~np.isnan(best)) if x.dtype.kind == "f" else seen > best
        np.copyto(best, seen, where=larger)
        np.copyto(where, flat, where=larger)
    if best is None or where is None:
        return np.empty((*x.shape[:2], *out), x.dtype), np.empty((*x.shape[:2], *out), np.int64)
    return best, where


@kernel(exact=True)
def plane_gather(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(N, C, P) at positions (N, C or 1, L): (N, C, L)."""
    return np.take_along_axis(x, np.broadcast_to(index, (*x.shape[:2], index.shape[2])), 2)


@kernel()
def plane_scatter(g: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
    """The adjoint of plane_gather: (N, C, L) added up at positions (N, C or 1, L) in (N, C, size)."""
    n, c, _ = g.shape
    base = np.arange(n * c).reshape(n, c, 1) * size
    flat = (base + index).reshape(-1)
    if g.dtype.kind == "f":
        return np.bincount(flat, g.reshape(-1), n * c * size).astype(g.dtype).reshape(n, c, size)
    total = np.zeros(n * c * size, g.dtype)
    np.add.at(total, flat, g.reshape(-1))
    return total.reshape(n, c, size)


@kernel(exact=True)
def plane_put(x: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
    """(N, C, L) written to positions (N, C, L) of zeros (N, C, size); of several at one place the last stays."""
    out = np.zeros((*x.shape[:2], size), x.dtype)
    np.put_along_axis(out, index, x, 2)
    return out
