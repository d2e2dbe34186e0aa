"""Norms of vectors and matrices, and distances that are norms of differences."""

from __future__ import annotations

import math
from typing import Any

from .._array import Array
from .._dtype import COMPLEX, FLOATING, dtype, float32
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._promote import cast
from ._registry import op, type_name
from .linalg_common import check_matrix, expand_batches
from .reduce import _dims, _restore

Dims = tuple[int, ...]


def _norm_array(a: Array, ord: float, dims: Dims, keepdim: bool) -> Array:
    if a.dtype.is_low:  # powers leave the range of float16 long before the norm does
        return cast(_norm_array(cast(a, float32), ord, dims, keepdim), a.dtype)
    magnitude = call("abs", a) if a.dtype.category == COMPLEX else a
    d = magnitude.dtype
    if ord == 2:
        return call("sqrt", call("sum", call("mul", magnitude, magnitude), dims, keepdim))
    if ord == 0:
        from .._dtype import bool as bool_

        return call("sum", cast(cast(magnitude, bool_), d), dims, keepdim)
    magnitude = call("abs", magnitude)
    if ord == math.inf:
        return call("amax", magnitude, dims, keepdim)
    if ord == -math.inf:
        return call("amin", magnitude, dims, keepdim)
    if ord == 1:
        return call("sum", magnitude, dims, keepdim)
    return call("pow", call("sum", call("pow", magnitude, _number(ord, d)), dims, keepdim), _number(1 / ord, d))


def _number(x: float, d: dtype) -> Array:
    from .._array import scalar_array

    return scalar_array(float(x), d)


def _norm_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """``g |x|^(p-1) sgn(x) / norm^(p-1)``, zero where the norm is; the extremes share their gradient evenly."""
    p, dims, keepdim = c.params
    x = c.input(0)
    total = _restore(c.result(), x.dim(), dims, keepdim)
    g = _restore(g, x.dim(), dims, keepdim)
    if p == 0:
        return (x.new_zeros(x.shape),)
    if p == 1:
        return (x.sgn() * g,)
    if p == 2:
        return (g * (x / total).masked_fill(total == 0, 0),)
    magnitude = x.abs()
    if math.isinf(p):
        attained = (magnitude == total) | (magnitude.isnan() & total.isnan())
        return (x.sgn() * (g / attained.sum(dims, keepdim=True) * attained),)
    if p < 1:
        scaled = x.sgn() * magnitude.pow(p - 1)
        return (scaled.masked_fill(x == 0, 0) * g * total.pow(1 - p),)
    scaled = x.sgn() * magnitude.pow(p - 1) if p < 2 else x * magnitude.pow(p - 2)
    return (scaled * (g / total.pow(p - 1)).masked_fill(total == 0, 0),)


_norm = Prim("linalg_vector_norm", _norm_array, _norm_grad, save=(0,), save_out=(0,), conjugates=True)


@op(module="linalg", method=False, out=True)
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    if x.dtype.category < FLOATING:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got " + type_name(x.dtype)
        )
    if dtype is not None:
        _check_dtype("linalg.vector_norm", x, dtype)
        x = x.to(dtype)
    if not isinstance(ord, (int, float)) or isinstance(ord, bool):
        raise RuntimeError(f"linalg.vector_norm: ord {ord!r} is not a number")
    dims = _dims(x, dim)
    if (ord < 0 or ord == math.inf) and any(x.shape[d] == 0 for d in dims):
        if dim is None:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not "
                "have an identity"
            )
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on the dimension "
            f"{next(d for d in dims if x.shape[d] == 0)} because this dimension is empty and the operation does not "
            "have an identity"
        )
    if x.dim() == 0:
        return _norm((x.reshape(1),), float(ord), (0,), False)
    return _norm((x,), float(ord), dims, bool(keepdim))


def _check_dtype(name: str, x: Tensor, d: dtype) -> None:
    if d.category < FLOATING:
        raise RuntimeError(f"{name}: dtype should be floating point or complex. Got {type_name(d)}")
    if (d.category == COMPLEX) != (x.dtype.category == COMPLEX):
        kind = "complex" if x.dtype.category == COMPLEX else "real"
        raise RuntimeError(f"{name}: dtype should be {kind} for {kind} inputs, but got {type_name(d)}")
    if d.itemsize < x.dtype.itemsize:
        raise RuntimeError(
            f"{name}: the dtype of the input ({type_name(x.dtype)}) should be convertible without narrowing to the "
            f"specified dtype ({type_name(d)})"
        )


def _two_dims(name: str, dim: Any, ndim: int) -> tuple[int, int]:
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {dim}")
    i, j = _wrap_dim(dim[0], ndim), _wrap_dim(dim[1], ndim)
    if i == j:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return i, j


def _largest(values: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The maximum of numbers that are not negative; 0 of none."""
    return values.amax(dim, keepdim) if values.shape[dim] else values.sum(dim, keepdim)


@op(module="linalg", method=False, out=True)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    from .linalg_spectral import svdvals
    from .view import movedim

    name = "linalg.matrix_norm"
    if A.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if A.dtype.category < FLOATING:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(A.dtype)}")
    i, j = _two_dims(name, dim, A.dim())
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"{name}: Order {ord} not supported.")
    elif abs(ord) not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if ord == "fro":
        return vector_norm(A, 2, (i, j), keepdim, dtype=dtype)
    if dtype is not None:
        _check_dtype(name, A, dtype)
        A = A.to(dtype)
    if ord == "nuc" or abs(ord) == 2:
        check_matrix(name, A)
        values = svdvals(movedim(A, (i, j), (-2, -1)))
        if ord == "nuc":
            out = values.sum(-1)
        elif ord > 0:
            out = _largest(values, -1, False)
        else:
            out = values.amin(-1)
    else:
        summed, other = (i, j) if abs(ord) == 1 else (j, i)
        sums = vector_norm(A, 1, summed, True)
        out = _largest(sums, other, True) if ord > 0 else sums.amin(other, True)
        return out if keepdim else out.squeeze((i, j))
    if keepdim:
        for d in sorted((i, j)):
            out = out.unsqueeze(d)
    return out


@op("norm", module="linalg", method=False, out=True)
def linalg_norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    if dim is not None and isinstance(dim, (tuple, list)) and len(dim) not in (1, 2) and ord is not None:
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is None:
        if dim is None:
            out = vector_norm(A, 2, None, False, dtype=dtype)
            return out.view((1,) * A.dim()) if keepdim else out
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if A.dim() not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " f"{A.dim()}D."
            )
        if A.dim() == 2:
            return matrix_norm(A, ord, (0, 1), keepdim, dtype=dtype)
    elif isinstance(dim, (tuple, list)) and len(dim) == 2:
        return matrix_norm(A, ord, tuple(dim), keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: Order {ord} not supported.")
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


@op("norm", out=True)
def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    if p == "nuc":
        dims = tuple(range(input.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        return matrix_norm(input, "nuc", dims, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"unsupported norm: {p}")
    return vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


def _not_square(name: str, a: Tensor) -> str:
    return f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"


@op(module="linalg", method=False, out=True)
def cond(A: Tensor, p: Any = None) -> Tensor:
    from .linalg_solve import inv_ex
    from .linalg_spectral import svdvals

    check_matrix("linalg.cond", A)
    p = 2 if p is None else p
    if p == "nuc" or p in (2, -2):
        if p == "nuc" and A.shape[-1] != A.shape[-2]:
            raise RuntimeError(_not_square("linalg.cond(ord=nuc)", A))
        values = svdvals(A)
        if A.numel() == 0:
            return values.sum(-1)
        if p == "nuc":
            return values.sum(-1) * (1 / values).sum(-1)
        return values[..., 0] / values[..., -1] if p == 2 else values[..., -1] / values[..., 0]
    if p not in ("fro", 1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A.numel() == 0 and p != "fro":
        return A.abs().sum((-2, -1))
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(_not_square(f"linalg.cond(ord={p})", A))
    inverse, info = inv_ex(A)
    out = matrix_norm(A, p) * matrix_norm(inverse, p)
    return out.masked_fill(info != 0, math.inf)


@op(out=True)
def dist(input: Tensor, other: Tensor, p: Any = 2) -> Tensor:
    return vector_norm(input - other, p)


def _euclidean_array(a: Array, b: Array) -> Array:
    """``|x|^2 + |y|^2 - 2 x.y`` for all pairs: a matrix product instead of all differences."""
    two = _number(2, a.dtype)
    product = call("mul", call("matmul", a, b.as_strided(*_transposed(b))), two)
    left, right = (call("sum", call("mul", x, x), (len(x.shape) - 1,), True) for x in (a, b))
    squares = call("sub", call("add", left, right.as_strided(*_transposed(right))), product)
    return call("sqrt", call("maximum", squares, _number(0, a.dtype)))


def _transposed(a: Array) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    return (
        (*a.shape[:-2], a.shape[-1], a.shape[-2]), (*a.strides[:-2], a.strides[-1], a.strides[-2]), a.offset
    )  # fmt: skip


def _euclidean_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    """A pair's gradient is along its difference; pairs at distance 0 have none."""
    a, b, distance = c.input(0), c.input(1), c.result()
    ratio = (g / distance).masked_fill(distance == 0, 0)
    return (
        a * ratio.sum(-1, keepdim=True) - ratio @ b if c.needs[0] else None,
        b * ratio.sum(-2).unsqueeze(-1) - ratio.mT @ a if c.needs[1] else None,
    )


_euclidean = Prim("_euclidean_dist", _euclidean_array, _euclidean_grad, save=(0, 1), save_out=(0,))


@op(method=False)
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    if compute_mode not in ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
                            "donot_use_mm_for_euclid_dist"):  # fmt: skip
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for i, t in ((1, x1), (2, x2)):
        if t.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{i} got: {t.dim()}D")
        if t.dtype.category != FLOATING:
            raise RuntimeError(f"cdist only supports floating-point dtypes, X{i} got: {type_name(t.dtype)}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    by_product = compute_mode == "use_mm_for_euclid_dist" or (
        compute_mode == "use_mm_for_euclid_dist_if_necessary" and max(x1.shape[-2], x2.shape[-2]) > 25
    )
    if p == 2 and by_product and not x1.dtype.is_low and x1.dtype is x2.dtype and x1.numel() and x2.numel():
        return _euclidean(expand_batches(x1, x2))
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if difference.shape[-1] == 0:
        return difference.sum(-1)
    return vector_norm(difference, p, -1)


@op(out=True, inplace=True)
def renorm(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    from .composite import where

    if input.dim() < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.dim()} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = _wrap_dim(dim, input.dim())
    low = input.dtype.is_low
    x = input.float() if low else input
    size = vector_norm(x, p, tuple(d for d in range(x.dim()) if d != dim), True)
    out = x * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
    return out.to(input.dtype) if low else out
