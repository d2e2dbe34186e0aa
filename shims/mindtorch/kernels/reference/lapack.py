"""LAPACK over batches: factorizations and solvers by SciPy's wrappers, each in the operands' own precision.

Matrices have the shape ``[..., m, n]``. Matrix results come back transposed in their last two dimensions: LAPACK writes
columns, so that is how they lie in memory, and the operators hand them out as column-major windows, as PyTorch does.
``info`` is LAPACK's, int32 of the batch's shape: 0 where all went well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import linalg
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

from ._registry import kernel

_COMPLEX_NAMES = {"orgqr": "ungqr", "ormqr": "unmqr", "syevd": "heevd"}


@cache
def _lapack(name: str, d: np.dtype[Any]) -> Callable[..., Any]:
    """The routine for the dtype; real names, the complex one is looked up."""
    return get_lapack_funcs((_COMPLEX_NAMES.get(name, name) if d.kind == "c" else name,), dtype=d)[0]


@cache
def _trsm(d: np.dtype[Any]) -> Callable[..., Any]:
    return get_blas_funcs(("trsm",), dtype=d)[0]


def _stack(a: np.ndarray) -> np.ndarray:
    """``[..., m, n]`` as ``[batch, m, n]``."""
    batch = 1
    for k in a.shape[:-2]:
        batch *= k
    return a.reshape(batch, *a.shape[-2:])


def _new(a: np.ndarray, *shape: int, dtype: Any = None) -> np.ndarray:
    """Zeros of `a`'s batch shape, flattened to one dimension, followed by `shape`."""
    return np.zeros((len(_stack(a)), *shape), dtype or a.dtype)


def _out(a: np.ndarray, *results: np.ndarray) -> tuple[np.ndarray, ...]:
    """Results with the batch shape of `a`."""
    return tuple(r.reshape((*a.shape[:-2], *r.shape[1:])) for r in results)


@kernel()
def linalg_cholesky(a: np.ndarray) -> tuple[np.ndarray, ...]:
    """The lower factor of ``[..., n, n]`` (its lower triangle is read), and info."""
    out, info = _new(a, *a.shape[-2:]), _new(a, dtype=np.int32)
    if a.size:
        for i, x in enumerate(_stack(a)):
            c, info[i] = _lapack("potrf", a.dtype)(x, lower=1, clean=1)
            out[i] = c.T
    return _out(a, out, info)


@kernel()
def linalg_cholesky_solve(b: np.ndarray, factor: np.ndarray, upper: bool) -> np.ndarray:
    """Solution of ``A X = B`` by A's Cholesky factor; equal batch shapes."""
    out = _new(b, b.shape[-1], b.shape[-2])
    if b.size:
        for i, (x, f) in enumerate(zip(_stack(b), _stack(factor), strict=True)):
            out[i] = _lapack("potrs", b.dtype)(f, x, lower=not upper)[0].T
    return _out(b, out)[0]


@kernel()
def linalg_lu(a: np.ndarray) -> tuple[np.ndarray, ...]:
    """Both factors in one matrix ``[..., m, n]``, pivots from 1 (int32 ``[..., min(m, n)]``), and info."""
    m, n = a.shape[-2:]
    out, pivots, info = _new(a, n, m), _new(a, min(m, n), dtype=np.int32), _new(a, dtype=np.int32)
    if a.size:
        for i, x in enumerate(_stack(a)):
            lu, piv, info[i] = _lapack("getrf", a.dtype)(x)
            out[i], pivots[i] = lu.T, piv + 1
    return _out(a, out, pivots, info)


@kernel()
def linalg_solve(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """Solution of ``A X = B`` (equal batch shapes), LU matrix, pivots and info of the factorization."""
    lu, pivots, info = linalg_lu(a)
    out = _new(b, b.shape[-1], b.shape[-2])
    if b.size:
        flat = pivots.reshape(-1, pivots.shape[-1])
        for i, (x, f) in enumerate(zip(_stack(b), _stack(lu), strict=True)):
            out[i] = _lapack("getrs", b.dtype)(f.T, flat[i] - 1, x)[0].T
    return (*_out(b, out), lu, pivots, info)


@kernel()
def linalg_inv(a: np.ndarray) -> tuple[np.ndarray, ...]:
    """The inverse of ``[..., n, n]``, and info; a singular matrix's entry is what the factorization left."""
    out, info = _new(a, *a.shape[-2:]), _new(a, dtype=np.int32)
    if a.size:
        for i, x in enumerate(_stack(a)):
            lu, piv, info[i] = _lapack("getrf", a.dtype)(x)
            out[i] = (lu if info[i] else _lapack("getri", a.dtype)(lu, piv)[0]).T
    return _out(a, out, info)


def _diagonal_and_parity(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The diagonal of U in ``[..., n]`` and the permutation's sign in ``[...]``."""
    lu, pivots, _ = linalg_lu(a)
    swaps = (pivots != np.arange(1, a.shape[-1] + 1)).sum(-1)
    return np.diagonal(lu, 0, -2, -1), (1 - 2 * (swaps % 2)).astype(a.dtype)


@kernel()
def linalg_det(a: np.ndarray) -> np.ndarray:
    """The determinant of ``[..., n, n]``."""
    diagonal, sign = _diagonal_and_parity(a)
    return np.asarray(sign * np.prod(diagonal, -1, dtype=a.dtype))


@kernel()
def linalg_slogdet(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sign (or phase) and logarithm of the magnitude of the determinant."""
    diagonal, sign = _diagonal_and_parity(a)
    magnitude = np.abs(diagonal)
    phases = np.where(magnitude == 0, 0, diagonal / magnitude).astype(a.dtype)
    return np.asarray(sign * np.prod(phases, -1, dtype=a.dtype)), np.asarray(np.log(magnitude).sum(-1))


@kernel()
def linalg_triangular(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """Solution of ``A X = B`` for a triangle of A (equal batch shapes); a zero on the diagonal gives infinities."""
    out = _new(b, b.shape[-1], b.shape[-2])
    if b.size:
        trsm = _trsm(b.dtype)
        for i, (x, f) in enumerate(zip(_stack(b), _stack(a), strict=True)):
            out[i] = trsm(1.0, f, x, lower=not upper, diag=unit).T
    return _out(b, out)[0]


@kernel()
def linalg_ldl(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, ...]:
    """Bunch-Kaufman factors of the lower triangle in one matrix, LAPACK's pivots (int32), and info."""
    n = a.shape[-1]
    out, pivots, info = _new(a, n, n), _new(a, n, dtype=np.int32), _new(a, dtype=np.int32)
    if a.size:
        factor = _lapack("hetrf" if hermitian and a.dtype.kind == "c" else "sytrf", a.dtype)
        for i, x in enumerate(_stack(a)):
            # The workspace decides between the blocked and the plain algorithm, which may choose other pivots.
            ld, pivots[i], info[i] = factor(np.tril(x), lower=1, lwork=64 * n)
            out[i] = ld.T
    return _out(a, out, pivots, info)


@kernel()
def linalg_ldl_solve(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """Solution of ``A X = B`` by the factors of linalg_ldl; equal batch shapes."""
    out = _new(b, b.shape[-1], b.shape[-2])
    if b.size:
        solve = _lapack("hetrs" if hermitian and b.dtype.kind == "c" else "sytrs", b.dtype)
        flat = pivots.reshape(-1, pivots.shape[-1])
        for i, (x, f) in enumerate(zip(_stack(b), _stack(ld), strict=True)):
            out[i] = solve(f, flat[i], x, lower=1)[0].T
    return _out(b, out)[0]


@kernel()
def linalg_geqrf(a: np.ndarray) -> tuple[np.ndarray, ...]:
    """R above the Householder vectors in ``[..., m, n]``, and their factors ``[..., min(m, n)]``."""
    m, n = a.shape[-2:]
    out, tau = _new(a, n, m), _new(a, min(m, n))
    if a.size:
        for i, x in enumerate(_stack(a)):
            qr, tau[i], _, _ = _lapack("geqrf", a.dtype)(x, lwork=32 * n)
            out[i] = qr.T
    return _out(a, out, tau)


@kernel()
def linalg_householder(a: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The first n columns of the product of the reflectors in ``[..., m, n]``, factors ``[..., k]``."""
    m, n = a.shape[-2:]
    out = _new(a, n, m)
    flat = tau.reshape(-1, tau.shape[-1]) if tau.size else tau
    if a.size and not tau.size:
        out[:] = np.eye(n, m, dtype=a.dtype)
    elif a.size:
        for i, x in enumerate(_stack(a)):
            out[i] = _lapack("orgqr", a.dtype)(x, flat[i], lwork=32 * n)[0].T
    return _out(a, out)[0]


@kernel()
def linalg_ormqr(a: np.ndarray, tau: np.ndarray, c: np.ndarray, left: bool, adjoint: bool) -> np.ndarray:
    """The square product of the reflectors, or its adjoint, times `c` from the left (or right)."""
    out = _new(c, c.shape[-1], c.shape[-2])
    if not c.size or not tau.size:
        return np.array(np.swapaxes(c, -1, -2))
    flat = tau.reshape(-1, tau.shape[-1])
    side, trans = "L" if left else "R", ("C" if a.dtype.kind == "c" else "T") if adjoint else "N"
    for i, (x, f) in enumerate(zip(_stack(c), _stack(a), strict=True)):
        f = f[:, : flat.shape[-1]]
        out[i] = _lapack("ormqr", a.dtype)(side, trans, f, flat[i], x, lwork=32 * max(c.shape[-2:]))[0].T
    return _out(c, out)[0]


@kernel()
def linalg_qr(a: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Q and R; `mode` as of ``torch.linalg.qr``. Q is empty for mode 'r'."""
    m, n = a.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    factors, tau = linalg_geqrf(a)
    r = np.zeros((*a.shape[:-2], n, k), a.dtype)
    r[..., : min(m, k)] = np.tril(factors[..., :k])
    if mode == "r":
        return np.zeros(0, a.dtype), r
    wide = np.zeros((*a.shape[:-2], m, k), a.dtype)
    columns = min(n, k)
    wide[..., :columns] = np.swapaxes(factors, -1, -2)[..., :columns]
    return linalg_householder(wide, tau), r


@kernel()
def linalg_svd(a: np.ndarray, full: bool, vectors: bool) -> tuple[np.ndarray, ...]:
    """U, the singular values (descending), V's adjoint, and info; without `vectors` U and V have no elements."""
    m, n = a.shape[-2:]
    k = min(m, n)
    rows, columns = (m, n) if full else (k, k)
    s, info = _new(a, k, dtype=a.real.dtype), _new(a, dtype=np.int32)
    u, vh = (_new(a, rows, m), _new(a, n, columns)) if vectors else (_new(a, 0, 0), _new(a, 0, 0))
    if a.size:
        gesdd = _lapack("gesdd", a.dtype)
        for i, x in enumerate(_stack(a)):
            left, s[i], right, info[i] = gesdd(x, compute_uv=vectors, full_matrices=full)
            if vectors:
                u[i], vh[i] = left.T, right.T
    elif vectors:
        u[:], vh[:] = np.eye(rows, m, dtype=a.dtype), np.eye(n, columns, dtype=a.dtype)
    return _out(a, u, s, vh, info)


@kernel()
def linalg_eigh(a: np.ndarray, lower: bool, vectors: bool) -> tuple[np.ndarray, ...]:
    """Eigenvalues (ascending, real) and eigenvectors of the matrix that a triangle stands for, and info."""
    n = a.shape[-1]
    w, v, info = _new(a, n, dtype=a.real.dtype), _new(a, n, n), _new(a, dtype=np.int32)
    if a.size:
        for i, x in enumerate(_stack(a)):
            w[i], z, info[i] = _lapack("syevd", a.dtype)(x, compute_v=vectors, lower=lower)
            v[i] = z.T
    return _out(a, w, v, info)


@kernel()
def linalg_eig(a: np.ndarray, vectors: bool) -> tuple[np.ndarray, ...]:
    """Complex eigenvalues and eigenvectors (of length 1) of ``[..., n, n]``, and info."""
    n = a.shape[-1]
    d = np.result_type(a.dtype, np.complex64)
    w, v, info = _new(a, n, dtype=d), _new(a, n, n, dtype=d), _new(a, dtype=np.int32)
    if a.size:
        geev = _lapack("geev", a.dtype)
        for i, x in enumerate(_stack(a)):
            *values, _, right, info[i] = geev(x, compute_vl=0, compute_vr=vectors)
            w[i] = values[0] if len(values) == 1 else values[0] + 1j * values[1]
            if vectors:
                v[i] = right.T if len(values) == 1 else _pairs(right, values[1]).T
    return _out(a, w, v, info)


def _pairs(right: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    """A conjugate pair's vectors lie in two real columns, real and imaginary part of the first of them."""
    v = right.astype(np.result_type(right.dtype, np.complex64))
    (first,) = np.nonzero(imaginary > 0)
    v[:, first] = right[:, first] + 1j * right[:, first + 1]
    v[:, first + 1] = v[:, first].conj()
    return v


@kernel()
def linalg_lstsq(a: np.ndarray, b: np.ndarray, rcond: float, driver: str) -> tuple[np.ndarray, ...]:
    """Least squares ``[..., m, n]`` by ``[..., m, k]``: solution ``[..., n, k]``, rank, singular values."""
    (m, n), k = a.shape[-2:], b.shape[-1]
    out, rank, s = _new(a, k, n), _new(a, dtype=np.int64), _new(a, min(m, n), dtype=a.real.dtype)
    if a.size and b.size:
        for i, (x, y) in enumerate(zip(_stack(a), _stack(b), strict=True)):
            if driver == "gels":
                tall = np.zeros((max(m, n), k), a.dtype)
                tall[:m] = y
                out[i] = _lapack("gels", a.dtype)(x, tall)[1][:n].T
            else:
                found, _, rank[i], values = linalg.lstsq(x, y, cond=rcond, lapack_driver=driver, check_finite=False)
                out[i] = found.T
                if values is not None:
                    s[i] = values
    return _out(a, out, rank, s)


@kernel()
def linalg_matrix_exp(a: np.ndarray) -> np.ndarray:
    """The exponential of ``[..., n, n]``, not transposed."""
    return linalg.expm(a).astype(a.dtype) if a.size else a.copy()
