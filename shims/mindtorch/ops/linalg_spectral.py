"""Singular values, eigenvalues, and what is made of them: rank, pseudoinverse, least squares, the exponential."""

from __future__ import annotations

from typing import Any

from .._array import Array
from .._device import META
from .._dtype import COMPLEX
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op
from .linalg_common import check_info, check_matrix, check_square, columns, mH, named, recorded


def _svd_array(a: Array, full: bool, vectors: bool) -> tuple[Array, ...]:
    u, s, vh, info = call("linalg_svd", a, full, vectors)
    if info.device is not META and info.np.any() and not _finite(a):
        raise _not_finite("linalg.svd")
    return columns(u), s, columns(vh), info


def _finite(a: Array) -> bool:
    import numpy as np

    return bool(np.isfinite(a.np).all())


def _not_finite(name: str) -> Exception:
    from .linalg_common import LinAlgError

    return LinAlgError(
        f"{name}: The algorithm failed to converge because the input matrix contained non-finite values."
    )


def _svd_grad(c: Any, g_u: Any, g_s: Any, g_vh: Any, _: Any = None) -> tuple[Any]:
    """``U (skew(U^H g_U) / E S + S skew(V^H g_V) / E + g_S) V^H`` with ``E_ij = s_j^2 - s_i^2``, and beside the spans
    of U and V what their orthogonal complements get."""
    if g_u is None and g_s is None and g_vh is None:
        return (None,)
    if not c.params[1]:
        raise RuntimeError("svd_backward: cannot compute the derivative without U and Vh: compute_uv is False")
    s = c.result(1)
    k = s.shape[-1]
    u, vh = c.result(0)[..., :k], c.result(2)[..., :k, :]
    m, n = u.shape[-2], vh.shape[-1]
    g_u = None if g_u is None else g_u[..., :k]
    g_vh = None if g_vh is None else g_vh[..., :k, :]
    complex_ = u.dtype.category == COMPLEX
    if g_u is None and g_vh is None:
        return ((u * _as(g_s, u).unsqueeze(-2)) @ vh,)
    inner = None if g_s is None else _as(g_s, u).diag_embed()
    e = _differences(s * s)
    column, row = _as(s, u).unsqueeze(-2), _as(s, u).unsqueeze(-1)
    inverse = 1 / s
    phases = None
    if g_u is not None:
        w = mH(u) @ g_u
        skew = w - mH(w)
        phases = w.diagonal(0, -2, -1)
        inner = _plus(inner, skew / e * column)
    if g_vh is not None:
        w = g_vh @ mH(vh)
        w = mH(w)
        skew = w - mH(w)
        inner = _plus(inner, row * (skew / e))
        if phases is None and complex_:
            phases = -w.diagonal(0, -2, -1)
    if complex_ and phases is not None:
        inner = inner + (phases.imag * inverse * 1j).diag_embed()
    out = u @ inner
    scale = _as(inverse, u)
    if g_u is not None and m > k:
        scaled = g_u * scale.unsqueeze(-2)
        out = out + scaled - u @ (mH(u) @ scaled)
    out = out @ vh
    if g_vh is not None and n > k:
        scaled = scale.unsqueeze(-1) * g_vh
        out = out + u @ (scaled - (scaled @ mH(vh)) @ vh)
    return (out,)


def _plus(total: Any, term: Tensor) -> Tensor:
    return term if total is None else total + term


def _as(x: Tensor, like: Tensor) -> Tensor:
    return x.to(like.dtype)


def _differences(w: Tensor) -> Tensor:
    """``w_j - w_i`` at (i, j), and 1 on the diagonal."""
    from .creation import eye

    n = w.shape[-1]
    return w.unsqueeze(-2) - w.unsqueeze(-1) + eye(n, dtype=w.dtype, device=w.device)


_svd = Prim("linalg_svd", _svd_array, _svd_grad, save_out=(0, 1, 2), conjugates=True)


@op("svd", module="linalg", method=False, out=True)
def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    check_matrix("linalg.svd", A)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    return named("linalg_svd")(*_svd((A,), bool(full_matrices), True)[:3])


@op(module="linalg", method=False, out=True)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    check_matrix("linalg.svd", A)
    return _svd((A,), False, recorded(A))[1]


@op(out=True)
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    check_matrix("linalg.svd", input)
    result = named("svd")
    if compute_uv:
        u, s, vh, _ = _svd((input,), not some, True)
        return result(u, s, mH(vh))
    m, n = input.shape[-2:]
    batch = tuple(input.shape[:-2])
    return result(input.new_zeros((*batch, m, m)), svdvals(input), input.new_zeros((*batch, n, n)))


def _eigh_array(a: Array, lower: bool, vectors: bool) -> tuple[Array, ...]:
    w, v, info = call("linalg_eigh", a, lower, vectors)
    if info.device is not META and info.np.any() and not _finite(a):
        raise _not_finite("linalg.eigh")
    return w, columns(v), info


def _eigh_grad(c: Any, g_w: Any, g_v: Any, _: Any = None) -> tuple[Any]:
    if g_w is None and g_v is None:
        return (None,)
    w, v = c.result(0), c.result(1)
    if g_v is None:
        return ((v * _as(g_w, v).unsqueeze(-2)) @ mH(v),)
    inner = mH(v) @ g_v
    inner = (inner - mH(inner)) / 2 / _differences(w)
    inner = inner - inner.diagonal(0, -2, -1).diag_embed()
    if g_w is not None:
        inner = inner + _as(g_w, v).diag_embed()
    return (v @ (inner @ mH(v)),)


_eigh = Prim("linalg_eigh", _eigh_array, _eigh_grad, save_out=(0, 1), conjugates=True)
_NO_CONVERGENCE = (
    "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues "
    "(error code: {})."
)


def _lower(uplo: str) -> bool:
    if uplo.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return uplo.upper() == "L"


@op(module="linalg", method=False, out=True)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    check_square("linalg.eigh", A)
    w, v, info = _eigh((A,), _lower(UPLO), True)
    check_info(info, "linalg.eigh", _NO_CONVERGENCE)
    return named("linalg_eigh")(w, v)


@op(module="linalg", method=False, out=True)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    check_square("linalg.eigh", A)
    w, _, info = _eigh((A,), _lower(UPLO), recorded(A))
    check_info(info, "linalg.eigh", _NO_CONVERGENCE)
    return w


def _eig_array(a: Array, vectors: bool) -> tuple[Array, ...]:
    if a.device is not META and not _finite(a):
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    w, v, info = call("linalg_eig", a, vectors)
    return w, columns(v), info


def _eig_grad(c: Any, g_w: Any, g_v: Any, _: Any = None) -> tuple[Any]:
    """``V^-H (g_w + (V^H g_V - V^H V Re(diag(V^H g_V))) / conj(E)) V^H``: eigenvectors have length 1."""
    from .linalg_solve import solve

    if g_w is None and g_v is None:
        return (None,)
    w, v = c.result(0), c.result(1)
    vh = mH(v)
    if g_v is None:
        return (solve(vh, g_w.unsqueeze(-1) * vh),)
    inner = vh @ g_v
    lengths = inner.diagonal(0, -2, -1).real
    inner = (inner - vh @ (v * lengths.unsqueeze(-2))) / _differences(w).conj()
    inner = inner - inner.diagonal(0, -2, -1).diag_embed()
    if g_w is not None:
        inner = inner + g_w.diag_embed()
    return (solve(vh, inner @ vh),)


_eig = Prim("linalg_eig", _eig_array, _eig_grad, save_out=(0, 1), conjugates=True)


@op(module="linalg", method=False, out=True)
def eig(A: Tensor) -> Any:
    check_square("linalg.eig", A)
    w, v, info = _eig((A,), True)
    check_info(info, "linalg.eig", _NO_CONVERGENCE)
    return named("linalg_eig")(w, v)


@op(module="linalg", method=False, out=True)
def eigvals(A: Tensor) -> Tensor:
    check_square("linalg.eig", A)
    w, _, info = _eig((A,), recorded(A))
    check_info(info, "linalg.eig", _NO_CONVERGENCE)
    return w


def _exp_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """The Frechet derivative: the upper right block of the exponential of ``[[A^T, g], [0, A^T]]``."""
    from .shape import cat

    a = c.input(0).mT
    n = a.shape[-1]
    block = cat((cat((a, g), -1), cat((a.new_zeros(a.shape), a), -1)), -2)
    return (_matrix_exp((block,))[..., :n, n:],)


_matrix_exp = Prim("linalg_matrix_exp", lambda a: call("linalg_matrix_exp", a), _exp_grad, save=(0,))


@op("matrix_exp", module="linalg", method=False, out=True)
def linalg_matrix_exp(A: Tensor) -> Tensor:
    check_square("linalg.matrix_exp", A, low=True)
    return _matrix_exp((A,))


@op()
def matrix_exp(input: Tensor) -> Tensor:
    return linalg_matrix_exp(input)
