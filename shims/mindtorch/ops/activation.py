"""Activations: ``torch.nn.functional`` and the few that ``torch`` has itself."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from .._dtype import FLOATING, INTEGRAL
from .._tensor import Tensor, wrap
from ..kernels import call
from ._fused import fused, usable
from ._prim import Prim
from ._registry import _inplace, op, type_name
from ._widen import in_float32
from .composite import where

F = "nn.functional"
# Constants of self-normalising networks (Klambauer et al., 2017).
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@functools.lru_cache(maxsize=64)
def _written(name: str, formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return _inplace(name, formula)


def run(name: str, formula: Callable[..., Tensor], input: Tensor, inplace: bool, *args: Any) -> Tensor:
    """``formula(input, *args)``, written into the input where `inplace` says so (and recorded as such)."""
    return _written(name, formula)(input, *args) if inplace else formula(input, *args)


# ------------------------------------------------------------------ relu and its kin
@op("relu", module=F, method=False)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    return input.relu_() if inplace else input.relu()


@op("relu_", module=F, method=False)
def f_relu_(input: Tensor) -> Tensor:
    return input.relu_()


def _leaky(x: Tensor, slope: float) -> Tensor:
    return where(x > 0, x, x * slope)


@op(module=F, method=False)
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    return run("leaky_relu", _leaky, input, inplace, negative_slope)


@op("leaky_relu_", module=F, method=False)
def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    return leaky_relu(input, negative_slope, True)


@op(method=True)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}"
        )
    if weight.numel() != 1:
        if not input.dim():
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.dim() > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} "
                f"and channel size = {channels}."
            )
    if weight.dim() > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
    if input.dim() == 0:
        slopes = weight.reshape(())
    else:
        slopes = weight.reshape([-1 if i == min(1, input.dim() - 1) else 1 for i in range(input.dim())])
    return where(input > 0, input, slopes * input)


op("prelu", module=F, method=False)(prelu)


@in_float32
def _elu(x: Tensor, alpha: float, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    # The positive half never reaches expm1: its infinities would spoil the gradient of the other half.
    negative = where(x > 0, 0.0, x * input_scale if input_scale != 1 else x)
    return where(x > 0, x * scale if scale != 1 else x, (alpha * scale) * negative.expm1())


@op(module=F, method=False)
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return run("elu", _elu, input, inplace, alpha)


@op("elu_", module=F, method=False)
def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    return elu(input, alpha, True)


def _celu(x: Tensor, alpha: float) -> Tensor:
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(x, alpha, 1.0, 1.0 / alpha)


@op(module=F, method=False)
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return run("celu", _celu, input, inplace, alpha)


def _selu(x: Tensor) -> Tensor:
    return _elu(x, SELU_ALPHA, SELU_SCALE)


@op(module=F, method=False)
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    return run("selu", _selu, input, inplace)


for _module in ("", F):

    @op("celu_", module=_module, method=False)
    def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
        return celu(input, alpha, True)

    @op("selu_", module=_module, method=False)
    def selu_(input: Tensor) -> Tensor:
        return selu(input, True)

    @op("threshold_", module=_module, method=False)
    def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
        return _threshold_form(input, threshold, value, True)


@op("celu", method=False)
def torch_celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    return celu(input, alpha)


@op("selu", method=False)
def torch_selu(input: Tensor) -> Tensor:
    return selu(input)


def _threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    if x.dtype.category <= INTEGRAL:
        value = int(value)
    return where(x <= threshold, wrap(x.new_tensor(value)._arr), x)


def _threshold_form(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    return run("threshold", _threshold, input, inplace, threshold, value)


@op("threshold", module=F, method=False, aliases=("_threshold",))
def f_threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    return _threshold_form(input, threshold, value, inplace)


@op("threshold", method=False, out=True)
def torch_threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    return _threshold_form(input, threshold, value)


# ------------------------------------------------------------------ smooth ones
def _silu_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    x = c.input(0)
    if usable(g):
        return (fused("silu_backward", g, x),)
    if x._arr.dtype.is_low:
        x, g = x.float(), g.float()
    s = x.sigmoid()
    return (g * (s * (1 + x * (1 - s))),)


_silu = Prim("silu", lambda a: call("silu", a), _silu_grad, save=(0,))


def _silu_form(x: Tensor) -> Tensor:
    return _silu((x,))


@op(module=F, method=False)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    return run("silu", _silu_form, input, inplace)


@op(module=F, method=False, out=True)
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input, approximate == "tanh")


def _gelu_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    x, by_tanh = c.input(0), c.params[0]
    return (fused("gelu_backward", g, x, by_tanh) if usable(g) else g * _gelu_slope(x, by_tanh),)


@in_float32
def _gelu_slope(x: Tensor, by_tanh: bool) -> Tensor:
    if by_tanh:
        scale = math.sqrt(2 / math.pi)
        tanh = (scale * (x + 0.044715 * (x * x * x))).tanh()
        return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * (scale * (1 + 3 * 0.044715 * (x * x)))
    return 0.5 * (1 + (x * math.sqrt(0.5)).erf()) + x * (-0.5 * x * x).exp() / math.sqrt(2 * math.pi)


_gelu_prim = Prim("gelu", lambda a, by_tanh: call("gelu", a, by_tanh), _gelu_grad, save=(0,))


def _gelu(x: Tensor, by_tanh: bool) -> Tensor:
    if x._arr.dtype.category != FLOATING:
        raise NotImplementedError(f"\"GeluKernelImpl\" not implemented for '{type_name(x._arr.dtype)}'")
    return _gelu_prim((x,), by_tanh)


@op("sigmoid", module=F, method=False)
def f_sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()


@op("tanh", module=F, method=False)
def f_tanh(input: Tensor) -> Tensor:
    return input.tanh()


_softplus = Prim("softplus", lambda a: call("softplus", a), lambda c, g: (g * c.input(0).sigmoid(),), save=(0,))


@op(module=F, method=False, out=True)
def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    return _softplus_form(input, beta, threshold)


@in_float32
def _softplus_form(x: Tensor, beta: float, threshold: float) -> Tensor:
    scaled = x * beta
    return where(scaled > threshold, x, _softplus((scaled,)) / beta)


@op(module=F, method=False, out=True)
def logsigmoid(input: Tensor) -> Tensor:
    return -_softplus((-input,))


@in_float32
def _mish(x: Tensor) -> Tensor:
    return x * softplus(x).tanh()


@op(module=F, method=False)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    return run("mish", _mish, input, inplace)


@op(module=F, method=False)
def softsign(input: Tensor) -> Tensor:
    return input / (input.abs() + 1)


@op(module=F, method=False)
def tanhshrink(input: Tensor) -> Tensor:
    return input - input.tanh()


@op(module=F, method=False, out=True)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    if not input.dim():
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % input.dim()} is size {input.shape[dim]}"
        )
    return _gated(*input.chunk(2, dim))


@in_float32
def _gated(a: Tensor, b: Tensor) -> Tensor:
    return a * b.sigmoid()


# ------------------------------------------------------------------ piecewise linear ones
@op(module=F, method=False)
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    return hardtanh(input, 0.0, 6.0, inplace)


def _hardtanh(x: Tensor, low: float, high: float) -> Tensor:
    return x.clamp(low, high)


@op(module=F, method=False)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input.dtype.category <= INTEGRAL:
        min_val, max_val = int(min_val), int(max_val)
    return run("hardtanh", _hardtanh, input, inplace, min_val, max_val)


@op("hardtanh_", module=F, method=False)
def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return hardtanh(input, min_val, max_val, True)


@in_float32
def _hardsigmoid(x: Tensor) -> Tensor:
    return (x + 3).clamp(0, 6) / 6


@op(module=F, method=False)
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    return run("hardsigmoid", _hardsigmoid, input, inplace)


@in_float32
def _hardswish(x: Tensor) -> Tensor:
    return x * ((x + 3).clamp(0, 6) / 6)


@op(module=F, method=False)
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    return run("hardswish", _hardswish, input, inplace)


def _needs_float(name: str, input: Tensor) -> None:
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"{name}\" not implemented for '{input.dtype.name.capitalize()}'")


@op(out=True)
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    _needs_float("hardshrink_cpu", input)
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


op("hardshrink", module=F, method=False)(hardshrink)


@op(module=F, method=False, out=True)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    _needs_float("softshrink_cpu", input)
    # nan belongs to neither side and stays (as nan * 0).
    return where(input > lambd, input - lambd, where(input < -lambd, input + lambd, input * 0))
