"""``torch.distributed._shard.sharded_tensor``: descriptions; sharded tensors are not supported and say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mindtorch._unsupported import unsupported
from mindtorch.distributed._shard.metadata import ShardMetadata
from mindtorch.distributed._shard.sharded_tensor.metadata import ShardedTensorMetadata, TensorProperties

__all__ = ["Shard", "ShardMetadata", "ShardedTensor", "ShardedTensorMetadata", "TensorProperties"]

ShardedTensor = unsupported(
    "torch.distributed._shard.sharded_tensor.ShardedTensor", "keep plain tensors, one shard a rank"
)


@dataclass
class Shard:
    """A local tensor and where it lies in the whole."""

    tensor: Any
    metadata: ShardMetadata

    def __post_init__(self) -> None:
        if list(self.tensor.size()) != self.metadata.shard_sizes:
            raise ValueError(
                "Shard tensor size does not match with metadata.shard_lengths! "
                f"Found shard tensor size: {list(self.tensor.size())}, "
                f"metadata.shard_lengths: {self.metadata.shard_sizes}, "
            )

    @classmethod
    def from_tensor_and_offsets(cls, tensor: Any, shard_offsets: list[int], rank: int) -> Shard:
        """A shard of ``rank`` from its tensor and its offsets."""
        metadata = ShardMetadata(shard_offsets, list(tensor.size()), f"rank:{rank}/{tensor.device}")
        return Shard(tensor, metadata)
