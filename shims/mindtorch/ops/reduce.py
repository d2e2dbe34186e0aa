"""Reductions."""

from __future__ import annotations

import math
from typing import Any

from .._array import Array
from .._dtype import BOOL, COMPLEX, FLOATING, INTEGRAL, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..return_types import named
from ._prim import Prim
from ._promote import cast
from ._registry import op, type_name
from .view import wrap_dims

Dims = tuple[int, ...]


def _dims(input: Tensor, dim: Any) -> Dims:
    n = input.dim()
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(n))
    dims = wrap_dims(dim, n)
    return dims if n else ()


def _restore(g: Tensor, ndim: int, dims: Dims, keepdim: bool) -> Tensor:
    """A reduced gradient with its reduced dimensions back as size 1."""
    if keepdim:
        return g
    for d in sorted(dims):
        g = g.unsqueeze(d)
    return g


def _sum_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    dims, keepdim, _ = c.params
    return (_restore(g, len(c.shapes[0]), dims, keepdim).expand(c.shapes[0]),)


_sum = Prim("sum", lambda a, dims, keepdim, d: call("sum", cast(a, d), dims, keepdim), _sum_grad)


@op("sum", out="dtype")
def sum_(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    d = dtype or (int64 if input.dtype.category <= INTEGRAL else input.dtype)
    dims = _dims(input, dim)
    if not dims:
        return input.to(d) if d is not input.dtype else input.clone()
    return _sum((input,), dims, bool(keepdim), d)


@op(module=None)
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    from .view import ints

    shape = ints(size)
    have = input._arr.shape
    if not shape:
        return sum_(input)
    lead = len(have) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, have[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
    dims = tuple(range(lead)) + tuple(
        i + lead for i, (n, m) in enumerate(zip(shape, have[lead:], strict=True)) if n == 1 and m != 1
    )
    if not dims:
        return input
    out = sum_(input, dims, True)
    return out.view(shape) if lead else out


def _mean_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    dims, keepdim, _ = c.params
    n = math.prod(c.shapes[0][d] for d in dims)
    return (_restore(g, len(c.shapes[0]), dims, keepdim).expand(c.shapes[0]) / n,)


_mean = Prim("mean", lambda a, dims, keepdim, d: call("mean", cast(a, d), dims, keepdim), _mean_grad)


@op(out=True)
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    d: Any = dtype or input.dtype
    if d.category < FLOATING:
        what = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} must be either a floating point or complex dtype. "
            f"Got: {type_name(d)}"
        )
    dims = _dims(input, dim)
    return _mean((input,), dims, bool(keepdim), d) if dims else input.to(d) * 1


def _prod_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    dims, keepdim, _ = c.params
    x = c.input(0)
    zeros = x == 0
    count = zeros.sum(dims, keepdim=True)
    # Without a zero: prod / x. With one: only its own entry gets the product of the others.
    others = x.masked_fill(zeros, 1).prod(dims[0], keepdim=True) if len(dims) == 1 else None
    if others is None:
        flat = x.masked_fill(zeros, 1)
        for d in dims:
            flat = flat.prod(d, keepdim=True)
        others = flat
    from .composite import where

    full = others / x.masked_fill(zeros, 1)
    grad = where(count == 0, full, where((count == 1) & zeros, others, 0.0))
    return (_restore(g, x.dim(), dims, keepdim) * grad,)


_prod = Prim("prod", lambda a, dims, keepdim, d: call("prod", cast(a, d), dims, keepdim), _prod_grad, save=(0,))


@op(out="dtype")
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    d = dtype or (int64 if input.dtype.category <= INTEGRAL else input.dtype)
    dims = _dims(input, dim)
    return _prod((input,), dims, bool(keepdim), d) if dims else input.to(d) * 1


def _extreme_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """Shared evenly among the positions that attain the extreme."""
    dims, keepdim = c.params
    x = c.input(0)
    result = _restore(c.result(), x.dim(), dims, keepdim)
    mask = x == result
    return (_restore(g, x.dim(), dims, keepdim) / mask.sum(dims, keepdim=True) * mask,)


def _full_extreme(name: str) -> Prim:
    def forward(a: Array, dims: Dims, keepdim: bool) -> Array:
        if a.size == 0 and any(a.shape[d] == 0 for d in dims):
            raise IndexError(f"{name}(): Expected reduction dim {dims[0]} to have non-zero size.")
        if a.size == 0:  # of every dtype, complex too
            kept = [1 if d in dims else n for d, n in enumerate(a.shape) if keepdim or d not in dims]
            return a.as_strided(tuple(kept), _strides(tuple(kept)), 0).clone()
        return call(name, a, dims, keepdim)

    return Prim(name, forward, _extreme_grad, save=(0,), save_out=(0,))


_amax, _amin = _full_extreme("amax"), _full_extreme("amin")


def _nonempty(name: str, input: Tensor, dim: Any) -> None:
    if input.numel():
        return
    if isinstance(dim, (tuple, list)):  # a dimension without elements is complained of before one that is there twice
        for d in dim:
            if input._arr.shape[_wrap_dim(d, input.dim())] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    if dim is None or dim == () or dim == []:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )


@op(out="same")
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    _nonempty("amax", input, dim)
    dims = _dims(input, dim)
    return _amax((input,), dims, bool(keepdim)) if dims else input.clone()


@op(out="same")
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    _nonempty("amin", input, dim)
    dims = _dims(input, dim)
    return _amin((input,), dims, bool(keepdim)) if dims else input.clone()


@op(out="same")
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None and input.numel() == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    dims = () if dim is None else dim
    low = amin(input, dims, keepdim)
    if input.is_complex():
        raise NotImplementedError(f"\"aminmax_cpu\" not implemented for '{type_name(input.dtype)}'")
    return named("aminmax")(low, amax(input, dims, keepdim))


def _index_grad(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    """The backward of picking one element along a dimension: scatter to where it came from."""
    if g is None:
        return (None,)
    dim, keepdim = c.params[:2]
    index = c.result(1)
    if len(c.shapes[0]) == 0:
        return (g,)
    if not keepdim:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return (g.new_zeros(c.shapes[0]).scatter(dim, index, g),)


def _along(name: str, arg: str) -> Prim:
    def forward(a: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
        if a.shape and a.shape[dim] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        if a.dtype.is_complex:
            raise RuntimeError(f"{name}(): does not support complex input")
        if not a.shape:
            return a.clone(), call("argmax", a.as_strided((1,), (1,), a.offset).clone(), 0)
        index = call(arg, a, dim)
        shape = (*a.shape[:dim], 1, *a.shape[dim + 1 :])
        index = index.as_strided(shape, _strides(shape), 0)
        values = call("gather", a, dim, index)
        if keepdim:
            return values, index.clone()
        squeezed = a.shape[:dim] + a.shape[dim + 1 :]
        return tuple(x.as_strided(squeezed, _strides(squeezed), 0).clone() for x in (values, index))  # type: ignore

    return Prim(name, forward, _index_grad, save_out=(1,))


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    from .._array import contiguous_strides

    return contiguous_strides(shape)


_max_dim, _min_dim = _along("max", "argmax"), _along("min", "argmin")


def _max_or_min(name: str, whole: Prim, along: Prim) -> None:
    elementwise = "maximum" if name == "max" else "minimum"

    @op(name, out=True)
    def declared(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return getattr(input, elementwise)(dim if other is None else other)
        if dim is None:
            if input.numel() == 0:
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                    "dim with the 'dim' argument."
                )
            return whole((input,), tuple(range(input.dim())), False) if input.dim() else input.clone()
        return named(name)(*along((input,), _wrap_dim(dim, input.dim()), bool(keepdim)))


_max_or_min("max", _amax, _max_dim)
_max_or_min("min", _amin, _min_dim)


def _arg(name: str) -> None:
    prim = Prim(name, lambda a, dim: call(name, a, dim))

    @op(name, out="same")
    def declared(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if input.dtype.category in (BOOL, COMPLEX):
            kind = "bool" if input.dtype.category == BOOL else "complex"
            raise RuntimeError(f"{name}(): does not support {kind} input")
        if input.numel() == 0 and dim is None:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        if input.numel() == 0 and input.size(dim) == 0:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        if dim is None or input.dim() == 0:
            out = prim((input.detach().reshape(-1),), 0)
            return out.view((1,) * input.dim()) if keepdim else out
        dim = _wrap_dim(dim, input.dim())
        out = prim((input.detach(),), dim)
        return out.unsqueeze(dim) if keepdim else out


_arg("argmax")
_arg("argmin")


def _truth(name: str) -> None:
    from .._dtype import bool as bool_
    from .._dtype import uint8

    def forward(a: Array, dims: Dims, keepdim: bool) -> Array:
        out = call(name, cast(a, bool_), dims, keepdim)
        return cast(out, uint8) if a.dtype is uint8 else out

    prim = Prim(name, forward)

    @op(name, out="truth")
    def declared(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        # Unlike the other reductions' an empty tuple names no dimensions.
        dims = () if isinstance(dim, (tuple, list)) and not dim else _dims(input, dim)
        return prim((input,), dims, bool(keepdim))


_truth("all")
_truth("any")


@op()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    return (input.detach() != 0).sum(dim)


@op(out=True)
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    x = input if input.dtype.category >= FLOATING else input.float()
    if x.numel() == 0:
        return x.exp().sum(dim, keepdim).log()
    top = x.detach().real.amax(dim, True)
    top = top.masked_fill(top.abs() == math.inf, 0)
    total = (x - top).exp().sum(dim, keepdim).log()
    return total + (top if keepdim else top.view(total.shape))


def _moments(x: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    dims = _dims(x, dim)
    n = math.prod(x.shape[d] for d in dims)
    mean_ = x.mean(dims, True)
    centred = x - mean_
    denominator = max(n - correction, 0)
    squares = centred * centred if not x.is_complex() else (centred * centred.conj()).real
    total = squares.sum(dims, keepdim)
    return total / denominator, (mean_ if keepdim else mean_.view(total.shape))


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, Any]:
    """`var(True)` passes `unbiased` where `dim` stands."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dim, correction


def _root(variance: Tensor) -> Tensor:
    """The square root, with a gradient of zero where the variance is zero."""
    zero = variance.detach() == 0
    return variance.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)


def _check_spread(name: str, input: Tensor) -> None:
    if input.dtype.category < FLOATING:
        raise RuntimeError(f"{name} only support floating point and complex dtypes")


def _spread(name: str, root: bool) -> None:
    @op(name, out=True)
    def declared(
        input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
    ) -> Tensor:
        _check_spread("std and var", input)
        dim, k = _correction(dim, unbiased, correction)
        out = _moments(input, dim, k, keepdim)[0]
        return _root(out) if root else out

    @op(name + "_mean")
    def with_mean(
        input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
    ) -> tuple[Tensor, Tensor]:
        _check_spread(name + "_mean", input)
        dim, k = _correction(dim, unbiased, correction)
        out, mean_ = _moments(input, dim, k, keepdim)
        return (_root(out) if root else out), mean_


_spread("var", False)
_spread("std", True)
