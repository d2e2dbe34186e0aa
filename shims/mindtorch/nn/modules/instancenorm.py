"""Instance normalisation layers (``torch.nn.modules.instancenorm``)."""

from __future__ import annotations

import warnings
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]  # fmt: skip


class _InstanceNorm(_NormBase):
    _rank = 0  # of an input without batch

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._rank, self._rank + 1):
            raise ValueError(f"expected {self._rank}D or {self._rank + 1}D input (got {input.dim()}D input)")

    def _channel_dim(self, input: Tensor) -> int:
        return input.dim() - self._rank

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) or (C, *): every sample's channels normalised by themselves, or by the statistics."""
        self._check_input_dim(input)
        channels = input.size(self._channel_dim(input))
        if channels != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={self._channel_dim(input)} to match num_features "
                    f"({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={self._channel_dim(input)} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        single = input.dim() == self._rank
        out = torch.nn.functional.instance_norm(
            input.unsqueeze(0) if single else input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Of (N, C, L) or (C, L)."""

    _rank = 2


class InstanceNorm2d(_InstanceNorm):
    """Of (N, C, H, W) or (C, H, W)."""

    _rank = 3


class InstanceNorm3d(_InstanceNorm):
    """Of (N, C, D, H, W) or (C, D, H, W)."""

    _rank = 4


class _LazyInstanceNorm(_LazyNormBase):
    def _channel_dim(self, input: Tensor) -> int:
        return input.dim() - self._rank


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """``InstanceNorm1d`` without ``num_features``."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """``InstanceNorm2d`` without ``num_features``."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """``InstanceNorm3d`` without ``num_features``."""

    cls_to_become = InstanceNorm3d
