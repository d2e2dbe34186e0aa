"""States of optimizers in fewer bits."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor


def scaled(state: Tensor, target: Tensor) -> Tensor:
    """Write a float32 state to a float16 tensor so that its largest element is half of what float16 holds.

    Returns the factor, shape [1], that undoes it.
    """
    largest = state.abs().max() if state.numel() else state.new_zeros(())
    factor = (largest / (torch.finfo(torch.float16).max / 2)).reshape(1)
    target.copy_(state / factor if bool(factor > 0) else state)
    return factor


def unscaled(state: Tensor, factor: Tensor) -> Tensor:
    """The float32 state that :func:`scaled` wrote."""
    return state.float() * factor


def split_bits(master: Tensor) -> tuple[Tensor, Tensor]:
    """A float32 tensor as bfloat16, rounded to nearest, and the 16 bits that it lacks, as int16."""
    bits = master.view(torch.int32)
    low = (bits << 16) >> 16
    # A negative remainder means that the upper half was rounded up.
    return ((bits - low) >> 16).to(torch.int16).view(torch.bfloat16), low.to(torch.int16)


def join_bits(rounded: Tensor, remainder: Tensor) -> Tensor:
    """The float32 tensor that :func:`split_bits` took apart."""
    return ((rounded.view(torch.int16).to(torch.int32) << 16) + remainder.to(torch.int32)).view(torch.float32)
