"""Dropout family (``torch.nn.modules.dropout``)."""

from __future__ import annotations

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """Base: ``p`` is the probability of an element (or channel) to be zeroed; acts in training mode only."""

    _function = "dropout"

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Zero at random, scale the rest."""
        return getattr(torch.nn.functional, self._function)(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Zeroes elements."""


class Dropout1d(_DropoutNd):
    """Zeroes whole channels of (N, C, L)."""

    _function = "dropout1d"


class Dropout2d(_DropoutNd):
    """Zeroes whole channels of (N, C, H, W)."""

    _function = "dropout2d"


class Dropout3d(_DropoutNd):
    """Zeroes whole channels of (N, C, D, H, W)."""

    _function = "dropout3d"


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of SELU activations."""

    _function = "alpha_dropout"

    def forward(self, input: Tensor) -> Tensor:
        """Set to the negative saturation value at random."""
        return torch.nn.functional.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """``AlphaDropout`` over whole channels."""

    _function = "feature_alpha_dropout"

    def forward(self, input: Tensor) -> Tensor:
        """Set whole channels to the negative saturation value at random."""
        return torch.nn.functional.feature_alpha_dropout(input, self.p, self.training)
