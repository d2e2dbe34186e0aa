"""Ordering: sort, topk, unique."""

from __future__ import annotations

from typing import Any

from .._dtype import BOOL, COMPLEX
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..return_types import named
from ._prim import Prim
from ._registry import op, type_name


def _scatter_back(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    if g is None:
        return (None,)
    return (g.new_zeros(c.shapes[0]).scatter(c.params[0], c.result(1), g),)


_sort = Prim("sort", lambda a, dim, descending: call("sort", a, dim, descending), _scatter_back, save_out=(1,))
_topk = Prim("topk", lambda a, dim, k, largest: call("topk", a, k, dim, largest), _scatter_back, save_out=(1,))


@op(out=True)
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    dim = _wrap_dim(dim, input.dim())
    if input.is_complex():
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    if input.dim() == 0:
        return named("sort")(input.clone(), input.new_zeros((), dtype=_int64()))
    return named("sort")(*_sort((input,), dim, bool(descending)))


def _int64() -> Any:
    from .._dtype import int64

    return int64


@op()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    return sort(input.detach(), dim, descending)[1]


@op(out=True)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    dim = _wrap_dim(dim, input.dim())
    if not 0 <= k <= (input._arr.shape[dim] if input.dim() else 1):
        raise RuntimeError("selected index k out of range")
    if input.dtype.category in (BOOL, COMPLEX):
        kind = "bool" if input.dtype.category == BOOL else "complex"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU")
    if input.dim() == 0:
        return named("topk")(input.clone(), input.new_zeros((), dtype=_int64()))
    return named("topk")(*_topk((input,), dim, k, bool(largest)))


@op(out=True)
def msort(input: Tensor) -> Tensor:
    return sort(input, 0)[0]


def _distinct(name: str, kernel: str) -> Prim:
    """A primitive of distinct elements, which has no derivative."""

    def backward(c: Any, *_: Any) -> tuple[Any]:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return Prim(name, lambda a, *dim: call(kernel, a, *dim), backward)


_unique = _distinct("_unique2", "unique")
_unique_dim = _distinct("unique_dim", "unique_dim")
_unique_consecutive = _distinct("unique_consecutive", "unique_consecutive")


def _asked(found: tuple[Tensor, ...], inverse: bool, counts: bool) -> Any:
    out = (found[0], *((found[1],) if inverse else ()), *((found[2],) if counts else ()))
    return out[0] if len(out) == 1 else out


def _check_unique(input: Tensor, dim: int | None) -> int | None:
    if input.is_complex():
        name = "unique" if dim is None else "unique_dim"
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(input.dtype)}'")
    if dim is None:
        return None
    dim = _wrap_dim(dim, input.dim())
    if input.numel() == 0 and input._arr.shape[dim] and 0 in input._arr.shape:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return dim


@op()
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    dim = _check_unique(input, dim)
    found = _unique((input,)) if dim is None else _unique_dim((input,), dim)
    return _asked(found, return_inverse, return_counts)


@op()
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    dim = _check_unique(input, dim)
    if dim is not None:
        found = _unique_consecutive((input,), dim)
    else:
        values, inverse, counts = _unique_consecutive((input.reshape(-1),), 0)
        found = values, inverse.view(input.shape), counts
    return _asked(found, return_inverse, return_counts)
