"""QR factorizations and products of Householder reflectors."""

from __future__ import annotations

from typing import Any

from .._array import Array
from .._dtype import FLOATING
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op, type_name
from .linalg_common import check_inputs, check_matrix, columns, mH, named, recorded


def _qr_array(a: Array, mode: str) -> tuple[Array, Array]:
    q, r = call("linalg_qr", a, mode)
    return (q if mode == "r" else columns(q)), columns(r)


def _qr_grad(c: Any, g_q: Any, g_r: Any) -> tuple[Any]:
    mode = c.params[0]
    m, n = c.shapes[0][-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients."
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    if g_q is None and g_r is None:
        return (None,)
    q, r = c.result(0), c.result(1)
    if m >= n:
        return (_square_qr_grad(q, r, g_q, g_r),)
    # A = [X Y], R = [U V]: Y = Q V adds to what Q gets, and X = Q U is square.
    from .shape import cat

    g_q = q.new_zeros(q.shape) if g_q is None else g_q
    if g_r is None:
        g_u, g_y = None, q.new_zeros((*q.shape[:-1], n - m))
    else:
        g_u, g_y = g_r[..., :m], q @ g_r[..., m:]
        g_q = g_q + (q @ r[..., m:]) @ mH(g_r[..., m:])
    return (cat((_square_qr_grad(q, r[..., :m], g_q, g_u), g_y), -1),)


def _square_qr_grad(q: Tensor, r: Tensor, g_q: Any, g_r: Any) -> Tensor:
    """``(g_Q + Q copyltu(R g_R^H - g_Q^H Q)) R^-H``, for R square; copyltu mirrors the lower triangle."""
    from .linalg_solve import solve_triangular

    inner = None if g_r is None else r @ mH(g_r)
    if g_q is not None:
        inner = -(mH(g_q) @ q) if inner is None else inner - mH(g_q) @ q
    mirrored = inner.tril() + mH(inner.tril(-1))
    if q.dtype.category == 3:  # the diagonal of what is mirrored is real
        mirrored = (mirrored + mH(mirrored)) * 0.5
    total = q @ mirrored
    if g_q is not None:
        total = total + g_q
    return solve_triangular(mH(r), total, upper=False, left=False)


_qr = Prim("linalg_qr", _qr_array, _qr_grad, save_out=(0, 1), conjugates=True)


@op("qr", module="linalg", method=False, out=True)
def linalg_qr(A: Tensor, mode: str = "reduced") -> Any:
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return named("linalg_qr")(*_qr((A,), mode))


@op(out=True)
def qr(input: Tensor, some: bool = True) -> Any:
    check_matrix("linalg.qr", input)
    return named("qr")(*_qr((input,), "reduced" if some else "complete"))


def _geqrf_array(a: Array) -> tuple[Array, Array]:
    factors, tau = call("linalg_geqrf", a)
    return columns(factors), tau


def _geqrf_grad(c: Any, *_: Any) -> tuple[Any]:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


_geqrf = Prim("geqrf", _geqrf_array, _geqrf_grad)


@op(out=True)
def geqrf(input: Tensor) -> Any:
    check_matrix("torch.geqrf", input, "input")
    return named("geqrf")(*_geqrf((input,)))


def _check_reflectors(name: str, a: Tensor, tau: Tensor) -> None:
    if a.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1] and name.endswith("householder_product"):
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if tau.dim() < 1 or a.dim() != tau.dim() + 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.dim()} and "
            f"input.ndim is equal to {a.dim()}"
        )
    if a.shape[-1] < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if a.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if a.dtype is not tau.dtype:
        raise RuntimeError(f"{name}: tau dtype {type_name(tau.dtype)} does not match input dtype {type_name(a.dtype)}")
    if a.dtype.category < FLOATING or a.dtype.is_low:
        kernel = "ormqr" if name == "torch.ormqr" else "orgqr"
        raise NotImplementedError(f"\"{kernel}_cpu\" not implemented for '{type_name(a.dtype)}'")


def _reflected(a: Tensor, tau: Tensor, x: Tensor, left: bool, order: range, adjoint: bool) -> Tensor:
    """The reflectors ``I - tau_i v_i v_i^H`` on `x`, one after the other, by operators that have gradients."""
    from .creation import eye

    m, k = a.shape[-2], tau.shape[-1]
    vectors = a[..., :k].tril(-1) + eye(m, k, dtype=a.dtype, device=a.device)
    factors = tau.conj() if adjoint and tau.dtype.category == 3 else tau
    for i in order:
        v, t = vectors[..., i : i + 1], factors[..., i].unsqueeze(-1).unsqueeze(-1)
        x = x - (t * v) @ (mH(v) @ x) if left else x - (x @ v) @ (t * mH(v))
    return x


_householder = Prim("linalg_householder_product", lambda a, tau: columns(call("linalg_householder", a, tau)))


@op(module="linalg", method=False, out=True)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    _check_reflectors("torch.linalg.householder_product", A, tau)
    if not recorded(A, tau):
        return _householder((A, tau))
    from .creation import eye

    start = eye(*A.shape[-2:], dtype=A.dtype, device=A.device).expand(A.shape)
    if not tau.shape[-1]:  # no reflector: gradients of zero, by sums of nothing
        return start + A[..., :0].sum() + tau.sum()
    return _reflected(A, tau, start, True, range(tau.shape[-1] - 1, -1, -1), False)


@op(out=True)
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    return householder_product(input, tau)


_ormqr = Prim("ormqr", lambda a, tau, c, left, adjoint: columns(call("linalg_ormqr", a, tau, c, left, adjoint)))


@op(out=True)
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    _check_reflectors("torch.ormqr", input, tau)
    if other.dim() < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    dim = -2 if left else -1
    if other.shape[dim] < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{dim}] must be greater than or equal to tau.shape[-1]")
    if other.shape[dim] != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{dim}] must be equal to input.shape[-2]")
    if input.shape[:-2] != other.shape[:-2]:
        raise RuntimeError(
            "torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(other.shape[:-2])}"
        )
    check_inputs("torch.ormqr", input, other, ("input", "other"))
    if not recorded(input, tau, other):
        return _ormqr((input, tau, other), bool(left), bool(transpose))
    k = tau.shape[-1]
    order = range(k) if left == transpose else range(k - 1, -1, -1)
    return _reflected(input, tau, other, left, order, transpose)
