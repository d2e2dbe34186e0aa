"""``torch.distributed._composable``."""

from __future__ import annotations

from mindtorch.distributed._composable import fsdp

__all__ = ["fsdp"]
