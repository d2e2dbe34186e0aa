"""Cholesky, LU and LDL factorizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array
from .._device import META
from .._dtype import COMPLEX
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op
from .linalg_common import (
    check_info,
    check_inputs,
    check_matrix,
    check_square,
    column_major,
    columns,
    expand_batches,
    mH,
    named,
)


def _cholesky_array(a: Array, upper: bool) -> tuple[Array, Array]:
    """The lower factor, of the hermitian matrix that the lower (or upper) triangle stands for."""
    if upper and a.device is not META:
        a = Array(np.ascontiguousarray(np.swapaxes(a.np, -1, -2).conj()), a.device)
    factor, info = call("linalg_cholesky", a)
    return columns(factor), info


def _cholesky_grad(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    """``L^-H (phi(L^H g)) L^-1``, phi taking the lower triangle for the hermitian matrix that it stands for, halved."""
    from .linalg_solve import solve_triangular

    if g is None:
        return (None,)
    factor = c.result()
    lower = (mH(factor) @ g).tril()
    middle = (lower + mH(lower.tril(-1))) * 0.5
    left = solve_triangular(mH(factor), middle, upper=True)
    return (solve_triangular(factor, left, upper=False, left=False),)


_cholesky = Prim("linalg_cholesky_ex", _cholesky_array, _cholesky_grad, save_out=(0,), conjugates=True)


def _factor(name: str, a: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    check_square(name, a)
    factor, info = _cholesky((a,), bool(upper))
    return (column_major(mH(factor)) if upper else factor), info


@op(module="linalg", method=False, out=True)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    factor, info = _factor("linalg.cholesky_ex", A, upper)
    if check_errors:
        check_info(info, "linalg.cholesky_ex", _NOT_POSITIVE)
    return named("linalg_cholesky_ex")(factor, info)


_NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{} is not positive-definite)."
)


@op("cholesky", module="linalg", method=False, out=True)
def linalg_cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    factor, info = _factor("linalg.cholesky", A, upper)
    check_info(info, "linalg.cholesky", _NOT_POSITIVE)
    return factor


@op(out=True)
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    factor, info = _factor("cholesky", input, upper)
    check_info(info, "cholesky", _NOT_POSITIVE)
    return factor


def _cholesky_solve_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    factor, upper = c.input(1), c.params[0]
    g_b = cholesky_solve(g, factor, upper)
    if not c.needs[1]:
        return g_b, None
    common = g_b @ mH(c.result())
    common = common + mH(common)
    return g_b, (-(factor @ common) if upper else -(common @ factor))


_cholesky_solve = Prim(
    "cholesky_solve", lambda b, f, upper: columns(call("linalg_cholesky_solve", b, f, upper)),
    _cholesky_solve_grad, save=(1,), save_out=(0,), conjugates=True,
)  # fmt: skip


@op(out=True)
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    for name, t in (("b", B), ("u", L)):
        if t.dim() < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {t.dim()} dimensions instead")
    check_square("cholesky_solve", L)
    if B.shape[-2] != L.shape[-1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by {L.shape[-1]} but each b "
            f"matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    check_inputs("cholesky_solve", B, L)
    factor, b = expand_batches(L, B)
    return _cholesky_solve((b, factor), bool(upper))


def _cholesky_inverse_array(factor: Array, upper: bool) -> Array:
    if factor.device is META:
        return columns(factor.contiguous())
    eye = np.broadcast_to(np.eye(factor.shape[-1], dtype=factor.np.dtype), factor.shape)
    return columns(call("linalg_cholesky_solve", Array(np.ascontiguousarray(eye), factor.device), factor, upper))


def _cholesky_inverse_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    factor, inverse, upper = c.input(0), c.result(), c.params[0]
    common = inverse @ ((g + mH(g)) @ inverse)
    return (-(factor @ common) if upper else -(common @ factor),)


_cholesky_inverse = Prim(
    "cholesky_inverse", _cholesky_inverse_array, _cholesky_inverse_grad, save=(0,), save_out=(0,), conjugates=True
)


@op(out=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    check_square("cholesky_inverse", L)
    return _cholesky_inverse((L,), bool(upper))


def _lu_array(a: Array) -> tuple[Array, Array, Array]:
    lu, pivots, info = call("linalg_lu", a)
    return columns(lu), pivots, info


def _lu_grad(c: Any, g: Any, *_: Any) -> tuple[Any]:
    """From ``P L dU + P dL U = dA``: strictly lower and upper triangles of ``L^-1 P^T dA U^-1`` are dL's and dU's."""
    from .linalg_solve import solve_triangular

    if g is None:
        return (None,)
    lu, pivots = c.result(0), c.result(1)
    m, n = lu.shape[-2:]
    k = min(m, n)
    lower, upper = _unit_lower(lu[..., :k, :k]), lu[..., :k, :k].triu()
    g_lower, g_upper = g[..., :k, :k].tril(-1), g[..., :k, :k].triu()
    inner_lower, inner_upper = mH(lower) @ g_lower, g_upper @ mH(upper)
    if m < n:
        inner_lower = inner_lower - g[..., k:] @ mH(lu[..., k:])
    elif m > n:
        inner_upper = inner_upper - mH(lu[..., k:, :]) @ g[..., k:, :]
    inner = inner_lower.tril(-1) + inner_upper.triu()
    if m >= n:
        rows = solve_triangular(mH(lower), inner, upper=True, unitriangular=True)
        if m > n:
            from .shape import cat

            rows = cat((rows, g[..., k:, :]), -2)
        out = solve_triangular(mH(upper), rows, upper=False, left=False)
    else:
        from .shape import cat

        first = solve_triangular(mH(upper), inner, upper=False, left=False)
        out = solve_triangular(mH(lower), cat((first, g[..., k:]), -1), upper=True, unitriangular=True)
    return (permutation(pivots, m, out.dtype) @ out,)


_lu = Prim("linalg_lu_factor_ex", _lu_array, _lu_grad, save_out=(0, 1), conjugates=True)


def _unit_lower(lu: Tensor) -> Tensor:
    from .creation import eye

    m, n = lu.shape[-2:]
    return lu.tril(-1) + eye(m, n, dtype=lu.dtype, device=lu.device)


def permutation(pivots: Tensor, m: int, d: Any) -> Tensor:
    """The matrix P of ``A = P L U`` for LAPACK's pivots (from 1) ``[..., k]``."""
    from .._tensor import wrap

    if pivots.is_meta:
        return pivots.new_empty((*pivots.shape[:-1], m, m), dtype=d)
    flat = np.asarray(pivots._arr.np).reshape(-1, pivots.shape[-1]) if pivots.numel() else None
    batch = tuple(pivots.shape[:-1])
    count = int(np.prod(batch, dtype=int))
    rows = np.tile(np.arange(m), (count, 1))
    if flat is not None:
        each = np.arange(count)
        for i in range(flat.shape[1]):
            j = flat[:, i] - 1
            kept = rows[:, i].copy()
            rows[:, i] = rows[each, j]
            rows[each, j] = kept
    out = np.zeros((count, m, m), d._np)
    out[np.arange(count)[:, None], rows, np.arange(m)] = 1
    return wrap(Array(out.reshape(*batch, m, m), pivots.device, d))


def _need_pivoting(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


_SINGULAR_LU = "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero."


@op(module="linalg", method=False, out=True)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    check_matrix("torch.lu_factor", A)
    _need_pivoting("linalg.lu_factor", pivot)
    results = _lu((A,))
    if check_errors:
        check_info(results[2], "torch.linalg.lu_factor_ex", _SINGULAR_LU)
    return named("linalg_lu_factor_ex")(*results)


@op(module="linalg", method=False, out=True)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    check_matrix("torch.lu_factor", A)
    _need_pivoting("linalg.lu_factor", pivot)
    factors, pivots, info = _lu((A,))
    check_info(info, "torch.linalg.lu_factor", _SINGULAR_LU)
    return named("linalg_lu_factor")(factors, pivots)


@op("lu", out=True)
def lu(input: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    check_matrix("torch.lu_factor", input)
    _need_pivoting("linalg.lu_factor", pivot)
    factors, pivots, info = _lu((input,))
    if get_infos:
        return factors, pivots, info
    check_info(info, "torch.linalg.lu_factor", _SINGULAR_LU)
    return factors, pivots


@op("lu", module="linalg", method=False, out=True)
def linalg_lu(A: Tensor, *, pivot: bool = True) -> Any:
    check_matrix("linalg.lu", A)
    _need_pivoting("linalg.lu", pivot)
    factors, pivots, _ = _lu((A,))
    return named("linalg_lu")(*_unpacked(factors, pivots))


def _unpacked(factors: Tensor, pivots: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    m, n = factors.shape[-2:]
    k = min(m, n)
    lower, upper = _unit_lower(factors[..., :k]), factors[..., :k, :].triu()
    return permutation(pivots, m, factors.dtype), lower, upper


@op(method=False, out=True)
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    if unpack_pivots and str(LU_pivots.dtype) != "torch.int32":
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    nothing = LU_data.new_empty((0,))
    p, lower, upper = nothing, nothing, nothing
    if unpack_pivots:
        p = permutation(LU_pivots, LU_data.shape[-2], LU_data.dtype)
    if unpack_data:
        k = min(LU_data.shape[-2:])
        lower, upper = _unit_lower(LU_data[..., :k]), LU_data[..., :k, :].triu()
    return named("lu_unpack")(p, lower, upper)


def _ldl_array(a: Array, hermitian: bool) -> tuple[Array, Array, Array]:
    factors, pivots, info = call("linalg_ldl", a, hermitian)
    return columns(factors), pivots, info


_ldl = Prim("linalg_ldl_factor_ex", _ldl_array)


@op(module="linalg", method=False, out=True)
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    check_square("torch.linalg.ldl_factor_ex", A)
    results = _ldl((A,), bool(hermitian))
    if check_errors:
        check_info(results[2], "torch.linalg.ldl_factor_ex", _SINGULAR_LDL)
    return named("linalg_ldl_factor_ex")(*results)


_SINGULAR_LDL = "D[{0},{0}] is zero and using it on ldl_solve would result in a division by zero."


@op(module="linalg", method=False, out=True)
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    check_square("torch.linalg.ldl_factor_ex", A)
    factors, pivots, info = _ldl((A,), bool(hermitian))
    check_info(info, "torch.linalg.ldl_factor", _SINGULAR_LDL)
    return named("linalg_ldl_factor")(factors, pivots)


_ldl_solve = Prim(
    "linalg_ldl_solve", lambda ld, p, b, hermitian: columns(call("linalg_ldl_solve", ld, p, b, hermitian))
)


@op(module="linalg", method=False, out=True)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    check_square("torch.linalg.ldl_solve", LD, "LD")
    check_inputs("torch.linalg.ldl_solve", LD, B, ("LD", "B"))
    if B.dim() < 2:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.dim()} dimensions instead"
        )
    if B.shape[-2] != LD.shape[-1]:
        raise RuntimeError(
            f"linalg.ldl_solve: Incompatible shapes of A and B for the equation AX = B ({LD.shape[-2]}x{LD.shape[-1]} "
            f"and {B.shape[-2]}x{B.shape[-1]})"
        )
    factors, b = expand_batches(LD, B)
    pivots = pivots.expand(tuple(b.shape[:-2]) + tuple(pivots.shape[-1:]))
    return _ldl_solve((factors, pivots, b), bool(hermitian) and LD.dtype.category == COMPLEX)
