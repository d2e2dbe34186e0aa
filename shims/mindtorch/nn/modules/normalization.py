"""LayerNorm, RMSNorm, GroupNorm, LocalResponseNorm (``torch.nn.modules.normalization``)."""

from __future__ import annotations

import numbers
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.autograd.function import Function
from mindtorch.nn.modules.module import Module
from mindtorch.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _as_shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, numbers.Integral) else tuple(normalized_shape)


class _Affine(Module):
    """Base: a weight and, where there is one, a bias."""

    def _add(self, name: str, shape: Any, wanted: bool, device: Any, dtype: Any) -> None:
        self.register_parameter(name, Parameter(torch.empty(shape, device=device, dtype=dtype)) if wanted else None)

    def reset_parameters(self) -> None:
        """Weight ones, bias zeros."""
        if self.weight is not None:
            torch.nn.init.ones_(self.weight)
        if self._parameters.get("bias") is not None:
            torch.nn.init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Normalise over the last dimensions (``normalized_shape``) to mean 0, variance 1; then scale and shift."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add("weight", self.normalized_shape, elementwise_affine, device, dtype)
        self._add("bias", self.normalized_shape, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(_Affine):
    """Divide by the root mean square over the last dimensions; then scale. ``eps`` None: the dtype's epsilon."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add("weight", self.normalized_shape, elementwise_affine, device, dtype)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalise (N, C, *) over groups of channels; then scale and shift by channel."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError("num_channels must be divisible by num_groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._add("weight", num_channels, affine, device, dtype)
        self._add("bias", num_channels, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """Normalise each channel by its ``size`` neighbours."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return torch.nn.functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _channel_sums(x: Tensor, width: int, before: int) -> Tensor:
    """Sums of ``width`` neighbouring channels of (N, C, H, W), the first of them ``before`` channels before."""
    padded = torch.nn.functional.pad(x, (0, 0, 0, 0, before, width - 1 - before))
    return torch.nn.functional.avg_pool3d(padded.unsqueeze(1), (width, 1, 1), stride=1).squeeze(1) * width


class _CrossMap(Function):
    """What ``CrossMapLRN2d`` computes, with PyTorch's own windows: the first channel counts for all channels beyond the
    reach of its window, and the gradient's window ends half a window after the channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        reach = (size - 1) // 2
        squares = x * x
        sums = _channel_sums(squares, 2 * reach + 1, reach)
        sums[:, reach + 1 :] += squares[:, :1]
        scale = sums * (alpha / size) + k
        out = x * scale.pow(-beta)
        ctx.save_for_backward(x, out, scale)
        ctx.settings = size, alpha, beta
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, out, scale = ctx.saved_tensors
        size, alpha, beta = ctx.settings
        before = min(int(size - (size - 1) / 2), size - 1)
        others = _channel_sums(grad * out / scale, size, before)
        return grad * scale.pow(-beta) - x * others * (2 * alpha * beta / size), None, None, None, None


class CrossMapLRN2d(Module):
    """Divide (N, C, H, W) by ``(k + alpha / size * sum of squares of the neighbouring channels) ** beta``."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input. Raises ValueError for an input that is not 4-dimensional."""
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        return _CrossMap.apply(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
