"""Pooling layers (``torch.nn.modules.pooling``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module
from mindtorch.nn.modules.utils import _ntuple

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
    "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d",
    "MaxUnpool3d",
]  # fmt: skip


class _Pool(Module):
    _function = ""

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(torch.nn.functional, self._function)(*args, **kwargs)


class _MaxPoolNd(_Pool):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The windows' maxima; with ``return_indices`` also where they are."""
        return self._run(
            input, self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _MaxUnpoolNd(_Pool):
    _dims = 0

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        n = _ntuple(self._dims)
        self.kernel_size = n(kernel_size)
        self.stride = n(kernel_size if stride is None else stride)
        self.padding = n(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Values back at the positions that max pooling found; zeros elsewhere."""
        return self._run(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """Settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(_Pool):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The windows' means."""
        return self._run(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_Pool):
    """Means over windows of (N, C, L)."""

    _function = "avg_pool1d"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        single = _ntuple(1)
        self.kernel_size = single(kernel_size)
        self.stride = single(stride if stride is not None else kernel_size)
        self.padding = single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The windows' means."""
        return self._run(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    extra_repr = _AvgPoolNd.extra_repr


class _LPPoolNd(_Pool):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The windows' power sums, to the power of 1 / norm_type."""
        return self._run(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """Settings."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _AdaptiveMaxPoolNd(_Pool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Maxima over as many windows as wanted; with ``return_indices`` also where they are."""
        return self._run(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """Settings."""
        return f"output_size={self.output_size}"


class _AdaptiveAvgPoolNd(_Pool):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Means over as many windows as wanted."""
        return self._run(input, self.output_size)

    extra_repr = _AdaptiveMaxPoolNd.extra_repr


class _FractionalMaxPoolNd(_Pool):
    _dims = 0

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        n = _ntuple(self._dims)
        self.kernel_size = n(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else n(output_size)
        self.output_ratio = None if output_ratio is None else n(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError("FractionalMaxPool requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        """Maxima over windows that are placed at random."""
        return self._run(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class MaxPool1d(_MaxPoolNd):
    """Maxima over windows of (N, C, L)."""

    _function = "max_pool1d"


class MaxUnpool1d(_MaxUnpoolNd):
    """The inverse of max pooling, to (N, C, L)."""

    _function = "max_unpool1d"
    _dims = 1


class LPPool1d(_LPPoolNd):
    """Power averages over windows of (N, C, L)."""

    _function = "lp_pool1d"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maxima of a wanted number of windows of (N, C, L)."""

    _function = "adaptive_max_pool1d"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of a wanted number of windows of (N, C, L)."""

    _function = "adaptive_avg_pool1d"


class MaxPool2d(_MaxPoolNd):
    """Maxima over windows of (N, C, H, W)."""

    _function = "max_pool2d"


class MaxUnpool2d(_MaxUnpoolNd):
    """The inverse of max pooling, to (N, C, H, W)."""

    _function = "max_unpool2d"
    _dims = 2


class LPPool2d(_LPPoolNd):
    """Power averages over windows of (N, C, H, W)."""

    _function = "lp_pool2d"


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maxima of a wanted number of windows of (N, C, H, W)."""

    _function = "adaptive_max_pool2d"


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of a wanted number of windows of (N, C, H, W)."""

    _function = "adaptive_avg_pool2d"


class AvgPool2d(_AvgPoolNd):
    """Means over windows of (N, C, H, W)."""

    _function = "avg_pool2d"


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Maxima over windows, placed at random, of (N, C, H, W)."""

    _function = "fractional_max_pool2d"
    _dims = 2


class MaxPool3d(_MaxPoolNd):
    """Maxima over windows of (N, C, D, H, W)."""

    _function = "max_pool3d"


class MaxUnpool3d(_MaxUnpoolNd):
    """The inverse of max pooling, to (N, C, D, H, W)."""

    _function = "max_unpool3d"
    _dims = 3


class LPPool3d(_LPPoolNd):
    """Power averages over windows of (N, C, D, H, W)."""

    _function = "lp_pool3d"


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maxima of a wanted number of windows of (N, C, D, H, W)."""

    _function = "adaptive_max_pool3d"


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of a wanted number of windows of (N, C, D, H, W)."""

    _function = "adaptive_avg_pool3d"


class AvgPool3d(_AvgPoolNd):
    """Means over windows of (N, C, D, H, W)."""

    _function = "avg_pool3d"


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """Maxima over windows, placed at random, of (N, C, D, H, W)."""

    _function = "fractional_max_pool3d"
    _dims = 3
