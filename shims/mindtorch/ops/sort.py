"""Ordering: sort, topk, unique."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._registry import op
from .reduce import _named


def _scatter_back(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    if g is None:
        return (None,)
    return (g.new_zeros(c.shapes[0]).scatter(c.params[0], c.result(1), g),)


_sort = Prim("sort", lambda a, dim, descending: call("sort", a, dim, descending), _scatter_back, save_out=(1,))
_topk = Prim("topk", lambda a, dim, k, largest: call("topk", a, k, dim, largest), _scatter_back, save_out=(1,))


@op(out=True)
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if input.dim() == 0:
        return _named("sort")(input.clone(), input.new_zeros((), dtype=_int64()))
    return _named("sort")(*_sort((input,), _wrap_dim(dim, input.dim()), bool(descending)))


def _int64() -> Any:
    from .._dtype import int64

    return int64


@op()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    return sort(input.detach(), dim, descending)[1]


@op(out=True)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if input.dim() == 0:
        return _named("topk")(input.clone(), input.new_zeros((), dtype=_int64()))
    dim = _wrap_dim(dim, input.dim())
    if not 0 <= k <= input.shape[dim]:
        raise RuntimeError("selected index k out of range")
    return _named("topk")(*_topk((input,), dim, k, bool(largest)))


@op(out=True)
def msort(input: Tensor) -> Tensor:
    return sort(input, 0)[0]


_unique = Prim("unique", lambda a: call("unique", a))
_unique_dim = Prim("unique_dim", lambda a, dim: call("unique_dim", a, dim))
_unique_consecutive = Prim("unique_consecutive", lambda a, dim: call("unique_consecutive", a, dim))


def _asked(found: tuple[Tensor, ...], inverse: bool, counts: bool) -> Any:
    out = (found[0], *((found[1],) if inverse else ()), *((found[2],) if counts else ()))
    return out[0] if len(out) == 1 else out


def _check_unique_dim(input: Tensor, dim: int) -> int:
    dim = _wrap_dim(dim, input.dim())
    if input.numel() == 0 and input._arr.shape[dim] and 0 in input._arr.shape:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return dim


@op()
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    x = input.detach()
    found = _unique((x,)) if dim is None else _unique_dim((x,), _check_unique_dim(x, dim))
    return _asked(found, return_inverse, return_counts)


@op()
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    x = input.detach()
    if dim is not None:
        found = _unique_consecutive((x,), _check_unique_dim(x, dim))
    else:
        values, inverse, counts = _unique_consecutive((x.reshape(-1),), 0)
        found = values, inverse.view(x.shape), counts
    return _asked(found, return_inverse, return_counts)
