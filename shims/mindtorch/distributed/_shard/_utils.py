"""Parts of tensors by offsets and sizes (``torch.distributed._shard._utils``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mindtorch.distributed._shard.metadata import ShardMetadata

__all__ = ["box_of", "narrow_tensor", "narrow_tensor_by_index", "overlap"]


def narrow_tensor_by_index(tensor: Any, offsets: Sequence[int], sizes: Sequence[int]) -> Any:
    """The view of the box of these offsets and sizes."""
    for dim, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
        if size < tensor.size(dim):
            tensor = tensor.narrow(dim, offset, size)
    return tensor


def narrow_tensor(tensor: Any, metadata: ShardMetadata) -> Any:
    """The view of the shard that ``metadata`` describes."""
    return narrow_tensor_by_index(tensor, metadata.shard_offsets, metadata.shard_sizes)


def box_of(shard: Any) -> tuple[Sequence[int], Sequence[int]]:
    """Offsets and sizes of a ``ShardMetadata``, or of anything that has ``offsets`` and ``sizes``."""
    if isinstance(shard, ShardMetadata):
        return shard.shard_offsets, shard.shard_sizes
    return shard.offsets, shard.sizes


def overlap(shard: Any, other: Any) -> bool:
    """Whether the boxes of two shards share an element."""
    return all(
        offset < other_offset + other_size and other_offset < offset + size
        for offset, size, other_offset, other_size in zip(*box_of(shard), *box_of(other), strict=True)
    )
