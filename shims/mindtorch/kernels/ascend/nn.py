"""Kernels of layers: products, normalisation, convolution, pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import FLOAT32, FLOATS, PRIMITIVES, direct, served

Function = Callable[..., Any]
Ints = tuple[int, ...]
MINT = "mindspore.mint"
F = f"{MINT}.nn.functional"

direct(FLOATS, MINT, "softmax")
direct(FLOATS, F, "log_softmax")


@served(f"{MINT}.matmul", f"{MINT}.transpose", dtypes=FLOATS)
def matmul(
    f: Function, transpose: Function, a: Any, b: Any, a_swapped: bool = False, b_swapped: bool = False
) -> Any:
    """``swapped``: the operand comes with its last two dimensions exchanged. The device multiplies by strides."""
    return f(transpose(a, -2, -1) if a_swapped else a, transpose(b, -2, -1) if b_swapped else b)


@served(f"{F}.gelu", dtypes=FLOATS)
def gelu(f: Function, x: Any, by_tanh: bool) -> Any:
    return f(x, approximate="tanh" if by_tanh else "none")


@served(f"{PRIMITIVES}.LayerNormExt", "mindspore.ops.cast", dtypes=FLOATS)
def layer_norm(f: Function, cast: Function, x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """Output, mean and 1 / sqrt(var + eps), of which the device has the last two in float32."""
    out, mean, rstd = f(x, tuple(x.shape[-1:]), weight, bias, eps)
    return out, cast(mean, x.dtype), cast(rstd, x.dtype)


@served(
    *(f"{MINT}.{n}" for n in ("mean", "sub", "mul", "add", "rsqrt", "reshape")), "mindspore.ops.cast", dtypes=FLOATS
)
def batch_norm(
    mean_of: Function, sub: Function, mul: Function, add: Function, rsqrt: Function, reshape: Function, cast: Function,
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """(N, C, *): output, mean, 1 / sqrt(var + eps), biased variance. MindSpore's function keeps the last three."""
    axes, spread = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    if mean is None or var is None:
        mean = mean_of(x, axes, False)
        centred = sub(x, reshape(mean, spread))
        var = mean_of(mul(centred, centred), axes, False)
    else:
        centred = sub(x, reshape(cast(mean, x.dtype), spread))
    rstd = cast(rsqrt(add(var, eps)), x.dtype)
    out = mul(centred, reshape(rstd if weight is None else mul(rstd, weight), spread))
    return out if bias is None else add(out, reshape(bias, spread)), mean, rstd, var


@served(f"{PRIMITIVES}.convolution", dtypes=FLOATS)
def convolution(
    f: Function, x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    return f(x, weight, bias, stride, padding, dilation, False, (0,) * len(stride), groups)


@served(f"{PRIMITIVES}.ConvolutionGrad", f"{MINT}.zeros", dtypes=FLOATS)
def convolution_input(
    f: Function, zeros: Function, g: Any, weight: Any, spatial: Ints, stride: Ints, padding: Ints, dilation: Ints,
    groups: int,
) -> Any:  # fmt: skip
    """The call looks at the shape of the input only, but wants an input."""
    x = zeros((g.shape[0], weight.shape[1] * groups, *spatial), dtype=g.dtype)
    return _gradients(f, g, x, weight, stride, padding, dilation, groups, (1, 0, 0))[0]


@served(f"{PRIMITIVES}.ConvolutionGrad", f"{MINT}.zeros", dtypes=FLOATS)
def convolution_weight(
    f: Function, zeros: Function, x: Any, g: Any, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints,
    groups: int,
) -> Any:  # fmt: skip
    weight = zeros((g.shape[1], x.shape[1] // groups, *kernel_size), dtype=g.dtype)
    return _gradients(f, g, x, weight, stride, padding, dilation, groups, (0, 1, 0))[1]


def _gradients(
    f: Function, g: Any, x: Any, weight: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int, wanted: Any
) -> Any:
    return f(g, x, weight, None, stride, padding, dilation, False, (0,) * len(stride), groups, wanted)


def _plane(x: Any, *params: Any) -> bool:
    return len(x.shape) == 4


PLANES = "two spatial dimensions; others: NumPy"


@served(f"{F}.unfold", dtypes=FLOATS, when=_plane, only=PLANES)
def unfold(f: Function, x: Any, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    return f(x, kernel_size, dilation, padding, stride)


@served(f"{F}.fold", dtypes=FLOATS, when=lambda columns, spatial, *rest: len(spatial) == 2, only=PLANES)
def fold(
    f: Function, columns: Any, spatial: Ints, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    return f(columns, spatial, kernel_size, dilation, padding, stride)


def _floor_size(n: int, k: int, s: int, p: int, d: int) -> int:
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


@served(f"{F}.max_pool2d", dtypes=FLOATS, when=_plane, only=PLANES)
def max_pool(
    f: Function, x: Any, kernel_size: Ints, out: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any]:
    """The sizes that are wanted tell whether windows may reach beyond the padding."""
    parts = zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    ceil_mode = tuple(out) != tuple(_floor_size(*p) for p in parts)
    return f(x, kernel_size, stride, padding, dilation, ceil_mode, True)


@served(f"{F}.adaptive_max_pool2d", dtypes=FLOAT32, when=_plane, only=PLANES)
def adaptive_max_pool(f: Function, x: Any, out: Ints) -> tuple[Any, Any]:
    return f(x, out, True)
