"""Sampling at the points of a grid, and the grids of affine maps."""

from __future__ import annotations

from itertools import product
from typing import Any

from .._dtype import int64
from .._tensor import Tensor
from ._registry import FUNCTIONS, op
from .planes import plane_gather

F = "nn.functional"
INTERPOLATIONS = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}


def _unnormalised(coordinate: Tensor, n: int, align_corners: bool) -> Tensor:
    """From [-1, 1] to positions along a dimension of n elements."""
    if align_corners:
        return (coordinate + 1) * ((n - 1) / 2)
    return ((coordinate + 1) * n - 1) / 2


def _reflected(x: Tensor, n: int, align_corners: bool) -> Tensor:
    """Reflected at the centres of the outermost elements, or at their outer borders, until inside."""
    low, span = (0.0, float(n - 1)) if align_corners else (-0.5, float(n))
    if span == 0:
        return x * 0
    x = (x - low).abs()
    # The slope of fmod is 1; its multiple of the span is a constant between the jumps.
    flips = (x.detach() / span).floor()
    rest = x - flips * span
    even = (flips.remainder(2) == 0).to(x.dtype)
    return even * (rest + low) + (1 - even) * (span - rest + low)


def _clipped(x: Tensor, n: int) -> Tensor:
    """Clipped to the elements; outside, and on the border itself, the gradient is zero."""
    inside = ((x > 0) & (x < n - 1)).to(x.dtype).detach()
    return x * inside + x.detach().clamp(0, n - 1) * (1 - inside)


def _bounded(x: Tensor, n: int, padding: int, align_corners: bool) -> Tensor:
    if padding == 1:
        return _clipped(x, n)
    if padding == 2:
        return _clipped(_reflected(x, n, align_corners), n)
    return x


def _taken(flat: Tensor, at: list[Tensor], spatial: tuple[int, ...]) -> Tensor:
    """Elements (N, C, L) of planes at whole positions (N, L) along each dimension; zero outside."""
    inside: Any = None
    index: Any = 0
    for position, n in zip(at, spatial, strict=True):
        within = (position >= 0) & (position <= n - 1)
        inside = within if inside is None else inside & within
        index = index * n + position.nan_to_num(0.0).clamp(0, n - 1).to(int64)
    return plane_gather((flat, index.unsqueeze(1))) * inside.to(flat.dtype).unsqueeze(1)


def _cubic_weights(t: Tensor) -> list[Tensor]:
    """Of the four neighbours at distances t + 1, t, 1 - t and 2 - t (Keys, 1981, with a = -0.75)."""
    a = -0.75
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    return [far[0], near[0], near[1], far[1]]


def _sample(input: Tensor, grid: Tensor, interpolation: int, padding: int, align_corners: bool) -> Tensor:
    _check(input, grid, interpolation)
    spatial, out = tuple(input.shape[2:]), tuple(grid.shape[1:-1])
    count = len(spatial)
    flat = input.reshape((*input.shape[:2], _product(spatial)))
    points = grid.reshape((grid.shape[0], _product(out), count))
    # The grid's last dimension counts x first, which is the last spatial dimension.
    at = [_unnormalised(points[..., count - 1 - i], n, align_corners) for i, n in enumerate(spatial)]
    if interpolation == 2:
        total = _bicubic(flat, at, spatial, padding, align_corners)
    else:
        at = [_bounded(x, n, padding, align_corners) for x, n in zip(at, spatial, strict=True)]
        if interpolation == 1:
            total = _taken(flat, [x.detach().round() for x in at], spatial) + 0 * sum(x.sum() for x in at)
        else:
            total = _multilinear(flat, at, spatial)
    return total.reshape((*input.shape[:2], *out))


def _multilinear(flat: Tensor, at: list[Tensor], spatial: tuple[int, ...]) -> Tensor:
    floors = [x.detach().floor() for x in at]
    total: Any = 0
    for corner in product((0, 1), repeat=len(spatial)):
        weight: Any = 1
        for x, low, c in zip(at, floors, corner, strict=True):
            weight = weight * (x - low if c else low + 1 - x)
        where = [f + c for f, c in zip(floors, corner, strict=True)]
        total = total + _taken(flat, where, spatial) * weight.unsqueeze(1)
    return total


def _bicubic(
    flat: Tensor, at: list[Tensor], spatial: tuple[int, ...], padding: int, align_corners: bool
) -> Tensor:
    floors = [x.detach().floor() for x in at]
    weights = [_cubic_weights(x - low) for x, low in zip(at, floors, strict=True)]
    total: Any = 0
    for i, j in product(range(4), repeat=2):
        where = [
            _bounded(low + (k - 1), n, padding, align_corners)
            for low, k, n in zip(floors, (i, j), spatial, strict=True)
        ]
        total = total + _taken(flat, where, spatial) * (weights[0][i] * weights[1][j]).unsqueeze(1)
    return total


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
