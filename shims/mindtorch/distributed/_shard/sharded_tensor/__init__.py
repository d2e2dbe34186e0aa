"""``torch.distributed._shard.sharded_tensor``: tensors in boxes over ranks, as checkpoints describe them."""

from __future__ import annotations

from typing import Any

from mindtorch.distributed._shard.metadata import ShardMetadata
from mindtorch.distributed._shard.sharded_tensor.api import ShardedTensor
from mindtorch.distributed._shard.sharded_tensor.metadata import ShardedTensorMetadata, TensorProperties
from mindtorch.distributed._shard.sharded_tensor.shard import Shard

__all__ = [
    "Shard", "ShardMetadata", "ShardedTensor", "ShardedTensorMetadata", "TensorProperties", "init_from_local_shards",
]  # fmt: skip


def init_from_local_shards(
    local_shards: list[Shard], *global_size: Any, process_group: Any = None, init_rrefs: bool = False
) -> ShardedTensor:
    """The tensor of ``global_size`` that the ranks' shards make up; every rank of the group calls it.

    Raises ValueError when shards overlap, do not fill the tensor, or differ in dtype, layout or requires_grad.
    """
    return ShardedTensor._init_from_local_shards(
        local_shards, *global_size, process_group=process_group, init_rrefs=init_rrefs
    )
