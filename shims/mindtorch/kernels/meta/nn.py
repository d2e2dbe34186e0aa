"""Shape functions of convolutions, windows, pooling and other layers."""

from __future__ import annotations

from typing import Any

from ..._array import Array
from ..._dtype import int64
from ..reference.windows import output_size
from ._registry import Outline, Shape, outline, replaced


def _checked(out: Shape, spatial: Shape) -> Shape:
    if any(n < 0 for n in out):
        raise RuntimeError(f"Calculated output size {list(out)} of the input {list(spatial)} is too small")
    return out


@outline("convolution")
def convolution(
    x: Array, weight: Array, bias: Array | None, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Outline:
    out = _checked(output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation), x.shape[2:])
    return (x.shape[0], weight.shape[0], *out), x.dtype


@outline("convolution_input")
def convolution_input(
    g: Array, weight: Array, spatial: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Outline:
    return (g.shape[0], weight.shape[1] * groups, *spatial), g.dtype


@outline("convolution_weight")
def convolution_weight(
    x: Array, g: Array, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Outline:
    return (g.shape[1], x.shape[1] // groups, *kernel_size), g.dtype


def _product(shape: Shape) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


@outline("unfold")
def unfold(x: Array, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Outline:
    out = _checked(output_size(x.shape[2:], kernel_size, stride, padding, dilation), x.shape[2:])
    return (x.shape[0], x.shape[1] * _product(kernel_size), _product(out)), x.dtype


@outline("fold")
def fold(columns: Array, spatial: Shape, kernel_size: Shape, *_: Any) -> Outline:
    return (columns.shape[0], columns.shape[1] // _product(kernel_size), *spatial), columns.dtype


@outline("max_pool")
def max_pool(x: Array, kernel_size: Shape, out: Shape, *_: Any) -> list[Outline]:
    return [((*x.shape[:2], *out), x.dtype), ((*x.shape[:2], *out), int64)]


@outline("adaptive_max_pool")
def adaptive_max_pool(x: Array, out: Shape) -> list[Outline]:
    return [((*x.shape[:2], *out), x.dtype), ((*x.shape[:2], *out), int64)]


@outline("fractional_max_pool")
def fractional_max_pool(x: Array, kernel_size: Shape, *starts: Array) -> list[Outline]:
    shape = (*x.shape[:2], *(s.shape[2] for s in starts))
    return [(shape, x.dtype), (shape, int64)]


@outline("axis_map")
def axis_map(x: Array, matrix: Any, dim: int) -> Outline:
    return replaced(x.shape, dim, matrix.shape[0]), x.dtype


@outline("grid_weights")
def grid_weights(points: Array, n: int, mode: int, *_: Any) -> list[Outline]:
    shape = (points.shape[0], (2, 1, 4)[mode], points.shape[1])
    return [(shape, points.dtype), (shape, int64)]


@outline("plane_weighted")
def plane_weighted(x: Array, weights: Array, positions: Array) -> Outline:
    return (*x.shape[:2], weights.shape[2]), x.dtype


@outline("plane_weighted_scatter")
def plane_weighted_scatter(g: Array, weights: Array, positions: Array, size: int) -> Outline:
    return (*g.shape[:2], size), g.dtype


@outline("plane_weighted_dot")
def plane_weighted_dot(g: Array, x: Array, positions: Array) -> Outline:
    return positions.shape, g.dtype


@outline("ctc_loss")
def ctc_loss(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, blank: int
) -> list[Outline]:
    steps, samples, _ = log_probs.shape
    states = 2 * targets.shape[1] + 1
    return [((samples,), log_probs.dtype), ((steps, samples, states), log_probs.dtype)]


@outline("ctc_loss_grad")
def ctc_loss_grad(grad: Array, log_probs: Array, *_: Any) -> Outline:
    return log_probs.shape, log_probs.dtype
