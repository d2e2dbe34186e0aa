"""Writing by index: scatter, index_add, put and the reducing forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._array import Array
from .._dtype import bool as bool_
from .._dtype import int32, int64
from .._tensor import Tensor, _wrap_dim, wrap
from ..kernels import call
from ._prim import Prim
from ._promote import cast
from ._registry import op, type_name
from .index import _bounds, _index_array


def _scatter_kernel(name: str) -> Any:
    def forward(a: Array, index: Array, src: Array, dim: int) -> Array:
        if src.dtype is not a.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        if index.dtype not in (int64, int32) and index.size:
            raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
        index = cast(index, int64)
        _bounds(index, a.shape[dim] if a.shape else 1, dim)
        if not a.shape:
            return call(name, *(x.as_strided((1,), (1,), x.offset) for x in (a,)), 0,
                        _vector(index), _vector(src)).as_strided((), (), 0)  # fmt: skip
        return call(name, a, dim, index, src)

    return forward


def _vector(a: Array) -> Array:
    return a if a.shape else a.as_strided((1,), (1,), a.offset)


_scatter = Prim(
    "scatter", _scatter_kernel("scatter"),
    lambda c, g: (
        g.scatter(c.params[0], c.input(1), 0) if c.needs[0] else None,
        None,
        _source_grad(g.gather(c.params[0], c.input(1)), c.shapes[2]) if c.needs[2] else None,
    ),
    save=(1,),
)  # fmt: skip
_scatter_add = Prim(
    "scatter_add", _scatter_kernel("scatter_add"),
    lambda c, g: (g, None, _source_grad(g.gather(c.params[0], c.input(1)), c.shapes[2]) if c.needs[2] else None),
    save=(1,),
)  # fmt: skip


def _source_grad(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The source may be larger than the index: the rest was not used."""
    if tuple(g.shape) == tuple(shape):
        return g
    out = g.new_zeros(shape)
    window = out
    for d, n in enumerate(g.shape):
        window = window.narrow(d, 0, n)
    window.copy_(g)
    return out


@op(inplace=True, out=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    src = value if src is None else src
    if not isinstance(src, Tensor):
        src = input.new_full(index.shape, src)
    dim = _wrap_dim(dim, input.dim())
    if reduce is None:
        _check_shapes("scatter", input, dim, index, src)
        return _scatter((input, index, src), dim)
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    return _scatter_reduce((input, index, src), dim, {"add": "sum", "multiply": "prod"}[reduce], True)


def _check_shapes(name: str, input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    if index.numel() == 0:
        return
    n, m, k = (max(x.dim(), 1) for x in (input, index, src))
    if not n == m == k:
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {'self' if n != m else 'src'} "
                           "tensor")  # fmt: skip
    sizes = [tuple(x._arr.shape) or (1,) for x in (input, index, src)]
    if any(sizes[1][d] > sizes[0][d] for d in range(n) if d != dim) or any(
        sizes[1][d] > sizes[2][d] for d in range(n)
    ):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
            f"{dim} and to be no larger size than src {list(src.shape)}"
        )


@op(inplace=True, out=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    dim = _wrap_dim(dim, input.dim())
    _check_shapes("scatter_add", input, dim, index, src)
    return _scatter_add((input, index, src), dim)


def _index_add_array(a: Array, index: Array, src: Array, dim: int) -> Array:
    if a.dtype is not src.dtype:
        raise RuntimeError("index_add_(): self and source expected to have the same dtype")
    index = _index_array(_vector(index), a.shape[dim] if a.shape else 1, "index_add_")
    if not a.shape:
        return call("index_add", _vector(a), 0, index, _vector(src)).as_strided((), (), 0)
    return call("index_add", a, dim, index, src)


_index_add = Prim(
    "index_add", _index_add_array,
    lambda c, g: (g, None, g.index_select(c.params[0], c.input(1)).expand(c.shapes[2]) if c.needs[2] else None),
    save=(1,),
)  # fmt: skip


@op(inplace=True, out=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    dim = _wrap_dim(dim, input.dim())
    whole, part = (tuple(x._arr.shape[:dim] + x._arr.shape[dim + 1 :]) for x in (input, source))
    if input.dim() and source.dim() and (len(whole) != len(part) or whole != part):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        )
    source = source if alpha == 1 else (source * alpha).to(source.dtype)
    return _index_add((input, index, source), dim)


@op(inplace=True, out=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    dim = _wrap_dim(dim, input.dim())
    if input.dim() == 0:
        return index_copy(input.view(1), 0, index, source.view(1)).view(())
    return input.index_put((slice(None),) * dim + (index,), source)


@op(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    if not input.is_complex() and (isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex())):
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    if input.dim() == 0:
        return index_fill(input.view(1), 0, index, value).view(())
    if input.numel() == 0:
        return input.clone()
    dim = _wrap_dim(dim, input.dim())
    shape = [1] * input.dim()
    shape[dim] = input.shape[dim]
    if index.is_meta:
        return input.masked_fill(index.new_empty(shape, dtype=bool_), value)
    hit = np.zeros(input.shape[dim], np.bool_)
    hit[index._arr.np] = True
    return input.masked_fill(wrap(Array(hit.reshape(shape), input.device)), value)


@op(inplace=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    if index.numel() != source.numel():
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {type_name(input.dtype)} "
            f"and source.dtype = {type_name(source.dtype)}"
        )
    if index.dtype is not int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {type_name(index.dtype)}")
    if input.numel() == 0 and index.numel():
        raise IndexError("put_(): Tried to put elements into an empty tensor")
    return input.reshape(-1).index_put((index.reshape(-1),), source.reshape(-1), accumulate).view(input.shape)


# ------------------------------------------------------------------ with a reduction
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


class _By:
    """How a reducing write finds its places: element by element (scatter) or slice by slice (index)."""

    def __init__(self, pick: Callable[..., Tensor], add: Callable[..., Tensor], clear: Callable[..., Tensor]) -> None:
        self.pick, self.add, self.clear = pick, add, clear


_BY_ELEMENT = _By(Tensor.gather, Tensor.scatter_add, lambda g, dim, index: g.scatter(dim, index, 0))
_BY_SLICE = _By(Tensor.index_select, Tensor.index_add, lambda g, dim, index: g.index_fill(dim, index, 0))


def _reducing(name: str, by: _By) -> Prim:
    def forward(a: Array, index: Array, src: Array, dim: int, reduce: str, include_self: bool) -> Array:
        if src.dtype is not a.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        if index.dtype not in (int64, int32) and index.size:
            raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
        index = cast(index, int64)
        _bounds(index, a.shape[dim] if a.shape else 1, dim)
        if not a.shape:
            out = call(name, _vector(a), 0, _vector(index), _vector(src), reduce, include_self)
            return out.as_strided((), (), 0)
        return call(name, a, dim, index, src, reduce, include_self)

    def backward(c: Any, g: Tensor) -> tuple[Any, None, Any]:
        dim, reduce, include_self = c.params
        x, index, src, result = c.input(0), c.input(1), c.input(2), c.result()
        whole = src.shape
        if by is _BY_ELEMENT:
            for d, n in enumerate(index.shape):
                src = src.narrow(d, 0, n)
        g_self, g_src = _reduce_grads(by, g, x, index, src, result, dim, reduce, include_self)
        if not include_self and g_self is not None:
            g_self = by.clear(g_self, dim, index)
        return g_self, None, _source_grad(g_src, whole)

    return Prim(name, forward, backward, save=(0, 1, 2), save_out=(0,))


def _reduce_grads(
    by: _By, g: Tensor, x: Tensor, index: Tensor, src: Tensor, result: Tensor, dim: int, reduce: str, include: bool
) -> tuple[Tensor, Tensor]:
    """The gradients of x and src; where x was left out, its part is for the caller to clear."""
    if reduce == "sum":
        return g, by.pick(g, dim, index)
    if reduce == "mean":
        count = by.add(g.new_full(x.shape, int(include)), dim, index, g.new_ones(src.shape))
        share = g / count.masked_fill(count == 0, 1)
        return share, by.pick(share, dim, index)
    if reduce == "prod":
        return _prod_grads(by, g, x, index, src, result, dim, include)
    mine, theirs = (x == result).to(g.dtype), (src == by.pick(result, dim, index)).to(g.dtype)
    share = g / by.add(mine, dim, index, theirs)
    return mine * share, theirs * by.pick(share, dim, index)


def _prod_grads(
    by: _By, g: Tensor, x: Tensor, index: Tensor, src: Tensor, result: Tensor, dim: int, include: bool
) -> tuple[Tensor, Tensor]:
    from .composite import where

    product = _scatter_reduce if by is _BY_ELEMENT else _index_reduce
    filled = x.masked_fill(x == 0, 1)
    g_self = g * product((filled, index, src), dim, "prod", include) / filled
    zero = src == 0
    zeros = by.pick(by.add(g.new_zeros(x.shape), dim, index, zero.to(g.dtype)), dim, index)
    single = zero & (zeros == 1)
    # The one zero of a place gets the product of the others.
    others = product((x, index, src.masked_fill(single, 1)), dim, "prod", include)
    g_src = where(
        single, by.pick(g * others, dim, index), by.pick(g * result, dim, index) / src.masked_fill(zero, 1)
    )
    return g_self, g_src


_scatter_reduce = _reducing("scatter_reduce", _BY_ELEMENT)
_index_reduce = _reducing("index_reduce", _BY_SLICE)


def _check_reduce(reduce: str, known: tuple[str, ...]) -> None:
    if reduce not in known:
        raise RuntimeError(f"reduce argument must be either {', '.join(known[:-1])} or {known[-1]}, got {reduce}.")


@op(inplace=True, out=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    _check_reduce(reduce, REDUCTIONS)
    dim = _wrap_dim(dim, input.dim())
    _check_shapes("scatter_reduce", input, dim, index, src)
    if index.numel() == 0:
        return input.clone()
    return _scatter_reduce((input, index, src), dim, reduce, bool(include_self))


@op(inplace=True, out=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    _check_reduce(reduce, REDUCTIONS[1:])
    return _index_reduce((input, index, source), _wrap_dim(dim, input.dim()), reduce, bool(include_self))
