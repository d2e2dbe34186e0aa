"""A local piece of a sharded tensor (``torch.distributed._shard.sharded_tensor.shard``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mindtorch.distributed._shard.metadata import ShardMetadata

__all__ = ["Shard"]


@dataclass
class Shard:
    """A local tensor and where it lies in the whole. Raises ValueError when their sizes differ."""

    __slots__ = ["metadata", "tensor"]

    tensor: Any
    metadata: ShardMetadata

    def __post_init__(self) -> None:
        if list(self.tensor.size()) != self.metadata.shard_sizes:
            raise ValueError(
                "Shard tensor size does not match with metadata.shard_lengths! "
                f"Found shard tensor size: {list(self.tensor.size())}, "
                f"metadata.shard_lengths: {self.metadata.shard_sizes}, "
            )
        placement = self.metadata.placement
        if placement is not None and placement.device().type != self.tensor.device.type:
            raise ValueError(
                "Local shard tensor device does not match with local Shard's placement! Found local shard tensor "
                f"device: {self.tensor.device}, local shard metadata placement device: {placement.device()}"
            )

    @classmethod
    def from_tensor_and_offsets(cls, tensor: Any, shard_offsets: list[int], rank: int) -> Shard:
        """A shard of ``rank`` from its tensor and its offsets."""
        return cls(tensor, ShardMetadata(shard_offsets, list(tensor.size()), f"rank:{rank}/{tensor.device}"))
