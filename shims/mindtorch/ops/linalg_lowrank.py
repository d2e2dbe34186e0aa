"""Randomized factorizations of low rank (Halko, Martinsson and Tropp 2009, algorithms 4.4 and 5.1)."""

from __future__ import annotations

from .._tensor import Tensor
from ._registry import FUNCTIONS, op
from .linalg_common import mH
from .linalg_qr import linalg_qr
from .linalg_spectral import linalg_svd


def _basis(a: Tensor, q: int, niter: int, m: Tensor | None) -> Tensor:
    """Orthonormal columns ``[..., m, q]`` that nearly span the range of ``a - m``."""
    draws = FUNCTIONS[""]["randn"](a.shape[-1], q, dtype=a.dtype, device=a.device)

    def applied(x: Tensor) -> Tensor:
        return a @ x if m is None else a @ x - m @ x

    def adjoint(x: Tensor) -> Tensor:
        return mH(a) @ x if m is None else mH(a) @ x - mH(m) @ x

    out = linalg_qr(applied(draws))[0]
    for _ in range(niter):
        out = linalg_qr(adjoint(out))[0]
        out = linalg_qr(applied(out))[0]
    return out


def _low_rank(a: Tensor, q: int, niter: int, m: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    rows, cols = a.shape[-2:]
    mean = None if m is None else m.expand(a.shape)
    if rows < cols:
        a = mH(a)
        mean = None if mean is None else mH(mean)
    basis = _basis(a, q, niter, mean)
    small = mH(basis) @ a
    if mean is not None:
        small = small - mH(basis) @ mean
    u, s, vh = linalg_svd(small, full_matrices=False)
    u, v = basis @ u, mH(vh)
    return (v, s, u) if rows < cols else (u, s, v)


@op(method=False)
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> tuple[Tensor, ...]:
    return _low_rank(A, 6 if q is None else q, 2 if niter is None else niter, M)


@op(method=False)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, ...]:
    rows, cols = A.shape[-2:]
    if q is None:
        q = min(6, rows, cols)
    elif not 0 <= q <= min(rows, cols):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(rows, cols)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return _low_rank(A - A.mean(-2, keepdim=True) if center else A, q, niter, None)
