"""Values at positions of flattened planes (pooling's indices, sampling points), and linear maps along one dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

from .._array import Array
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim


def _gather_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    return plane_scatter((g, c.input(1)), c.shapes[0][2]), None


def _scatter_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    return plane_gather((g, c.input(1))), None


plane_gather = Prim("plane_gather", lambda x, i: call("plane_gather", x, i), _gather_grad, save=(1,))
"""(N, C, P) at positions (N, C or 1, L): (N, C, L)."""
plane_scatter = Prim("plane_scatter", lambda g, i, size: call("plane_scatter", g, i, size), _scatter_grad, save=(1,))
"""Its adjoint: values are added up at their positions in (N, C, size)."""
plane_put = Prim("plane_put", lambda x, i, size: call("plane_put", x, i, size), _scatter_grad, save=(1,))
"""Values written to their positions in zeros (N, C, size)."""


def at_positions(grad: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The gradient of a window maximum: `grad` (N, C, *out) added up at flat `indices` of planes (N, C, *spatial)."""
    n, c = shape[:2]
    found = (n, c, math.prod(grad.shape[2:]))
    flat = plane_scatter((grad.reshape(found), indices.reshape(found)), math.prod(shape[2:]))
    return flat.view(shape)


class AxisMap:
    """A sparse matrix (outputs x inputs) along one dimension, with its transpose made when the gradient asks."""

    __slots__ = ("_transposed", "matrix")

    def __init__(self, matrix: scipy.sparse.csr_matrix, transposed: AxisMap | None = None) -> None:
        self.matrix = matrix
        self._transposed = transposed

    @property
    def transposed(self) -> AxisMap:
        if self._transposed is None:
            self._transposed = AxisMap(self.matrix.T.tocsr(), None)
        return self._transposed


def _axis_map_array(x: Array, table: AxisMap, dim: int) -> Array:
    return call("axis_map", x, table.matrix, dim)


def _axis_map_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    table, dim = c.params
    return (_axis_map((g,), table.transposed, dim),)


_axis_map = Prim("axis_map", _axis_map_array, _axis_map_grad)


def axis_map(x: Tensor, table: AxisMap, dim: int) -> Tensor:
    """``out[..., i, ...] = sum_j table[i, j] * x[..., j, ...]`` along `dim`, differentiable any number of times."""
    return _axis_map((x,), table, dim)


def _pick_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    positions, dim = c.params
    n = c.shapes[0][dim]
    rows = np.arange(len(positions) + 1)
    entries = np.ones(len(positions)), np.asarray(positions, np.int64), rows
    matrix = scipy.sparse.csr_matrix(entries, (len(positions), n))
    return (axis_map(g, AxisMap(matrix).transposed, dim),)


def _pick_array(x: Array, positions: tuple[int, ...], dim: int) -> Array:
    return call("index_select", x.contiguous(), dim, Array(np.asarray(positions, np.int64), x.device))


_pick = Prim("pick", _pick_array, _pick_grad)


def pick(x: Tensor, positions: tuple[int, ...], dim: int) -> Tensor:
    """The elements at `positions` along `dim`, which may repeat."""
    return _pick((x,), positions, dim)
