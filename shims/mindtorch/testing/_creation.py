"""``make_tensor``: random tensors for tests."""

from __future__ import annotations

import math
from typing import Any

import mindtorch as torch

__all__ = ["make_tensor"]


def _default_range(dtype: Any) -> tuple[float, float]:
    if dtype.is_floating_point or dtype.is_complex:
        return -9.0, 9.0
    if dtype is torch.bool:
        return 0, 2
    return (0, 10) if dtype is torch.uint8 else (-9, 10)


def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """A tensor of uniform random values in ``[low, high)``.

    The defaults are ``[-9, 9)`` for floating and complex dtypes, ``[-9, 9]`` for integers, ``[0, 9]`` for uint8 and
    both values for bools. `noncontiguous`: every other element of a larger memory. `exclude_zero`: zeros become the
    smallest step of the dtype. Raises ValueError for bounds that leave nothing, or for options that exclude each other.
    """
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
                         f"noncontiguous={noncontiguous} and memory_format={memory_format}")  # fmt: skip
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    default = _default_range(dtype)
    low, high = default[0] if low is None else low, default[1] if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low > high:
        raise ValueError(f"`low` must be weakly less than `high`, but got {low} >= {high}")
    if noncontiguous and math.prod(size) > 1:
        wide = (*size[:-1], 2 * size[-1])
        result = _drawn(math.prod(wide), dtype, device, low, high).view(wide)[..., 1::2]
    else:
        result = _drawn(math.prod(size), dtype, device, low, high).view(size)
    if memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        tiny = torch.finfo(dtype).tiny if dtype.is_floating_point or dtype.is_complex else 1
        result[result == 0] = tiny
    return result.requires_grad_() if requires_grad else result


def _drawn(count: int, dtype: Any, device: Any, low: float, high: float) -> Any:
    if dtype is torch.bool:
        return torch.randint(0, 2, (count,), dtype=torch.int64, device=device).to(torch.bool)
    if dtype.is_complex:
        part = torch.empty(2 * count, dtype=torch.float64 if dtype is torch.complex128 else torch.float32,
                           device=device).uniform_(low, high)  # fmt: skip
        return torch.view_as_complex(part.view(count, 2)).to(dtype)
    if dtype.is_floating_point:
        if dtype.itemsize == 1:
            return torch.empty(count, dtype=torch.float32, device=device).uniform_(low, high).to(dtype)
        return torch.empty(count, dtype=dtype, device=device).uniform_(low, high)
    return torch.randint(math.ceil(low), math.ceil(high), (count,), dtype=dtype, device=device)
