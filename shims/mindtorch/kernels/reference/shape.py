"""Kernels that arrange elements anew."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


@kernel(exact=True)
def cat(arrays: tuple[np.ndarray, ...], dim: int) -> np.ndarray:
    return np.concatenate(arrays, axis=dim)


@kernel(exact=True)
def tril(x: np.ndarray, diagonal: int) -> np.ndarray:
    return np.tril(x, diagonal)


@kernel(exact=True)
def triu(x: np.ndarray, diagonal: int) -> np.ndarray:
    return np.triu(x, diagonal)


@kernel(exact=True)
def flip(x: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    return np.flip(x, dims).copy()


@kernel(exact=True)
def roll(x: np.ndarray, shifts: tuple[int, ...], dims: tuple[int, ...]) -> np.ndarray:
    return np.roll(x, shifts, dims)


@kernel(exact=True)
def tile(x: np.ndarray, repeats: tuple[int, ...]) -> np.ndarray:
    """`repeats` has at least as many entries as x has dimensions."""
    return np.tile(x, repeats)


@kernel(exact=True)
def repeat(x: np.ndarray, counts: np.ndarray, dim: int) -> np.ndarray:
    return np.repeat(x, counts, axis=dim)


@kernel(exact=True)
def constant_pad(x: np.ndarray, widths: tuple[tuple[int, int], ...], value: float) -> np.ndarray:
    return np.pad(x, widths, constant_values=value)
