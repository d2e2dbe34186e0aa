"""Ordering."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


def _order(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # Stable descending order: NaN counts as the largest, equal elements keep their order.
    flipped = np.flip(x, dim)
    order = np.flip(np.argsort(flipped, axis=dim, kind="stable"), dim)
    return x.shape[dim] - 1 - order


@kernel(exact=True)
def sort(x: np.ndarray, dim: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and int64 positions, stable."""
    order = _order(x, dim, descending)
    return np.take_along_axis(x, order, dim), order.astype(np.int64)


@kernel(exact=True)
def topk(x: np.ndarray, k: int, dim: int, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The k largest (smallest) along dim, in order."""
    order = np.take(_order(x, dim, largest), np.arange(k), axis=dim)
    return np.take_along_axis(x, order, dim), order.astype(np.int64)


@kernel(exact=True)
def unique(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted unique elements, inverse positions (shaped as x) and counts."""
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return values, inverse.reshape(x.shape).astype(np.int64), counts.astype(np.int64)
