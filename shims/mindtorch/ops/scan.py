"""Scans: running sums, products, extremes, and the running logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

from .._dtype import FLOATING, INTEGRAL, dtype, finfo, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..return_types import named
from ._checks import anywhere
from ._prim import Prim
from ._promote import cast
from ._registry import FUNCTIONS, op, type_name
from .composite import where


def _scan_dtype(input: Tensor, d: dtype | None) -> dtype:
    return d or (int64 if input.dtype.category <= INTEGRAL else input.dtype)


_cumsum = Prim(
    "cumsum", lambda a, dim, d: call("cumsum", cast(a, d), dim),
    lambda c, g: (g.flip(c.params[0]).cumsum(c.params[0]).flip(c.params[0]),),
)  # fmt: skip


@op(out="dtype", inplace=True)
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    d = _scan_dtype(input, dtype)
    if input.dim() == 0:
        return input.to(d) * 1
    return _cumsum((input,), _wrap_dim(dim, input.dim()), d)


def _cumprod_grad_at_zeros(x: Tensor, g: Tensor, dim: int) -> Tensor:
    """The k-th element's gradient without dividing by it: the product before it times the products after it."""
    n = x.shape[dim]
    parts = []
    for k in range(n):
        before = x.narrow(dim, 0, k).prod(dim, keepdim=True)
        later = g.narrow(dim, k, 1)
        if k + 1 < n:
            after = x.narrow(dim, k + 1, n - k - 1).cumprod(dim)
            later = later + (g.narrow(dim, k + 1, n - k - 1) * after).sum(dim, keepdim=True)
        parts.append(before * later)
    return FUNCTIONS[""]["cat"](parts, dim)


def _cumprod_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    dim = c.params[0]
    x, y = c.input(0), c.result()
    if anywhere(x == 0):
        return (_cumprod_grad_at_zeros(x, g, dim),)
    w = g * y
    return (w.flip(dim).cumsum(dim).flip(dim) / x,)


_cumprod = Prim("cumprod", lambda a, dim, d: call("cumprod", cast(a, d), dim), _cumprod_grad, save=(0,), save_out=(0,))


@op(out="dtype", inplace=True)
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    d = _scan_dtype(input, dtype)
    if input.dim() == 0:
        return input.to(d) * 1
    return _cumprod((input,), _wrap_dim(dim, input.dim()), d)


def _cum_extreme(name: str) -> None:
    def grad(c: Any, g: Any, _: Any = None) -> tuple[Any]:
        dim = c.params[0]
        return (None if g is None else g.new_zeros(c.shapes[0]).scatter_add(dim, c.result(1), g),)

    prim = Prim(name, lambda a, dim: call(name, a, dim), grad, save_out=(1,))

    @op(name, out=True)
    def declared(input: Tensor, dim: int) -> Any:
        dim = _wrap_dim(dim, input.dim())
        if input.dim() == 0:
            return named(name)(input.clone(), input.new_zeros((), dtype=int64))
        return named(name)(*prim((input,), dim))


_cum_extreme("cummax")
_cum_extreme("cummin")


def _logcumsumexp_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """The sum over later positions of g * exp(x - result), in logarithms, for each sign of g apart."""
    (dim,) = c.params
    x, y = c.input(0), c.result()

    if x.is_complex():
        return (((g.log() - y).flip(dim).logcumsumexp(dim).flip(dim) + x).exp(),)

    def part(positive: Tensor) -> Tensor:
        # The lowest number stands for log(0): with -inf, the derivative of this would be nan.
        logs = where(positive > 0, where(positive > 0, positive, 1.0).log(), finfo(y.dtype).min) - y
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
