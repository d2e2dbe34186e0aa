"""Linear maps along one dimension: pooling by averages, interpolation and their adjoints."""

from __future__ import annotations

import numpy as np
import scipy

from ._registry import kernel

DENSE = 160
"""Up to this many inputs a matrix product costs less than picking out the elements that count."""


@kernel()
def axis_map(x: np.ndarray, matrix: scipy.sparse.csr_matrix, dim: int) -> np.ndarray:
    """``out[..., i, ...] = sum_j matrix[i, j] * x[..., j, ...]`` along `dim`.

    What the matrix does not name takes no part: a nan stays where it is.
    """
    rows, columns = matrix.shape
    shape = (*x.shape[:dim], rows, *x.shape[dim + 1 :])
    if not x.size or not rows:
        return np.zeros(shape, x.dtype)
    outer, inner = int(np.prod(x.shape[:dim])), int(np.prod(x.shape[dim + 1 :]))
    x = np.ascontiguousarray(x).reshape(outer, columns, inner)
    if columns <= DENSE and np.isfinite(x.sum()):
        dense = matrix.toarray().astype(x.dtype)
        out = x.reshape(outer, columns) @ dense.T if inner == 1 else dense @ x
        return out.reshape(shape)
    flat = np.ascontiguousarray(np.moveaxis(x, 1, 0)).reshape(columns, outer * inner)
    product = np.asarray(matrix.astype(x.dtype) @ flat).reshape(rows, outer, inner)
    return np.ascontiguousarray(np.moveaxis(product, 0, 1)).reshape(shape)
