"""Sampling at the points of a grid, and the grids of affine maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array, meta_array
from .._device import META
from .._tensor import Tensor, wrap
from ..kernels import call
from ._prim import Prim
from ._registry import FUNCTIONS, op

F = "nn.functional"
INTERPOLATIONS = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}


def _weights_grad(c: Any, g: Tensor, _: Any = None) -> tuple[Tensor]:
    *settings, order = c.params
    slopes, _ = _weights((c.input(0),), *settings, order + 1)
    return ((g * slopes).sum(1),)


_weights = Prim(
    "grid_weights", lambda points, *settings: call("grid_weights", points, *settings), _weights_grad, save=(0,)
)
"""Points (N, L) to the weights (N, T, L) of their neighbours along a dimension, and the neighbours' positions."""


def _weighted_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    at = c.input(2)
    return (
        _spread((g, c.input(1), at), c.shapes[0][2]) if c.needs[0] else None,
        _dot((g, c.input(0), at)) if c.needs[1] else None,
        None,
    )


def _spread_grad(c: Any, gg: Tensor) -> tuple[Any, ...]:
    at = c.input(2)
    return (
        _weighted((gg, c.input(1), at)) if c.needs[0] else None,
        _dot((c.input(0), gg, at)) if c.needs[1] else None,
        None,
    )


def _dot_grad(c: Any, gw: Tensor) -> tuple[Any, ...]:
    at = c.input(2)
    return (
        _weighted((c.input(1), gw, at)) if c.needs[0] else None,
        _spread((c.input(0), gw, at), c.shapes[1][2]) if c.needs[1] else None,
        None,
    )


# A sum of elements is linear in the planes and in the weights, and each derivative is made of the two others.
_SAVED = {0: (1,), 1: (0,), 2: ()}
_weighted = Prim("plane_weighted", lambda x, w, at: call("plane_weighted", x, w, at), _weighted_grad, save=_SAVED)
_spread = Prim(
    "plane_weighted_scatter", lambda g, w, at, size: call("plane_weighted_scatter", g, w, at, size), _spread_grad,
    save=_SAVED,
)  # fmt: skip
_dot = Prim("plane_weighted_dot", lambda g, x, at: call("plane_weighted_dot", g, x, at), _dot_grad, save=_SAVED)


def _sample(input: Tensor, grid: Tensor, interpolation: int, padding: int, align_corners: bool) -> Tensor:
    _check(input, grid, interpolation)
    spatial, out = tuple(input.shape[2:]), tuple(grid.shape[1:-1])
    flat = input.reshape((*input.shape[:2], _product(spatial)))
    points = grid.reshape((grid.shape[0], _product(out), len(spatial)))
    weights, at = None, None
    for i, n in enumerate(spatial):
        # The grid's last dimension counts x first, which is the last spatial dimension.
        w, near = _weights((points[..., len(spatial) - 1 - i],), n, interpolation, padding, align_corners, 0)
        if weights is None or at is None:
            weights, at = w, near
            continue
        shape = (w.shape[0], weights.shape[1] * w.shape[1], w.shape[2])
        weights = (weights.unsqueeze(2) * w.unsqueeze(1)).view(shape)
        at = wrap(_combined(at._arr, near._arr, n, shape))
    outside = at < 0
    total = _weighted((flat, weights, at.masked_fill(outside, _product(spatial))))
    return total.reshape((*input.shape[:2], *out))


def _combined(at: Array, near: Array, n: int, shape: tuple[int, ...]) -> Array:
    """Positions in a plane from those along its dimensions; -1 where one of them is outside."""
    if at.device is META:
        return meta_array(shape, at.dtype)
    a, b = at.np[:, :, None], near.np[:, None]
    return Array(np.where((a < 0) | (b < 0), -1, a * n + b).reshape(shape), at.device)


def _product(ns: tuple[int, ...]) -> int:
    total = 1
    for n in ns:
        total *= n
    return total


def _check(input: Tensor, grid: Tensor, interpolation: int) -> None:
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{input.dtype} and grid has {grid.dtype}"
        )
    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    if 0 in tuple(input.shape[2:]):
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(input.shape)} with dimension 2 being empty"
        )
    if interpolation == 2 and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


@op(module=F, method=False)
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    if mode not in INTERPOLATIONS:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    return _sample(input, grid, INTERPOLATIONS[mode], PADDINGS[padding_mode], bool(align_corners))


def _declare(name: str) -> None:
    @op(name, method=False)
    def declared(
        input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
    ) -> Tensor:
        return _sample(input, grid, interpolation_mode, padding_mode, align_corners)


for _name in ("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"):
    _declare(_name)


def _base_coordinates(n: int, align_corners: bool, like: Tensor) -> Tensor:
    linspace = FUNCTIONS[""]["linspace"]
    if n == 1:
        return like.new_zeros((1,))
    line = linspace(-1, 1, n, dtype=like.dtype, device=like.device)
    return line if align_corners else line * ((n - 1) / n)


@op(module=F, method=False)
def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """(N, 2, 3) for size (N, C, H, W): (N, H, W, 2); (N, 3, 4) for (N, C, D, H, W): (N, D, H, W, 3)."""
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(int(n) for n in size)
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
            f"{tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    spatial = size[2:]
    axes = []
    for i in reversed(range(dims)):  # x, the last dimension, comes first
        line = _base_coordinates(spatial[i], bool(align_corners), theta)
        axes.append(line.reshape([-1 if j == i else 1 for j in range(dims)]).expand(spatial))
    axes.append(theta.new_ones(spatial))
    base = FUNCTIONS[""]["stack"](axes, -1).reshape((1, _product(spatial), dims + 1))
    grid = base.expand((size[0], *base.shape[1:])).matmul(theta.transpose(1, 2))
    return grid.view((size[0], *spatial, dims))
