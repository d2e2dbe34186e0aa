"""``torch.functional``: what is composed of operators rather than one."""

from __future__ import annotations

from typing import Any

from .ops import FUNCTIONS
from .ops.einsum import einsum

__all__ = ["einsum", "norm", "split"]

norm: Any = FUNCTIONS[""]["norm"]
split: Any = FUNCTIONS[""]["split"]
