"""Norms whose parameters say whether their gradients are of a part of the sequence only.

With ``sequence_parallel_enabled`` the parameters have an attribute of that name that is True: their gradients have to
be summed over the tensor parallel ranks, which the training program does.
"""

from __future__ import annotations

from mindtorch import nn

from ...._kernels.norms import Shape
from ...contrib.layer_norm import FastLayerNorm as _FastLayerNorm
from ...normalization import FusedLayerNorm as _FusedLayerNorm
from ...normalization import MixedFusedLayerNorm as _MixedFusedLayerNorm

__all__ = ["FastLayerNorm", "FusedLayerNorm", "MixedFusedLayerNorm"]


def _mark(module: nn.Module, enabled: bool) -> None:
    module.sequence_parallel_enabled = enabled
    for parameter in module.parameters(recurse=False):
        parameter.sequence_parallel_enabled = enabled


class FusedLayerNorm(_FusedLayerNorm):
    """``apex.normalization.FusedLayerNorm`` with marked parameters."""

    def __init__(
        self, normalized_shape: Shape, eps: float = 1e-5, elementwise_affine: bool = True, *,
        sequence_parallel_enabled: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine)
        _mark(self, sequence_parallel_enabled)


class MixedFusedLayerNorm(_MixedFusedLayerNorm):
    """``apex.normalization.MixedFusedLayerNorm`` with marked parameters."""

    def __init__(self, normalized_shape: Shape, eps: float = 1e-5, *, sequence_parallel_enabled: bool = False) -> None:
        super().__init__(normalized_shape, eps)
        _mark(self, sequence_parallel_enabled)


class FastLayerNorm(_FastLayerNorm):
    """``apex.contrib.layer_norm.FastLayerNorm`` with marked parameters."""

    def __init__(self, hidden_size: int, eps: float = 1e-5, *, sequence_parallel_enabled: bool = False) -> None:
        super().__init__(hidden_size, eps)
        _mark(self, sequence_parallel_enabled)
