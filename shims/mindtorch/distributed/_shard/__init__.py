"""``torch.distributed._shard``."""

from __future__ import annotations

from mindtorch.distributed._shard import _utils, metadata, sharded_tensor

__all__ = ["_utils", "metadata", "sharded_tensor"]
