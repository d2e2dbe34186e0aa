"""Batch normalisation folded into the layer before it (``torch.nn.utils.fusion``)."""

from __future__ import annotations

import copy
from typing import Any

import mindtorch as torch
from mindtorch.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _folded(weight: Any, bias: Any, mean: Any, var: Any, eps: float, gamma: Any, beta: Any, dim: int) -> Any:
    bias = torch.zeros_like(mean) if bias is None else bias
    gamma = torch.ones_like(mean) if gamma is None else gamma
    beta = torch.zeros_like(mean) if beta is None else beta
    scale = gamma * torch.rsqrt(var + eps)
    shape = [1] * weight.dim()
    shape[dim] = -1
    new = (weight * scale.reshape(shape)).to(weight.dtype), ((bias - mean) * scale + beta).to(bias.dtype)
    return Parameter(new[0].detach(), weight.requires_grad), Parameter(new[1].detach(), bias.requires_grad)


def fuse_conv_bn_weights(
    conv_w: Any, conv_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any, transpose: bool = False
) -> tuple[Parameter, Parameter]:
    """Weight and bias of one convolution that does what convolution and normalisation did."""
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of one linear layer that does what layer and normalisation did."""
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _eval(layer: Any, bn: Any, transpose: bool) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused = copy.deepcopy(layer)
    fused.weight, fused.bias = _folded(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, 1 if transpose else 0
    )
    return fused


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """One convolution instead of two modules in evaluation mode."""
    return _eval(conv, bn, transpose)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """One linear layer instead of two modules in evaluation mode. Raises ValueError where the sizes do not fit."""
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise ValueError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    return _eval(linear, bn, False)
