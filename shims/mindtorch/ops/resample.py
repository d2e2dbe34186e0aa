"""Interpolation: every mode is a linear map along each spatial dimension, a table of weights made once per size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from .._dtype import FLOATING, dtype, float32
from .._tensor import Tensor
from ._registry import op
from .aten import register
from .planes import AxisMap, axis_map, pick
from .pool import adaptive_avg_pool, in_format_of

F = "nn.functional"
LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


@lru_cache(maxsize=512)
def _nearest(n: int, out: int, scale: float | None, exact: bool) -> tuple[int, ...]:
    """Positions of the nearest inputs. PyTorch computes them in float32, which decides ties."""
    if not exact and out == n:
        return tuple(range(n))
    step = np.float32(1 / scale) if scale else np.float32(n) / np.float32(out)
    i = np.arange(out).astype(np.float32)
    at = np.floor((i + np.float32(0.5)) * step if exact else i * step).astype(np.int64)
    return tuple(np.minimum(at, n - 1).tolist())


def _step(n: int, out: int, scale: float | None, align_corners: bool) -> float:
    """Distance of neighbouring outputs, in inputs."""
    if align_corners:
        return (n - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else n / out


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution filter (Keys, 1981)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@lru_cache(maxsize=512)
def _table(n: int, out: int, scale: float | None, align_corners: bool, cubic: bool, kept: dtype) -> AxisMap:
    """`kept`: the input's dtype. PyTorch keeps weights in it, and makes the one of the nearer input from the other."""
    step = _step(n, out, scale, align_corners)
    i = np.arange(out)
    at = step * i if align_corners else step * (i + 0.5) - 0.5
    if not cubic:
        at = np.clip(at, 0, n - 1)
    first = np.floor(at)
    offsets = np.array([-1, 0, 1, 2] if cubic else [0, 1])
    columns = np.clip(first[:, None] + offsets, 0, n - 1).astype(np.int64)
    distance = (at - first)[:, None]
    if cubic:
        weights = _rounded(_cubic(distance - offsets, -0.75), kept)
    else:
        distance = _rounded(distance, kept)
        weights = np.concatenate([_rounded(1 - distance, kept), distance], 1)
    return _matrix(columns, weights, n)


def _rounded(weights: np.ndarray, kept: dtype) -> np.ndarray:
    return weights.astype(np.float32).astype(kept._np).astype(np.float64) if kept.is_low else weights


@lru_cache(maxsize=512)
def _antialiased(n: int, out: int, scale: float | None, align_corners: bool, cubic: bool, kept: dtype) -> AxisMap:
    """The filter is stretched to the distance of the outputs, as Pillow does when it makes an image smaller."""
    step = _step(n, out, scale, align_corners)
    stretch = max(step, 1.0)
    support = (2 if cubic else 1) * stretch
    centre = step * (np.arange(out) + 0.5)
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + support + 0.5).astype(np.int64), n)
    columns = first[:, None] + np.arange(int((end - first).max(initial=0)))
    distance = (columns - centre[:, None] + 0.5) / stretch
    weights = _cubic(distance, -0.5) if cubic else np.maximum(1 - np.abs(distance), 0)
    weights = np.where(columns < end[:, None], weights, 0)
    total = weights.sum(1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)
    return _matrix(np.minimum(columns, n - 1), weights, n)


def _matrix(columns: np.ndarray, weights: np.ndarray, n: int) -> AxisMap:
    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    matrix = scipy.sparse.coo_matrix((weights.ravel(), (rows, columns.ravel())), shape=(len(columns), n)).tocsr()
    matrix.eliminate_zeros()
    return AxisMap(matrix)


def _resample(
    input: Tensor, out: Sequence[int], scales: Sequence[float | None], mode: str, align_corners: bool, antialias: bool
) -> Tensor:
    """Along every spatial dimension; integers are computed in float32 and rounded."""
    _check_sizes(input, out)
    x = input
    if mode.startswith("nearest"):
        for i, m in enumerate(out):
            x = pick(x, _nearest(x.shape[i + 2], m, scales[i], mode == "nearest-exact"), i + 2)
        return in_format_of(x, input)
    whole = x.dtype.category < FLOATING
    x = x.to(float32) if whole or x.dtype.is_low else x
    make = _antialiased if antialias else _table
    for i, m in enumerate(out):
        n = x.shape[i + 2]
        if n != m or scales[i] not in (None, 1.0):
            x = axis_map(x, make(n, m, scales[i], align_corners, mode == "bicubic", input.dtype), i + 2)
    if whole:
        x = x.round().clamp(0, 255)
    x = x.to(input.dtype)
    return in_format_of(x * 1 if x is input else x, input)


def _check_sizes(input: Tensor, out: Sequence[int]) -> None:
    dims = len(out)
    if input.dim() != dims + 2:
        raise RuntimeError(
            f"It is expected input_size equals to {dims + 2}, but got size {input.dim()}"
        )
    spatial = tuple(input.shape[2:])
    if min(spatial) < 1 or min(out) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({', '.join(map(str, spatial))}) output "
            f"({', '.join(map(str, out))})"
        )
    if 0 in tuple(input.shape[1:]):
        raise RuntimeError(
            f"Non-empty {dims + 2}D data tensor expected but got a tensor with sizes {list(input.shape)}"
        )


def _sizes_of(input: Tensor, size: Any, scale_factor: Any, recompute: bool | None) -> tuple[list[int], list[Any]]:
    """The output's spatial shape and the scales to compute with. Raises ValueError for contradictory arguments."""
    dims = input.dim() - 2
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined" if size is not None
                         else "either size or scale_factor should be defined")  # fmt: skip
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (list, tuple)):
            if len(size) != dims:
                raise ValueError(
                    f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                    f"dimensions of {list(input.shape[2:])} and output size of {size}. Please provide input tensor in "
                    "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
                )
            return [int(n) for n in size], [None] * dims
        return [int(size)] * dims, [None] * dims
    if isinstance(scale_factor, (list, tuple)):
        if len(scale_factor) != dims:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(input.shape[2:])} and scale_factor of shape {scale_factor}. Please provide input "
                "tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
            )
        scales = [float(s) for s in scale_factor]
    else:
        scales = [float(scale_factor)] * dims
    out = [math.floor(float(n) * s) for n, s in zip(input.shape[2:], scales, strict=True)]
    return out, [None] * dims if recompute else scales


@op(module=F, method=False)
def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    elif mode not in LINEAR and mode != "bicubic":
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
            f"(got {mode})"
        )
    out, scales = _sizes_of(input, size, scale_factor, recompute_scale_factor)
    dims = input.dim() - 2
    if antialias and not (mode in ("bilinear", "bicubic") and dims == 2):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as "
                         "input")  # fmt: skip
    if mode == "area":
        return adaptive_avg_pool(dims, input, tuple(out))
    wanted = 2 if mode == "bicubic" else LINEAR.get(mode, dims)
    if wanted != dims or dims not in (1, 2, 3):
        if mode in LINEAR and dims in (1, 2, 3):
            raise NotImplementedError(f"Got {dims + 2}D input, but {mode} mode needs {wanted + 2}D input")
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
            f"(got {mode})"
        )
    return _resample(input, out, scales, mode, bool(align_corners), antialias)


@op(module=F, method=False)
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    return interpolate(input, size, scale_factor, mode, align_corners)


@op(module=F, method=False)
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    return interpolate(input, size, scale_factor, mode="nearest")


@op(module=F, method=False)
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ------------------------------------------------------------------ overloads
def _aten(name: str, dims: int, mode: str, antialias: bool = False) -> None:
    """``aten::upsample_*``: nearest modes take no align_corners; scales come one by one, or together (``vec``)."""
    nearest = mode.startswith("nearest")

    def default(input: Tensor, output_size: Any, *rest: Any, **named: Any) -> Tensor:
        align = False if nearest else bool(named.get("align_corners", rest[0] if rest else False))
        scales: list[Any] = list(rest if nearest else rest[1:])
        together = named.get("scale_factors", scales[0] if scales and isinstance(scales[0], (list, tuple)) else None)
        if output_size is None:
            if together is None:
                raise RuntimeError("Must specify exactly one of output_size and scale_factors")
            output_size = [int(n * s) for n, s in zip(input.shape[2:], together, strict=True)]
        if together is not None:
            scales = list(together)
        for letter in "dhw"[-dims:]:
            scales.append(named.get(f"scales_{letter}" if dims > 1 else "scales"))
        return _resample(input, list(output_size), (scales + [None] * dims)[:dims], mode, align, antialias)

    register(name, default=default, vec=default)


for _dims in (1, 2, 3):
    _aten(f"upsample_nearest{_dims}d", _dims, "nearest")
    _aten(f"_upsample_nearest_exact{_dims}d", _dims, "nearest-exact")
for _mode, _dims in LINEAR.items():
    _aten(f"upsample_{_mode}{_dims}d", _dims, _mode)
_aten("upsample_bicubic2d", 2, "bicubic")
_aten("_upsample_bilinear2d_aa", 2, "bilinear", True)
_aten("_upsample_bicubic2d_aa", 2, "bicubic", True)
