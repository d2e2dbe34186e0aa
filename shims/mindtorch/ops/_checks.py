"""Checks of values, which are left out where there are none."""

from __future__ import annotations

from .._tensor import Tensor


def anywhere(condition: Tensor) -> bool:
    """Whether a condition holds for any element. False on the meta device: nothing is known there, and PyTorch leaves
    out checks of values, too."""
    return not condition.is_meta and bool(condition.any())
