"""Reductions that leave nan out, and the running log of a sum of exponentials."""

from __future__ import annotations

import math
from typing import Any

from .._dtype import COMPLEX, FLOATING
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._registry import op, type_name
from .composite import where


@op(out=True)
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with nan taken for 0."""
    if input.dtype.category == COMPLEX:
        raise RuntimeError("nansum does not support complex inputs")
    if input.dtype.category < FLOATING:
        return input.sum(dim, keepdim, dtype=dtype)
    x = input if dtype is None else input.to(dtype)
    return x.masked_fill(input.isnan(), 0).sum(dim, keepdim)


@op(out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are not nan."""
    if input.dtype.category < FLOATING:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {type_name(input.dtype)}"
        )
    count = (~input.detach().isnan()).sum(dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


def _logcumsumexp_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """The sum over later positions of g * exp(x - result), in logarithms, for each sign of g apart."""
    (dim,) = c.params
    x, y = c.input(0), c.result()

    if x.is_complex():
        return (((g.log() - y).flip(dim).logcumsumexp(dim).flip(dim) + x).exp(),)

    def part(positive: Tensor) -> Tensor:
        logs = where(positive > 0, where(positive > 0, positive, 1.0).log(), -math.inf) - y
        return ((logs.flip(dim).logcumsumexp(dim).flip(dim)) + x).exp()

    return (part(g) - part(-g),)


_logcumsumexp = Prim(
    "logcumsumexp", lambda a, dim: call("logcumsumexp", a, dim), _logcumsumexp_grad, save=(0,), save_out=(0,)
)


@op(out=True)
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp(input))) along `dim`, without overflow."""
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{type_name(input.dtype)}'")
    dim = _wrap_dim(dim, input.dim())
    return _logcumsumexp((input,), dim) if input.dim() else input * 1
