"""The largest singular value by power iteration, and the norm over all dimensions but one."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with `dim` first and all others flattened."""
    if weight.ndim == 0 or dim == 0:
        return weight.flatten(1) if weight.ndim > 1 else weight
    return weight.permute(dim, *(d for d in range(weight.dim()) if d != dim)).flatten(1)


def unit(x: Tensor, eps: float) -> Tensor:
    """The vector with length 1."""
    return torch.nn.functional.normalize(x, dim=0, eps=eps)


def iterate(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    """The singular vectors after some more iterations, outside the graph."""
    with torch.no_grad():
        for _ in range(times):
            u = unit(torch.mv(matrix, v), eps)
            v = unit(torch.mv(matrix.t(), u), eps)
    return u, v


def norm_except_dim(v: Tensor, dim: int | None) -> Any:
    """The Euclidean norm over all dimensions but `dim` (None: over all), kept for broadcasting."""
    if dim is None or dim == -1:
        return (v * v).sum().sqrt()
    dims = tuple(d for d in range(v.dim()) if d != dim % v.dim())
    return ((v * v).sum(dims, keepdim=True) if dims else v * v).sqrt()
