"""Kernels of neural network layers."""

from __future__ import annotations

import numpy as np
from scipy import special

from ._registry import kernel


@kernel()
def softmax(x: np.ndarray, dim: int) -> np.ndarray:
    if not x.size:
        return x.copy()
    e = x - np.max(x, axis=dim, keepdims=True)
    np.exp(e, out=e)
    e /= np.sum(e, axis=dim, keepdims=True)
    return e


@kernel()
def log_softmax(x: np.ndarray, dim: int) -> np.ndarray:
    if not x.size:
        return x.copy()
    shifted = x - np.max(x, axis=dim, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


@kernel()
def silu(x: np.ndarray) -> np.ndarray:
    return x * special.expit(x) if x.dtype.kind == "f" else x / (x.dtype.type(1) + np.exp(-x))


@kernel()
def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, np.asarray(0, x.dtype))


@kernel()
def layer_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Over the last dimension: output, mean ``[..., 1]`` and 1 / sqrt(var + eps) ``[..., 1]``."""
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    rstd = 1 / np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.asarray(eps, x.dtype))
    return centred * rstd * weight + bias, mean, rstd
