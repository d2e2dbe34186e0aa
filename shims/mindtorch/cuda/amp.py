"""``torch.cuda.amp``: ``torch.amp`` for the device."""

from __future__ import annotations

from ..amp import GradScaler, autocast, custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]
