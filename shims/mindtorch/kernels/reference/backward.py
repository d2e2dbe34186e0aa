"""Gradients of activations, softmax and layer norm in one pass each: first derivatives, outside of any graph."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ._blocks import BLOCK, each_block, pointwise
from ._registry import kernel

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


@kernel()
@pointwise
def sigmoid_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`y`: the sigmoid."""
    return g * (y.dtype.type(1) - y) * y


@kernel()
@pointwise
def tanh_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`y`: the hyperbolic tangent."""
    return g * (y.dtype.type(1) - y * y)


@kernel()
def relu_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`y`: the input or the output. The gradient of nan is passed on."""
    return np.where(y <= 0, np.zeros((), g.dtype), g)


@kernel()
@pointwise
def silu_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    one = x.dtype.type(1)
    s = one / (one + np.exp(-x))
    return g * (s * (one + x * (one - s)))


@kernel()
@pointwise
def gelu(x: np.ndarray, by_tanh: bool) -> np.ndarray:
    """Hendrycks and Gimpel, 2016: ``x * Phi(x)``, or its approximation by the hyperbolic tangent."""
    t = x.dtype.type  # numbers of 0-d operands' own type: Python's would make them float64
    if by_tanh:
        return t(0.5) * x * (t(1) + np.tanh(t(_SQRT_2_OVER_PI) * (x + t(0.044715) * (x * x * x))))
    return x * t(0.5) * (t(1) + special.erf(x * t(_SQRT_HALF)))


@kernel()
@pointwise
def gelu_backward(g: np.ndarray, x: np.ndarray, by_tanh: bool) -> np.ndarray:
    t = x.dtype.type  # numbers of 0-d operands' own type: Python's would make them float64
    if by_tanh:
        square = x * x
        tanh = np.tanh(t(_SQRT_2_OVER_PI) * (x + t(0.044715) * (square * x)))
        slope = (t(1) - tanh * tanh) * t(_SQRT_2_OVER_PI) * (t(1) + t(3 * 0.044715) * square)
        return g * (t(0.5) * (t(1) + tanh) + t(0.5) * x * slope)
    density = np.exp(t(-0.5) * x * x) * t(_SQRT_2_OVER_PI / 2)
    return g * (t(0.5) * (t(1) + special.erf(x * t(_SQRT_HALF))) + x * density)


@kernel()
def softmax_backward(g: np.ndarray, y: np.ndarray, dim: int) -> np.ndarray:
    """`y`: the softmax along `dim`."""
    if y.ndim and dim in (-1, y.ndim - 1) and g.flags.c_contiguous and y.flags.c_contiguous and y.size > BLOCK:
        out = np.empty_like(y)
        columns = y.shape[-1]
        rows = [a.reshape(-1, columns) for a in (g, y, out)]
        each_block(lambda block: _softmax_rows(*[a[block] for a in rows]), rows[0].shape[0], columns)
        return out
    gy = g * y
    return gy - y * gy.sum(dim, keepdims=True)


def _softmax_rows(g: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    np.multiply(g, y, out=out)
    out -= y * out.sum(1, keepdims=True)


@kernel()
def log_softmax_backward(g: np.ndarray, y: np.ndarray, dim: int) -> np.ndarray:
    """`y`: the logarithm of the softmax along `dim`."""
    return g - np.exp(y) * g.sum(dim, keepdims=True)


@kernel()
def layer_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, mean: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of x, weight and bias; `mean` and `rstd` are ``[..., 1]``."""
    normal = (x - mean) * rstd
    gw = g * weight
    gx = rstd * (gw - gw.mean(-1, keepdims=True) - normal * (gw * normal).mean(-1, keepdims=True))
    rows = tuple(range(x.ndim - 1))
    return gx, (g * normal).sum(rows), g.sum(rows)
