"""Shape functions of matrix products and of factorizations that have no cheap empty batch."""

from __future__ import annotations

from ..._array import Array
from ..._dtype import int32
from ._registry import Outline, outline


@outline("matmul")
def matmul(a: Array, b: Array) -> Outline:
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    return (*a.shape[:-1], b.shape[-1]), a.dtype


@outline("linalg_matrix_exp")
def matrix_exp(a: Array) -> Outline:
    return a.shape, a.dtype


@outline("linalg_qr")
def qr(a: Array, mode: str) -> list[Outline]:
    """Transposed, as the kernel's: Q ``[..., k, m]`` and R ``[..., n, k]``."""
    *batch, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    return [((0,) if mode == "r" else (*batch, k, m), a.dtype), ((*batch, n, k), a.dtype)]


@outline("linalg_svd")
def svd(a: Array, full: bool, vectors: bool) -> list[Outline]:
    """Transposed, as the kernel's: U ``[..., rows, m]``, S, V's adjoint ``[..., n, columns]``, info."""
    *batch, m, n = a.shape
    k = min(m, n)
    rows, columns = (m, n) if full else (k, k)
    u, vh = ((rows, m), (n, columns)) if vectors else ((0, 0), (0, 0))
    return [
        ((*batch, *u), a.dtype), ((*batch, k), a.dtype.to_real()), ((*batch, *vh), a.dtype), ((*batch,), int32)
    ]  # fmt: skip
