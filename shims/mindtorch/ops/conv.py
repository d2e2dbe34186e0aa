"""Convolutions of any number of spatial dimensions, unfold and fold.

Convolution, its adjoint in the input (a transposed convolution) and its adjoint in the weight are linear in both of
their operands, and the derivative of each is made of the other two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._array import Array
from .._dtype import BOOL
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op, type_name
from .memory_format import follow

F = "nn.functional"


def _conj(t: Tensor) -> Tensor:
    return t.conj() if t.dtype.is_complex else t


def _format_source(x: Array, weight: Array) -> Array:
    """The operand whose memory format the result takes: channels_last if either has it."""
    from .._dtype import contiguous_format
    from .memory_format import suggested_format

    return x if suggested_format(x) is not contiguous_format else weight


def _cropped(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Without the windows that a transposed convolution's output_padding makes room for."""
    for d, n in enumerate(shape):
        if t.shape[d] != n:
            t = t.narrow(d, 0, n)
    return t


def _sum_channels(g: Tensor) -> Tensor:
    return g.sum((0, *range(2, g.dim())))


def _forward(x: Array, w: Array, b: Array | None, stride: Any, padding: Any, dilation: Any, groups: int) -> Array:
    return follow(call("convolution", x, w, b, stride, padding, dilation, groups), _format_source(x, w))


def _forward_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    x, w = c.input(0) if c.needs[1] else None, c.input(1) if c.needs[0] else None
    shape, kernel_size = tuple(c.shapes[0][2:]), tuple(c.shapes[1][2:])
    return (
        _convolution_input((g, _conj(w), None), shape, *c.params) if w is not None else None,
        _convolution_weight((_conj(x), g), kernel_size, *c.params) if x is not None else None,
        _sum_channels(g) if c.needs[2] else None,
    )


_convolution = Prim("convolution", _forward, _forward_grad, save={0: (1,), 1: (0,)}, conjugates=True)


def _input_forward(
    g: Array, w: Array, b: Array | None, spatial: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Array:
    out = call("convolution_input", g, w, spatial, stride, padding, dilation, groups)
    if b is not None:
        column = Array(b.contiguous().np.reshape(-1, *(1,) * len(spatial)), b.device, b.dtype)
        out = call("add", out, column)
    return follow(out, _format_source(g, w))


def _input_grad(c: Any, gg: Tensor) -> tuple[Any, ...]:
    g, w = c.input(0) if c.needs[1] else None, c.input(1) if c.needs[0] else None
    kernel_size, settings = tuple(c.shapes[1][2:]), c.params[1:]
    return (
        _cropped(_convolution((gg, _conj(w), None), *settings), c.shapes[0]) if w is not None else None,
        _convolution_weight((gg, _conj(g)), kernel_size, *settings) if g is not None else None,
        _sum_channels(gg) if c.needs[2] else None,
    )


_convolution_input = Prim(
    "convolution_input", _input_forward, _input_grad, save={0: (1,), 1: (0,)}, node_name="ConvolutionBackward0",
    conjugates=True,
)


def _weight_grad(c: Any, gw: Tensor) -> tuple[Any, ...]:
    x, g = c.input(0) if c.needs[1] else None, c.input(1) if c.needs[0] else None
    spatial, settings = tuple(c.shapes[0][2:]), c.params[1:]
    return (
        _convolution_input((_conj(g), gw, None), spatial, *settings) if g is not None else None,
        _cropped(_convolution((_conj(x), gw, None), *settings), c.shapes[1]) if x is not None else None,
    )


_convolution_weight = Prim(
    "convolution_weight", lambda x, g, *settings: call("convolution_weight", x, g, *settings), _weight_grad,
    save={0: (1,), 1: (0,)}, node_name="ConvolutionBackwardBackward0", conjugates=True,
)  # fmt: skip


def per_dimension(value: Any, dims: int, name: str) -> tuple[int, ...]:
    """An argument that is one number for all spatial dimensions or one for each. Raises RuntimeError otherwise."""
    values = tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),)
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution "
            f"dimensions, but got {name}={list(values)}"
        )
    return values


def _check(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool, **sizes: Any) -> None:
    w = tuple(weight.shape)
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    for name in ("stride", "dilation"):
        if any(v <= 0 for v in sizes[name]):
            raise RuntimeError(f"non-positive {name} is not supported" if name == "stride" else "dilation should be "
                               f"greater than zero, but got {list(sizes[name])}")  # fmt: skip
    if any(p < 0 for p in sizes["padding"]):
        raise RuntimeError("negative padding is not supported")
    if input.dim() != len(w):
        raise RuntimeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {list(w)}, but got "
            f"{input.dim()}-dimensional input of size {list(input.shape)} instead"
        )
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"Input type ({input.type()}) and weight type ({weight.type()}) should be the same"
            if input.device is weight.device
            else f"Input type ({input.type()}) and weight type ({weight.type()}) should be the same or input should be "
            "a MKLDNN tensor and weight is a dense tensor"
        )
    if bias is not None and bias.dtype is not input.dtype:
        raise RuntimeError(f"Input type ({input.type()}) and bias type ({bias.type()}) should be the same")
    if input.dtype.category == BOOL:
        raise RuntimeError(f"convolution is not implemented for '{type_name(input.dtype)}'")
    channels = w[0] if transposed else w[1] * groups
    if w[0] % groups or w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w)}] instead"
        )
    if input.shape[1] != channels:
        raise RuntimeError(
            f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size {list(w)}, expected input"
            f"{list(input.shape)} to have {channels} channels, but got {input.shape[1]} channels instead"
        )
    outputs = w[1] * groups if transposed else w[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {list(w)}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {list(bias.shape)} instead"
        )


def _convolve(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    dims = weight.dim() - 2
    if dims < 1:
        raise RuntimeError(f"weight should have at least three dimensions, but got {weight.dim()}")
    s, p = per_dimension(stride, dims, "stride"), per_dimension(padding, dims, "padding")
    d, extra = per_dimension(dilation, dims, "dilation"), per_dimension(output_padding, dims, "output_padding")
    _check(input, weight, bias, groups, transposed, stride=s, padding=p, dilation=d)
    spatial, kernel_size = tuple(input.shape[2:]), tuple(weight.shape[2:])
    reach = tuple(a * (k - 1) + 1 for a, k in zip(d, kernel_size, strict=True))
    if transposed:
        if any(e < 0 for e in extra):
            raise RuntimeError("negative output_padding is not supported")
        if any(e >= max(a, b) for e, a, b in zip(extra, s, d, strict=True)):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding: {list(extra)} "
                f"stride: {list(s)} dilation: {list(d)}"
            )
        out = tuple(
            (n - 1) * a - 2 * b + r + e for n, a, b, r, e in zip(spatial, s, p, reach, extra, strict=True)
        )
        if any(n < 0 for n in out):
            raise RuntimeError(
                f"Given input size per channel: {list(spatial)}. Calculated output size per channel: {list(out)}. "
                "Output size is too small"
            )
        return _convolution_input((input, weight, bias), out, s, p, d, groups)
    if any(n + 2 * b < r for n, b, r in zip(spatial, p, reach, strict=True)):
        whole = " x ".join(str(n + 2 * b) for n, b in zip(spatial, p, strict=True))
        raise RuntimeError(
            f"Calculated padded input size per channel: ({whole}). Kernel size: ({' x '.join(map(str, reach))}). "
            "Kernel size can't be greater than actual input size"
        )
    return _convolution((input, weight, bias), s, p, d, groups)


@op(method=False)
def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    return _convolve(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)


def _batched(name: str, input: Tensor, dims: int) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had one."""
    if input.dim() == dims + 2:
        return input, True
    if input.dim() != dims + 1:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return input.unsqueeze(0), False


def _named_padding(input: Tensor, weight: Tensor, padding: str, stride: Any, dilation: Any) -> tuple[Tensor, Any]:
    """``padding='same'`` or ``'valid'`` as numbers; what is odd in it goes into the input."""
    dims = weight.dim() - 2
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in per_dimension(stride, dims, "stride")):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [a * (k - 1) for a, k in zip(per_dimension(dilation, dims, "dilation"), weight.shape[2:], strict=True)]
    odd = [n % 2 for n in totals]
    if any(odd):
        from .shape import pad

        input = pad(input, [n for after in reversed(odd) for n in (0, after)])
    return input, tuple(n // 2 for n in totals)


def _declare(dims: int) -> None:
    def forward(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:  # fmt: skip
        x, batched = _batched(f"conv{dims}d", input, dims)
        if isinstance(padding, str):
            x, padding = _named_padding(x, weight, padding, stride, dilation)
        out = _convolve(x, weight, bias, stride, padding, dilation, False, 0, groups)
        return out if batched else out.squeeze(0)

    def backward(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        x, batched = _batched(f"conv_transpose{dims}d", input, dims)
        out = _convolve(x, weight, bias, stride, padding, dilation, True, output_padding, groups)
        return out if batched else out.squeeze(0)

    for module in ("", F):
        op(f"conv{dims}d", module=module, method=False)(forward)
        op(f"conv_transpose{dims}d", module=module, method=False)(backward)


for _dims in (1, 2, 3):
    _declare(_dims)


@op(method=False)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """(time, batch, channels) with (kernel, in, out): a convolution over time."""
    out = _convolve(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad, 1, False, 0, 1)
    return out.permute(2, 0, 1)


op("conv_tbc", module=F, method=False)(conv_tbc)


# ------------------------------------------------------------------ unfold and fold
def _unfold_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    return (_fold((g,), tuple(c.shapes[0][2:]), *c.params),)


def _fold_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    return (_unfold((g,), *c.params[1:]),)


_unfold = Prim("im2col", lambda x, *settings: call("unfold", x, *settings), _unfold_grad)
_fold = Prim("col2im", lambda x, *settings: call("fold", x, *settings), _fold_grad)


def _pair(name: str, value: Any, least: int = 1) -> tuple[int, int]:
    pair = per_dimension(value, 2, name)
    if min(pair) < least:
        raise RuntimeError(f"{name} should be greater than {'zero' if least else 'or equal to zero'}, but got {pair}")
    return pair  # type: ignore[return-value]


def _windows(spatial: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> list[int]:
    from ..kernels.reference.windows import output_size

    return list(output_size(tuple(spatial), kernel_size, stride, padding, dilation))


@op(module=F, method=False)
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    k, d = _pair("kernel_size", kernel_size), _pair("dilation", dilation)
    p, s = _pair("padding", padding, 0), _pair("stride", stride)
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    blocks = _windows(input.shape[-2:], k, s, p, d)
    if min(blocks) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(input.shape[-2:])}, kernel_size={k}, dilation={d}, padding={p}, "
            f"calculated shape of the array of sliding blocks as {tuple(blocks)}, but its components must be at least "
            "one."
        )
    x = input if input.dim() == 4 else input.unsqueeze(0)
    out = _unfold((x,), k, s, p, d)
    return out if input.dim() == 4 else out.squeeze(0)


@op(module=F, method=False)
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    size, k, d = _pair("output_size", output_size), _pair("kernel_size", kernel_size), _pair("dilation", dilation)
    p, s = _pair("padding", padding, 0), _pair("stride", stride)
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    if input.shape[-2] % (k[0] * k[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
            f"{input.shape[-2]} and kernel_size={k}."
        )
    blocks = _windows(size, k, s, p, d)
    if min(blocks) < 1 or input.shape[-1] != blocks[0] * blocks[1]:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={k}, dilation={d}, padding={p}, stride={s}, expected size of "
            f"input's dimension 2 to match the calculated number of sliding blocks {blocks[0]} * {blocks[1]} = "
            f"{blocks[0] * blocks[1]}, but got input.size(2)={input.shape[-1]}."
        )
    x = input if input.dim() == 3 else input.unsqueeze(0)
    out = _fold((x,), size, k, s, p, d)
    return out if input.dim() == 3 else out.squeeze(0)
