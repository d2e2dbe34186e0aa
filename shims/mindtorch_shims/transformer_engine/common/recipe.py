"""FP8 recipes (``transformer_engine.common.recipe``). There is no FP8 here: to make one raises."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ..._missing import module_getattr, unsupported

__all__ = ["DelayedScaling", "Float8CurrentScaling", "Format", "MXFP8BlockScaling", "Recipe"]
__getattr__ = module_getattr(__name__)


class Format(Enum):
    """Which FP8 formats are meant: one for everything, or E4M3 forward and E5M2 backward."""

    E4M3 = "e4m3"
    E5M2 = "e5m2"
    HYBRID = "hybrid"


class Recipe:
    """How tensors are scaled for FP8."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise unsupported(f"FP8 (transformer_engine.common.recipe.{type(self).__name__})")


class DelayedScaling(Recipe):
    """Scales from the history of maxima."""


class Float8CurrentScaling(Recipe):
    """Scales from the tensor at hand."""


class MXFP8BlockScaling(Recipe):
    """A scale for each block of 32."""
