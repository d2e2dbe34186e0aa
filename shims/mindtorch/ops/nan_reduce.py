"""Reductions that leave nan out."""

from __future__ import annotations

from typing import Any

from .._dtype import COMPLEX, FLOATING
from .._tensor import Tensor
from ._registry import op, type_name
from .view import wrap_dims


@op(out="dtype")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with nan taken for 0."""
    if input.dtype.category == COMPLEX:
        wrap_dims(() if dim is None else dim, input.dim())
        raise RuntimeError("nansum does not support complex inputs")
    if input.dtype.category < FLOATING:
        return input.sum(dim, keepdim, dtype=dtype)
    x = input if dtype is None else input.to(dtype)
    return x.masked_fill(input.isnan(), 0).sum(dim, keepdim, dtype=dtype)


@op(out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are not nan."""
    if input.dtype.category < FLOATING:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {type_name(input.dtype)}"
        )
    count = (~input.detach().isnan()).sum(dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count
