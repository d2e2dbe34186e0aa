"""Padding layers (``torch.nn.modules.padding``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module
from mindtorch.nn.modules.utils import _ntuple

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _PadNd(Module):
    _dims = 0
    _mode = ""

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)

    def forward(self, input: Tensor) -> Tensor:
        """The input with more, or with negative padding fewer, elements along its last dimensions."""
        return torch.nn.functional.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input with ``value`` around it."""
        return torch.nn.functional.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The padding and its value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _PadNd.extra_repr


class ConstantPad1d(_ConstantPadNd):
    """A constant around (N, C, L)."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """A constant around (N, C, H, W)."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """A constant around (N, C, D, H, W)."""

    _dims = 3


class ZeroPad1d(_ZeroPadNd):
    """Zeros around (N, C, L)."""

    _dims = 1


class ZeroPad2d(_ZeroPadNd):
    """Zeros around (N, C, H, W)."""

    _dims = 2


class ZeroPad3d(_ZeroPadNd):
    """Zeros around (N, C, D, H, W)."""

    _dims = 3


class ReflectionPad1d(_PadNd):
    """Reflections at the borders of (N, C, L)."""

    _dims = 1
    _mode = "reflect"


class ReflectionPad2d(_PadNd):
    """Reflections at the borders of (N, C, H, W)."""

    _dims = 2
    _mode = "reflect"


class ReflectionPad3d(_PadNd):
    """Reflections at the borders of (N, C, D, H, W)."""

    _dims = 3
    _mode = "reflect"


class ReplicationPad1d(_PadNd):
    """The border's elements around (N, C, L)."""

    _dims = 1
    _mode = "replicate"


class ReplicationPad2d(_PadNd):
    """The border's elements around (N, C, H, W)."""

    _dims = 2
    _mode = "replicate"


class ReplicationPad3d(_PadNd):
    """The border's elements around (N, C, D, H, W)."""

    _dims = 3
    _mode = "replicate"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """The input with the elements of its other end at each side. Raises ValueError for another rank."""
        lowest = self._dims + 1
        if input.dim() not in (lowest, lowest + 1):
            raise ValueError(f"expected {lowest}D or {lowest + 1}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """The elements from the other end around (N, C, L)."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """The elements from the other end around (N, C, H, W)."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """The elements from the other end around (N, C, D, H, W)."""

    _dims = 3
