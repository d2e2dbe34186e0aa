"""What depends on the numerical rank: rank, pseudoinverse, least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array
from .._tensor import Tensor
from ..kernels import call
from ..tape.grad_mode import no_grad
from ._prim import Prim
from ._registry import op
from .linalg_common import check_inputs, check_matrix, check_square, columns, mH, named
from .linalg_spectral import eigh, eigvalsh, linalg_svd, svdvals


def _epsilon(x: Tensor) -> float:
    return float(np.finfo(x.dtype.to_real()._np).eps)


def _threshold(a: Tensor, largest: Tensor, atol: Any, rtol: Any) -> Tensor:
    """``max(atol, rtol * largest)``; without tolerances rtol is eps times the longer side."""
    from .composite import where

    default = _epsilon(a) * max(a.shape[-2:])
    if rtol is None:
        if isinstance(atol, Tensor):
            rtol = where(atol > 0, 0.0, default)
        else:
            rtol = default if atol is None or atol <= 0 else 0.0
    atol = 0.0 if atol is None else atol
    relative = largest * (rtol.to(largest.dtype) if isinstance(rtol, Tensor) else rtol)
    if isinstance(atol, Tensor):
        return relative.maximum(atol.to(relative.dtype))
    return relative.clamp_min(atol)


@op(module="linalg", method=False, out=True)
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    from .._dtype import int64

    for name, t in (("atol", atol), ("rtol", rtol), ("tol", tol)):
        if isinstance(t, Tensor) and t.dtype.category == 3:
            raise RuntimeError(
                f"torch.linalg.matrix_rank: {name} tensor of complex type is not supported. Got {t.dtype}"
            )
    check_matrix("linalg.matrix_rank", A)
    a = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    if a.numel() == 0:
        return a.new_zeros(tuple(a.shape[:-2]), dtype=int64)
    if hermitian:
        check_square("linalg.matrix_rank", a)
        values = eigvalsh(a).abs()
        largest = values.amax(-1)
    else:
        values = svdvals(a)
        largest = values[..., 0]
    return (values > _threshold(a, largest, atol, rtol).unsqueeze(-1)).sum(-1)


def _pinv_value(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    from .composite import where

    if a.numel() == 0:
        return a.new_zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]))
    if hermitian:
        w, u = eigh(a)
        size = w.abs()
        vh = mH(u)
        largest = size.amax(-1, True)
    else:
        u, w, vh = linalg_svd(a, full_matrices=False)
        size, largest = w, w[..., :1]
    keep = size > _threshold(a, largest.squeeze(-1), atol, rtol).unsqueeze(-1)
    inverse = where(keep, 1 / w, 0.0).to(a.dtype)
    return (mH(vh) * inverse.unsqueeze(-2)) @ mH(u)


def _pinv_grad(c: Any, g: Tensor) -> tuple[Tensor, None]:
    return _pinv_backward(g, c.result(), c.input(0)), None


def _pinv_backward(g: Tensor, p: Tensor, a: Tensor) -> Tensor:
    """From ``dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P``, for constant rank."""
    ph, gh = mH(p), mH(g)
    first = ph @ (g @ ph)
    right = gh @ (p @ ph)
    left = (ph @ p) @ gh
    return right - a @ (p @ right) + left - (left @ p) @ a - first


_pinv = Prim("linalg_pinv", lambda a, found: found, _pinv_grad, save=(0,), save_out=(0,), conjugates=True)


@op(module="linalg", method=False, out=True)
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    check_matrix("linalg.pinv", A)
    if hermitian:
        check_square("linalg.pinv", A)
    if rcond is not None:
        atol, rtol = 0.0, rcond
    with no_grad():
        found = _pinv_value(A.detach(), atol, rtol, hermitian)
    return _pinv((A, found._arr))


@op()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    return pinv(input, rcond)


def _lstsq_array(a: Array, b: Array, rcond: float, driver: str) -> tuple[Array, ...]:
    """Solution, residuals, rank, singular values; what the driver does not give has no elements."""
    x, rank, values = call("linalg_lstsq", a, b, rcond, driver)
    x, nothing = columns(x), Array(a.np.real.ravel()[:0].copy(), a.device)
    m, n = a.shape[-2:]
    residuals = nothing
    if m > n and driver != "gelsy" and (driver == "gels" or bool((rank.np == n).all())):
        squares = np.square(np.abs(a.np @ x.np - b.np))
        residuals = Array(squares.sum(-2), a.device)
    if driver == "gels":
        rank = Array(rank.np.ravel()[:0].copy(), a.device)
    return x, residuals, rank, (nothing if driver in ("gels", "gelsy") else values)


def _lstsq_grad(c: Any, g: Any, g_residuals: Any, *_: Any) -> tuple[Any, Any]:
    a, b, x = c.input(0), c.input(1), c.result(0)
    g_a = g_b = None
    if g is not None:
        p = pinv(a)
        g_a = _pinv_backward(g @ mH(b), p, a) if c.needs[0] else None
        g_b = mH(p) @ g if c.needs[1] else None
    if g_residuals is not None and g_residuals.numel():
        scaled = (a @ x - b) * (g_residuals * 2).unsqueeze(-2)
        g_a = scaled @ mH(x) if g_a is None else g_a + scaled @ mH(x)
        g_b = -scaled if g_b is None else g_b - scaled
    return g_a, g_b


_lstsq = Prim("linalg_lstsq", _lstsq_array, _lstsq_grad, save=(0, 1), save_out=(0,), conjugates=True)
_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@op(module="linalg", method=False, out=True)
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    name = "torch.linalg.lstsq"
    check_matrix(name, A, "input")
    if B.dim() < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    check_inputs(name, A, B, ("input", "other"))
    driver = driver or "gelsy"
    if driver not in _DRIVERS:
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but it is currently {driver}"
        )
    if A.dim() - B.dim() not in (0, 1):
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    # Batches are not broadcast here: vectors have the batch shape and rows of A.
    vectors = A.dim() - 1 == B.dim() and A.shape[:-1] == B.shape
    b = B.unsqueeze(-1) if vectors else B
    if A.shape[:-2] != b.shape[:-2]:
        from .linalg_common import expand_batches

        a, b = expand_batches(A, b)
    else:
        a = A
    if A.shape[-2] != b.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-{1 if vectors else 2})")
    m, n = A.shape[-2:]
    cut = _epsilon(A) * max(m, n) if rcond is None else float(rcond)
    solution, residuals, rank, values = _lstsq((a, b), cut, driver)
    if vectors:
        solution = solution.squeeze(-1)
    return named("linalg_lstsq")(
        solution, residuals, rank, values.detach()
    )
