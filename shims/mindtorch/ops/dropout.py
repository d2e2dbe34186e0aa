"""The dropout family beside ``F.dropout``: whole channels, self-normalising networks, and randomised leaky ReLU."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .._array import Array
from .._rng import distributions as draw
from .._tensor import Tensor, wrap
from ..tape.grad_mode import no_grad
from ._registry import _inplace, op
from .nn import _maybe_inplace
from .random import _empty_like, _engine

_SELU_ALPHA = 1.7580993408473766
"""The negative saturation of SELU: what dropped elements become (Klambauer et al. 2017, scale times alpha)."""


def _drop(input: Tensor, p: float, training: bool, features: bool, alpha: bool) -> Tensor:
    """`input` with elements or features dropped, drawn as PyTorch draws them."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        return input * input.new_zeros(())
    with no_grad():
        noise = _feature_noise(input) if features else _empty_like(input)
        noise.bernoulli_(1 - p)
        if not alpha:
            factor, shift = noise.div_(1 - p), None
        else:
            a = 1.0 / math.sqrt((_SELU_ALPHA * _SELU_ALPHA * p + 1) * (1 - p))
            shift = noise.add(-1).mul_(_SELU_ALPHA * a).add_(_SELU_ALPHA * a * p)
            factor = noise.mul_(a)
    return input * factor if shift is None else input * factor + shift


def _feature_noise(input: Tensor) -> Tensor:
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return input.new_empty((*input.shape[:2], *(1 for _ in input.shape[2:])))


def _declare(name: str, features: bool, alpha: bool) -> None:
    def dropped(input: Tensor, p: float, train: bool) -> Tensor:
        return _drop(input, p, train, features, alpha)

    def dropped_(input: Tensor, p: float, train: bool) -> Tensor:
        return input.copy_(_drop(input, p, train, features, alpha))

    op(name, method=False)(dropped)
    op(name + "_", method=False)(dropped_)


_declare("feature_dropout", True, False)
_declare("alpha_dropout", False, True)
_declare("feature_alpha_dropout", True, True)


@op("dropout1d", module="nn.functional", method=False)
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    return _batched(input, p, training, inplace, input.dim() == 3)


@op("dropout2d", module="nn.functional", method=False)
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if input.dim() not in (3, 4):
        _warn_of_dimensions("dropout2d", input, "2 spatial dimensions", "3D or 4D")
    elif input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim.",
            stacklevel=2,
        )
    return _batched(input, p, training, inplace, True)


@op("dropout3d", module="nn.functional", method=False)
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if input.dim() not in (4, 5):
        _warn_of_dimensions("dropout3d", input, "3 spatial dimensions", "4D or 5D")
    return _batched(input, p, training, inplace, input.dim() == 5)


def _warn_of_dimensions(name: str, input: Tensor, spatial: str, wanted: str) -> None:
    warnings.warn(
        f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will result in an error in a "
        f"future release. {name} is for inputs with {spatial}, a channel dimension and an optional batch dimension "
        f"(i.e. {wanted} inputs).",
        stacklevel=3,
    )


def _batched(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = input if batched else input.unsqueeze(0)
    out = _drop(x, p, training, True, False)
    return _maybe_inplace(input, out if batched else out.squeeze(0), inplace)


@op("alpha_dropout", module="nn.functional", method=False)
def functional_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    return _maybe_inplace(input, _drop(input, p, training, False, True), inplace)


@op("feature_alpha_dropout", module="nn.functional", method=False)
def functional_feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    return _maybe_inplace(input, _drop(input, p, training, True, True), inplace)


@op("rrelu", method=False)
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, generator: Any = None
) -> Tensor:
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    slope: Any = (lower + upper) / 2
    if training:
        slope = _slopes(input, lower, upper, generator)
    return input.where(input > 0, input * slope)


def _slopes(input: Tensor, lower: float, upper: float, generator: Any) -> Tensor:
    """A float64 uniform for each element that is not positive, element after element; 1 for the others."""
    if input.is_meta:
        return _empty_like(input)
    values = np.asarray(input._arr.np, order="C")
    below = np.asarray(values <= 0)
    slopes = np.ones(values.shape, values.dtype)
    uniforms = draw.uniform(_engine(generator, input.device), int(below.sum()), lower, upper, "float64")
    slopes[below] = uniforms.astype(values.dtype)
    return wrap(Array(slopes, input.device, input.dtype))


@op("rrelu", module="nn.functional", method=False)
def functional_rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    return _maybe_inplace(input, rrelu(input, lower, upper, training), inplace)


_written = _inplace("rrelu", rrelu)


def _rrelu_inplace(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, generator: Any = None
) -> Tensor:
    return _written(input, lower, upper, training, generator)


for _module in ("", "nn.functional"):
    op("rrelu_", module=_module, method=False)(_rrelu_inplace)
