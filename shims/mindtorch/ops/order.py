"""Order statistics: median, kthvalue, mode and quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._array import Array
from .._dtype import BOOL, COMPLEX, FLOATING, float32, float64, int32, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..return_types import named
from ._checks import anywhere
from ._prim import Prim
from ._registry import op, type_name


def _put_back(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    """The backward of picking one element along a dimension."""
    if g is None:
        return (None,)
    dim, keepdim = c.params[:2]
    index = c.result(1)
    if not keepdim:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return (g.new_zeros(c.shapes[0]).scatter(dim, index, g),)


def _picking(name: str, node_name: str, run: Callable[..., tuple[Array, Array]]) -> Prim:
    """A primitive of values and positions; ``run(array, dim, *params)`` keeps the dimension with size 1."""

    def forward(a: Array, dim: int, keepdim: bool, *params: Any) -> tuple[Array, Array]:
        values, where = run(a, dim, *params)
        if keepdim:
            return values, where
        shape = a.shape[:dim] + a.shape[dim + 1 :]
        return tuple(Array(x.np.reshape(shape), a.device, x.dtype) for x in (values, where))  # type: ignore[return-value]

    return Prim(name, forward, _put_back, save_out=(1,), node_name=node_name)


def _no_bools(a: Array) -> Array:
    if a.dtype.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"median_cpu\" not implemented for '{type_name(a.dtype)}'")
    return a


_kthvalue = _picking("kthvalue", "KthvalueBackward0", lambda a, dim, k: call("kthvalue", a, k, dim))
_mode = _picking("mode", "ModeBackward0", lambda a, dim: call("mode", a, dim))
_MEDIANS = {
    name: _picking(name, f"{name.capitalize()}Backward1", lambda a, dim, skip: call("median", _no_bools(a), dim, skip))
    for name in ("median", "nanmedian")
}


def _picked(name: str, prim: Prim, input: Tensor, dim: int, keepdim: bool, *params: Any) -> Any:
    if input.dim() == 0:
        _wrap_dim(dim, 0)
        return named(name)(input.clone(), input.new_zeros((), dtype=int64))
    dim = _wrap_dim(dim, input.dim())
    if input._arr.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return named(name)(*prim((input,), dim, bool(keepdim), *params))


@op(out=True)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    n = input._arr.shape[_wrap_dim(dim, input.dim())] if input.dim() else 1
    if input.dtype.category in (BOOL, COMPLEX) and n:
        raise NotImplementedError(f"\"kthvalue_cpu\" not implemented for '{type_name(input.dtype)}'")
    if input.dim() and n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))
    return _picked("kthvalue", _kthvalue, input, dim, keepdim, k)


def _converted_nan(d: Any) -> Any:
    """What a nan becomes in a dtype: the median of nothing."""
    if d.category >= FLOATING:
        return math.nan
    if d.category == BOOL:
        return True
    return -(2 ** (8 * d.itemsize - 1)) if d in (int32, int64) else 0


def _whole_median(name: str, skip: bool) -> Prim:
    def forward(a: Array) -> Array:
        if not a.size:  # what a conversion of nan gives
            return Array(np.full((), _converted_nan(a.dtype), a.dtype._np), a.device, a.dtype)
        _no_bools(a)
        flat = Array(a.np.reshape(-1), a.device, a.dtype)
        return Array(call("median", flat, 0, skip)[0].np.reshape(()), a.device, a.dtype)

    def backward(c: Any, g: Tensor) -> tuple[Tensor]:
        x, middle = c.input(0), c.result()
        mask = x.isnan() if anywhere(middle.isnan()) else x == middle
        return (mask.to(g.dtype) * (g / mask.sum()),)

    return Prim(name, forward, backward, save=(0,), save_out=(0,))


def _declare_median(name: str, skip: bool) -> None:
    whole = _whole_median(name, skip)

    @op(name, out=True)
    def declared(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is not None:
            return _picked(name, _MEDIANS[name], input, dim, keepdim, skip)
        return whole((input,))


_declare_median("median", False)
_declare_median("nanmedian", True)


@op(out=True)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    return _picked("mode", _mode, input, dim, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, how: str, skip: bool) -> Tensor:
    if input.dtype not in (float32, float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if how not in INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
        )
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = input.new_tensor(float(q))
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, but got a tensor with dimension {q.dim()}")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if anywhere((q < 0) | (q > 1)):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    flat = dim is None
    d = 0 if flat else _wrap_dim(dim, input.dim())  # type: ignore[arg-type]
    rows = input.reshape(-1) if flat or not input.dim() else input.movedim(d, -1)
    found = _quantile_of_sorted(rows.sort(-1)[0], q, how, skip).movedim(-1, 0)
    if keepdim:
        found = found.reshape((-1,) + (1,) * input.dim()) if flat or not input.dim() else found.unsqueeze(d + 1)
    return found if q.dim() else found.squeeze(0)


def _quantile_of_sorted(rows: Tensor, q: Tensor, how: str, skip: bool) -> Tensor:
    """Quantiles ``[..., q]`` of ascending rows ``[..., n]`` (NaN last)."""
    from .composite import where

    n = rows.shape[-1]
    nans = rows.detach().isnan()
    points = q.reshape(-1)
    missing = nans.sum(-1, keepdim=True)
    last = (points * (n - missing - 1)).clamp(min=0) if skip else points * (n - 1)
    ranks = last if skip else where(missing > 0, float(n - 1), last)
    ranks = ranks.to(rows.dtype)
    if how == "nearest":
        ranks = ranks.round()
    elif how in ("lower", "higher"):
        ranks = ranks.floor() if how == "lower" else ranks.ceil()
    below = ranks.to(int64)
    low = rows.gather(-1, below)
    if how not in ("linear", "midpoint"):
        return low
    weights = (ranks - below) if how == "linear" else ranks.new_full(ranks.shape, 0.5)
    return low.lerp(rows.gather(-1, ranks.ceil().to(int64)), weights)


def _declare_quantile(name: str, skip: bool) -> None:
    @op(name, out=True)
    def declared(
        input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        return _quantile(name, input, q, dim, keepdim, interpolation, skip)


_declare_quantile("quantile", False)
_declare_quantile("nanquantile", True)
