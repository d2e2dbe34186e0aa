"""``torch.distributed._shard``."""

from __future__ import annotations

from mindtorch.distributed._shard import metadata, sharded_tensor

__all__ = ["metadata", "sharded_tensor"]
