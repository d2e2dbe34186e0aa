"""Layer norm and RMS norm for any mix of dtypes: computed in float32 (float64 for float64) and rounded once."""

from __future__ import annotations

from collections.abc import Iterable

import mindtorch as torch
import mindtorch.nn.functional as F
from mindtorch import Tensor

Shape = int | Iterable[int]


def shape_of(normalized_shape: Shape) -> tuple[int, ...]:
    """The last dimensions that a norm is over; one number means one dimension."""
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


def _plain(dtype: torch.dtype, zero_centered: bool, *tensors: Tensor | None) -> bool:
    return not zero_centered and all(t is None or t.dtype == dtype for t in tensors)


def _wide(tensors: Iterable[Tensor | None]) -> list[Tensor | None]:
    given = list(tensors)
    wide = torch.float64 if any(t is not None and t.dtype == torch.float64 for t in given) else torch.float32
    return [None if t is None else t.to(wide) for t in given]


def layer_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, normalized_shape: Shape, eps: float,
    dtype: torch.dtype | None = None, zero_centered: bool = False,
) -> Tensor:  # fmt: skip
    """Layer norm over the last dimensions; the result has ``dtype``, or that of ``x``.

    ``zero_centered``: the factor is ``1 + weight``.
    """
    shape, dtype = shape_of(normalized_shape), dtype or x.dtype
    with torch.autocast(x.device.type, enabled=False):
        if _plain(dtype, zero_centered, x, weight, bias):
            return F.layer_norm(x, shape, weight, bias, eps)
        x, weight, bias = _wide((x, weight, bias))
        return F.layer_norm(x, shape, 1 + weight if zero_centered else weight, bias, eps).to(dtype)


def rms_norm(
    x: Tensor, weight: Tensor | None, normalized_shape: Shape, eps: float,
    dtype: torch.dtype | None = None, zero_centered: bool = False,
) -> Tensor:  # fmt: skip
    """RMS norm over the last dimensions (Zhang & Sennrich 2019); otherwise as :func:`layer_norm`."""
    shape, dtype = shape_of(normalized_shape), dtype or x.dtype
    with torch.autocast(x.device.type, enabled=False):
        if _plain(dtype, zero_centered, x, weight):
            return F.rms_norm(x, shape, weight, eps)
        x, weight = _wide((x, weight))
        return F.rms_norm(x, shape, 1 + weight if zero_centered else weight, eps).to(dtype)
