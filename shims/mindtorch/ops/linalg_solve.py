"""Solvers, inverses and determinants."""

from __future__ import annotations

import math
from typing import Any

from .._array import Array
from .._dtype import COMPLEX
from .._tensor import Tensor
from ..kernels import call
from ._checks import anywhere
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


def _triangular_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    a, (upper, unit) = c.input(0), c.params
    g_b = _triangular((a.mT, g), not upper, unit)
    if not c.needs[0]:
        return None, g_b
    g_a = -(g_b @ c.result().mT)
    return (g_a.triu(int(unit)) if upper else g_a.tril(-int(unit))), g_b


_triangular = Prim(
    "linalg_solve_triangular", lambda a, b, upper, unit: columns(call("linalg_triangular", a, b, upper, unit)),
    _triangular_grad, save=(0,), save_out=(0,),
)  # fmt: skip


@op(module="linalg", method=False, out=True)
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    name = "linalg.solve_triangular"
    check_square(name, A)
    check_matrix(name, B, "B")
    check_inputs(name, A, B)
    _check_sizes(name, A, B, left)
    a, b = expand_batches(A, B)
    if left:
        return _triangular((a, b), bool(upper), bool(unitriangular))
    return column_major(_triangular((a.mT, b.mT), not upper, bool(unitriangular)).mT)


def _check_sizes(name: str, a: Tensor, b: Tensor, left: bool) -> None:
    if a.shape[-2] != b.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


@op(out=True)
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    for name, t in (("b", input), ("A", A)):
        if t.dim() < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {t.dim()} "
                "dimensions instead"
            )
    a, b = expand_batches(A, input)
    if transpose:
        solution = solve_triangular(mH(a) if a.dtype.category == COMPLEX else a.mT, b, upper=not upper,
                                    unitriangular=unitriangular)  # fmt: skip
    else:
        solution = solve_triangular(a, b, upper=upper, unitriangular=unitriangular)
    return named("triangular_solve")(solution, column_major(a.clone()))


def _solve_array(a: Array, b: Array) -> tuple[Array, ...]:
    x, lu, pivots, info = call("linalg_solve", a, b)
    return columns(x), columns(lu), pivots, info


def _solve_grad(c: Any, g: Any, *_: Any) -> tuple[Any, Any]:
    if g is None:
        return None, None
    g_b = _solve((c.input(0).mT, g))[0]
    return (-(g_b @ c.result(0).mT) if c.needs[0] else None), g_b


_solve = Prim("linalg_solve_ex", _solve_array, _solve_grad, save=(0,), save_out=(0,))


def _solved(name: str, A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, ...]:
    check_square(name, A)
    check_inputs(name, A, B)
    vectors = B.dim() == 1 or (A.dim() - 1 == B.dim() and A.shape[:-1] == B.shape)
    if vectors and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    b = B.unsqueeze(-1) if vectors else B
    _check_sizes(name, A, b, left)
    a, b = expand_batches(A, b)
    x, lu, pivots, info = _solve((a, b) if left else (a.mT, b.mT))
    x = x if left else x.mT
    return (x.squeeze(-1) if vectors else x), lu, pivots, info


_SINGULAR = "The solver failed because the input matrix is singular."


@op(module="linalg", method=False, out=True)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    x, _, _, info = _solved("linalg.solve", A, B, left)
    if check_errors:
        check_info(info, "torch.linalg.solve_ex", _SINGULAR)
    return named("linalg_solve_ex")(x, info)


@op(module="linalg", method=False, out=True)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    x, _, _, info = _solved("linalg.solve", A, B, left)
    check_info(info, "torch.linalg.solve", _SINGULAR)
    return x


def _inv_array(a: Array) -> tuple[Array, Array]:
    inverse, info = call("linalg_inv", a)
    return columns(inverse), info


def _inv_grad(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    if g is None:
        return (None,)
    adjoint = c.result(0).mT
    return (-(adjoint @ (g @ adjoint)),)


_inv = Prim("linalg_inv_ex", _inv_array, _inv_grad, save_out=(0,))
_SINGULAR_INV = (
    "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
)


@op(module="linalg", method=False, out=True)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    check_square("linalg.inv", A)
    results = _inv((A,))
    if check_errors:
        check_info(results[1], "linalg.inv_ex", _SINGULAR_INV)
    return named("linalg_inv_ex")(*results)


@op(module="linalg", method=False, out=True)
def inv(A: Tensor) -> Tensor:
    check_square("linalg.inv", A)
    result, info = _inv((A,))
    check_info(info, "linalg.inv", _SINGULAR_INV)
    return result


@op(out=True)
def inverse(input: Tensor) -> Tensor:
    return inv(input)


@op("lu_solve", module="linalg", method=False, out=True)
def linalg_lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    from .linalg_factor import permutation

    check_square("torch.linalg.lu_solve", LU, "LU")
    check_inputs("linalg.lu_solve", LU, B, ("LU", "B"))
    if str(pivots.dtype) != "torch.int32":
        raise RuntimeError(
            "linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32. Got " + str(pivots.dtype)
        )
    if B.dim() < 2:
        raise RuntimeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix"
        )
    _check_sizes("linalg.lu_solve", LU, B, left)
    p = permutation(pivots, LU.shape[-1], LU.dtype)
    lower: dict[str, Any] = {"upper": False, "unitriangular": True}
    if not left:  # X A = B: A^H X^H = B^H
        if adjoint:
            return mH(linalg_lu_solve(LU, pivots, mH(B)))
        return mH(linalg_lu_solve(LU, pivots, mH(B), adjoint=True))
    if adjoint:
        y = solve_triangular(mH(LU), B, upper=False)
        return p @ solve_triangular(mH(LU), y, upper=True, unitriangular=True)
    return solve_triangular(LU, solve_triangular(LU, p.mT @ B, **lower), upper=True)


@op(out=True)
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    return linalg_lu_solve(LU_data, LU_pivots, b)


def _det_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """``g det(A) A^-T``; the adjugate by singular values where a matrix of the batch is singular."""
    a, d = c.input(0), c.result()
    scale = (g * d).unsqueeze(-1).unsqueeze(-1)
    if not anywhere(d.detach() == 0):
        return (_inv((a.mT,))[0] * scale,)
    from .linalg_spectral import linalg_svd

    u, s, vh = linalg_svd(a, full_matrices=False)
    n = s.shape[-1]
    from .creation import eye
    from .shape import stack

    rest = [s[..., [j for j in range(n) if j != i]].prod(-1) for i in range(n)]
    others = stack(rest, -1) if rest else s.new_zeros(s.shape)
    if a.dtype.category == COMPLEX:  # the formula for real numbers is conjugated around this: no adjoints here
        u, vh = u.conj(), vh.conj()
    phase = (det(u) * det(vh) * g).unsqueeze(-1).unsqueeze(-1) if n else eye(0, dtype=a.dtype)
    return ((u * (others.unsqueeze(-2) * phase)) @ vh,)


_det = Prim("linalg_det", lambda a: call("linalg_det", a), _det_grad, save=(0,), save_out=(0,))


@op("det", module="linalg", method=False, out=True)
def linalg_det(A: Tensor) -> Tensor:
    check_square("linalg.det", A)
    return _det((A,))


@op()
def det(input: Tensor) -> Tensor:
    return linalg_det(input)


def _slogdet_grad(c: Any, g_sign: Any, g_log: Any) -> tuple[Any]:
    """``A^-H (g_log - i Im(conj(g_sign) sign))``: the sign of a real determinant is constant."""
    a = c.input(0)
    g = g_log
    if a.dtype.category == COMPLEX and g_sign is not None:
        turned = (g_sign.conj() * c.result(0)).imag * 1j
        g = -turned if g is None else g - turned
    if g is None:
        return (None,)
    return (_inv((mH(a),))[0] * g.unsqueeze(-1).unsqueeze(-1),)


_slogdet = Prim(
    "linalg_slogdet", lambda a: call("linalg_slogdet", a), _slogdet_grad, save=(0,), save_out=(0,), conjugates=True
)


@op("slogdet", module="linalg", method=False, out=True)
def linalg_slogdet(A: Tensor) -> Any:
    check_square("linalg.slogdet", A)
    return named("linalg_slogdet")(*_slogdet((A,)))


@op(out=True)
def slogdet(input: Tensor) -> Any:
    check_square("linalg.slogdet", input)
    return named("slogdet")(*_slogdet((input,)))


@op()
def logdet(input: Tensor) -> Tensor:
    from .composite import where

    check_square("linalg.slogdet", input)
    sign, magnitude = _slogdet((input,))
    if input.dtype.category == COMPLEX:
        return sign.log() + magnitude
    return where(sign == -1, math.nan, magnitude)


@op(module="linalg", method=False, out=True)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    from .view import movedim

    if dims is not None:
        A = movedim(A, list(dims), list(range(A.dim() - len(dims), A.dim())))
    rest = tuple(A.shape[B.dim() :])
    n = math.prod(rest)
    if n != math.prod(A.shape[: B.dim()]):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {n} != {math.prod(A.shape[: B.dim()])}"
        )
    return solve(A.reshape(n, n), B.reshape(-1)).reshape(rest)


@op(module="linalg", method=False, out=True)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    front, rest = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    n = math.prod(rest)
    if n != math.prod(front):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{n} != {math.prod(front)}"
        )
    result, info = _inv((A.reshape(n, n),))
    check_info(info, "inverse", "Failed to invert the input tensor, because it is singular.")
    return result.reshape(rest + front)
