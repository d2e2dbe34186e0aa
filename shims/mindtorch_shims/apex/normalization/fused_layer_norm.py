"""Layer norm and RMS norm (``apex.normalization.fused_layer_norm``).

The plain forms give the dtype of the input, the mixed ones that of the weight; all compute in float32. They are made of
mindtorch's differentiable operators, which save what they need: ``memory_efficient`` is taken and changes nothing.
"""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch import Tensor, nn

from ..._kernels.norms import Shape, layer_norm, rms_norm, shape_of
from ..._missing import module_getattr

__getattr__ = module_getattr(__name__)


class _Differentiable:
    """Has ``apply`` as ``torch.autograd.Function`` has; what ``forward`` computes is differentiable as it is."""

    @classmethod
    def apply(cls, *args: Any) -> Tensor:
        return cls.forward(None, *args)  # type: ignore[attr-defined]


class FusedLayerNormAffineFunction(_Differentiable):
    """Layer norm with weight and bias; the result has the input's dtype."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, weight: Tensor, bias: Tensor, normalized_shape: Shape, eps: float,
        memory_efficient: bool = False,
    ) -> Tensor:  # fmt: skip
        return layer_norm(input, weight, bias, normalized_shape, eps)


class FusedLayerNormFunction(_Differentiable):
    """Layer norm alone."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, normalized_shape: Shape, eps: float, memory_efficient: bool = False
    ) -> Tensor:
        return layer_norm(input, None, None, normalized_shape, eps)


class FusedLayerNormAffineMixedDtypesFunction(_Differentiable):
    """Layer norm with weight and bias; the result has the weight's dtype."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, weight: Tensor, bias: Tensor, normalized_shape: Shape, eps: float,
        memory_efficient: bool = False,
    ) -> Tensor:  # fmt: skip
        return layer_norm(input, weight, bias, normalized_shape, eps, dtype=weight.dtype)


class FusedRMSNormAffineFunction(_Differentiable):
    """RMS norm with weight; the result has the input's dtype."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, weight: Tensor, normalized_shape: Shape, eps: float, memory_efficient: bool = False
    ) -> Tensor:
        return rms_norm(input, weight, normalized_shape, eps)


class FusedRMSNormFunction(_Differentiable):
    """RMS norm alone."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, normalized_shape: Shape, eps: float, memory_efficient: bool = False
    ) -> Tensor:
        return rms_norm(input, None, normalized_shape, eps)


class FusedRMSNormAffineMixedDtypesFunction(_Differentiable):
    """RMS norm with weight; the result has the weight's dtype."""

    @staticmethod
    def forward(
        ctx: None, input: Tensor, weight: Tensor, normalized_shape: Shape, eps: float, memory_efficient: bool = False
    ) -> Tensor:
        return rms_norm(input, weight, normalized_shape, eps, dtype=weight.dtype)


def fused_layer_norm_affine(
    input: Tensor, weight: Tensor, bias: Tensor, normalized_shape: Shape, eps: float = 1e-6,
    memory_efficient: bool = False,
) -> Tensor:  # fmt: skip
    """Layer norm over the last dimensions; dtype of the input."""
    return FusedLayerNormAffineFunction.apply(input, weight, bias, normalized_shape, eps, memory_efficient)


def fused_layer_norm(
    input: Tensor, normalized_shape: Shape, eps: float = 1e-6, memory_efficient: bool = False
) -> Tensor:
    """Layer norm without weight and bias."""
    return FusedLayerNormFunction.apply(input, normalized_shape, eps, memory_efficient)


def mixed_dtype_fused_layer_norm_affine(
    input: Tensor, weight: Tensor, bias: Tensor, normalized_shape: Shape, eps: float = 1e-6,
    memory_efficient: bool = False,
) -> Tensor:  # fmt: skip
    """Layer norm over the last dimensions; dtype of the weight."""
    return FusedLayerNormAffineMixedDtypesFunction.apply(
        input, weight, bias, normalized_shape, eps, memory_efficient
    )


def fused_rms_norm_affine(
    input: Tensor, weight: Tensor, normalized_shape: Shape, eps: float = 1e-6, memory_efficient: bool = False
) -> Tensor:
    """RMS norm over the last dimensions; dtype of the input."""
    return FusedRMSNormAffineFunction.apply(input, weight, normalized_shape, eps, memory_efficient)


def fused_rms_norm(
    input: Tensor, normalized_shape: Shape, eps: float = 1e-6, memory_efficient: bool = False
) -> Tensor:
    """RMS norm without weight."""
    return FusedRMSNormFunction.apply(input, normalized_shape, eps, memory_efficient)


def mixed_dtype_fused_rms_norm_affine(
    input: Tensor, weight: Tensor, normalized_shape: Shape, eps: float = 1e-6, memory_efficient: bool = False
) -> Tensor:
    """RMS norm over the last dimensions; dtype of the weight."""
    return FusedRMSNormAffineMixedDtypesFunction.apply(input, weight, normalized_shape, eps, memory_efficient)


class _FusedNorm(nn.Module):
    """What the four modules share: shape, eps and parameters that start as ones and zeros."""

    _has_bias = False

    def __init__(
        self, normalized_shape: Shape, eps: float = 1e-5, elementwise_affine: bool = True,
        memory_efficient: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = torch.Size(shape_of(normalized_shape))
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.memory_efficient = memory_efficient
        names = ("weight", "bias") if self._has_bias else ("weight",)
        for name in names:
            parameter = nn.Parameter(torch.empty(*self.normalized_shape)) if elementwise_affine else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights become 1, biases 0."""
        if self.elementwise_affine:
            nn.init.ones_(self.weight)
            if self._has_bias:
                nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return f"{tuple(self.normalized_shape)}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class FusedLayerNorm(_FusedNorm):
    """``torch.nn.LayerNorm`` whose result has the input's dtype."""

    _has_bias = True

    def forward(self, input: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        if not self.elementwise_affine:
            return fused_layer_norm(input, self.normalized_shape, self.eps, self.memory_efficient)
        return fused_layer_norm_affine(
            input, self.weight, self.bias, self.normalized_shape, self.eps, self.memory_efficient
        )


class FusedRMSNorm(_FusedNorm):
    """``torch.nn.RMSNorm`` whose result has the input's dtype."""

    def forward(self, input: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        if not self.elementwise_affine:
            return fused_rms_norm(input, self.normalized_shape, self.eps, self.memory_efficient)
        return fused_rms_norm_affine(input, self.weight, self.normalized_shape, self.eps, self.memory_efficient)


def _always_affine(kwargs: dict[str, Any]) -> None:
    if not kwargs.pop("elementwise_affine", True):
        raise RuntimeError("the mixed norms have weights always: elementwise_affine=False is for the others")
    if kwargs:
        raise TypeError(f"unexpected arguments: {', '.join(kwargs)}")


class _Mixed:
    """How the norms of mixed dtypes are made: they always have weights."""

    def __init__(
        self, normalized_shape: Shape, eps: float = 1e-5, *, memory_efficient: bool = False, **kwargs: Any
    ) -> None:
        _always_affine(kwargs)
        super().__init__(normalized_shape, eps, True, memory_efficient)  # type: ignore[call-arg]


class MixedFusedLayerNorm(_Mixed, FusedLayerNorm):
    """Layer norm whose result has the weight's dtype."""

    def forward(self, input: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        return mixed_dtype_fused_layer_norm_affine(
            input, self.weight, self.bias, self.normalized_shape, self.eps, self.memory_efficient
        )


class MixedFusedRMSNorm(_Mixed, FusedRMSNorm):
    """RMS norm whose result has the weight's dtype."""

    def forward(self, input: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        return mixed_dtype_fused_rms_norm_affine(
            input, self.weight, self.normalized_shape, self.eps, self.memory_efficient
        )
