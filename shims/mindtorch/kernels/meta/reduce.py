"""Shape functions of reductions and scans."""

from __future__ import annotations

from ..._array import Array
from ..._dtype import bool as bool_
from ..._dtype import int64, uint64
from ._registry import Outline, Shape, outline


def _reduced(shape: Shape, dims: Shape, keepdim: bool) -> Shape:
    gone = {d % len(shape) for d in dims} if shape else set()
    if keepdim:
        return tuple(1 if d in gone else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in gone)


@outline("hash_tensor")
def bits(x: Array, dims: Shape, keepdim: bool) -> Outline:
    return _reduced(x.shape, dims, keepdim), uint64


@outline("sum", "mean", "prod", "amax", "amin")
def reduction(x: Array, dims: Shape, keepdim: bool) -> Outline:
    return _reduced(x.shape, dims, keepdim), x.dtype


@outline("any", "all")
def truth(x: Array, dims: Shape, keepdim: bool) -> Outline:
    return _reduced(x.shape, dims, keepdim), bool_


@outline("argmax", "argmin")
def position(x: Array, dim: int | None) -> Outline:
    return _reduced(x.shape, tuple(range(len(x.shape))) if dim is None else (dim,), False), int64


@outline("cumsum", "cumprod", "logcumsumexp", "softmax", "log_softmax")
def scan(x: Array, dim: int) -> Outline:
    return x.shape, x.dtype


@outline("cummax", "cummin")
def extreme(x: Array, dim: int) -> list[Outline]:
    return [(x.shape, x.dtype), (x.shape, int64)]


@outline("softmax_backward", "log_softmax_backward")
def softmax_backward(g: Array, y: Array, dim: int) -> Outline:
    return y.shape, y.dtype


@outline("layer_norm_backward")
def layer_norm_backward(g: Array, x: Array, weight: Array, mean: Array, rstd: Array) -> list[Outline]:
    return [(x.shape, x.dtype), (weight.shape, x.dtype), (weight.shape, x.dtype)]


@outline("layer_norm")
def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> list[Outline]:
    row = ((*x.shape[:-1], 1), x.dtype)
    return [(x.shape, x.dtype), row, row]


@outline("batch_norm")
def batch_norm(
    x: Array, weight: Array | None, bias: Array | None, mean: Array | None, var: Array | None, eps: float
) -> list[Outline]:
    channels = x.shape[1:2]
    given = [((channels, x.dtype) if a is None else (a.shape, a.dtype)) for a in (mean, var)]
    return [(x.shape, x.dtype), given[0], (channels, x.dtype), given[1]]


@outline("histc")
def histc(x: Array, bins: int, *_: object) -> Outline:
    return (bins,), x.dtype
