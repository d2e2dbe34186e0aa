"""Whether shards make up a tensor."""

from __future__ import annotations

import math
from typing import Any

from mindtorch.distributed._group import get_process_group_ranks
from mindtorch.distributed._shard._utils import overlap
from mindtorch.distributed._shard.metadata import ShardMetadata
from mindtorch.distributed._shard.sharded_tensor.metadata import ShardedTensorMetadata, TensorProperties
from mindtorch.distributed._shard.sharded_tensor.shard import Shard

__all__ = ["check_boxes", "check_local", "check_placements"]


def check_boxes(metadata: ShardedTensorMetadata) -> None:
    """Raises ValueError unless the boxes lie within the tensor, apart from each other, and fill it."""
    boxes, size = metadata.shards_metadata, tuple(metadata.size)
    # Along the first dimension in which the boxes differ, only neighbours in its order can overlap.
    ordered = sorted(boxes, key=lambda box: box.shard_offsets)
    for i, box in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if box.shard_offsets and other.shard_offsets[0] >= box.shard_offsets[0] + box.shard_sizes[0]:
                break
            if overlap(box, other):
                raise ValueError(f"Shards {box} and {other} overlap")
    for box in boxes:
        ends = [offset + length for offset, length in zip(box.shard_offsets, box.shard_sizes, strict=True)]
        if len(ends) != len(size):
            raise ValueError(f"Rank of tensor is {len(size)}, but shards rank is {len(ends)}")
        for dim, (end, length) in enumerate(zip(ends, size, strict=True)):
            if end > length:
                raise ValueError(
                    f"Shard offset {box.shard_offsets[dim]} and length {box.shard_sizes[dim]} exceeds tensor dim: "
                    f"{length} for shard {box}"
                )
    volume, whole = sum(math.prod(box.shard_sizes) for box in boxes), math.prod(size)
    if volume != whole:
        raise ValueError(
            f"Total volume of shards: {volume} does not match tensor volume: {whole}, in other words all the "
            "individual shards do not cover the entire tensor"
        )


def check_placements(boxes: list[ShardMetadata], group: Any) -> None:
    """Raises ValueError for a shard without a rank, or of a rank that is not in the group."""
    ranks = get_process_group_ranks(group)
    for box in boxes:
        rank = None if box.placement is None else box.placement.rank()
        if rank is None:
            raise ValueError(f"the shard {box} names no rank in its placement")
        if rank not in ranks:
            raise ValueError(f"Global rank {rank} does not exist in input process group: {list(ranks)}")


def check_local(shards: list[Shard], properties: TensorProperties, rank: int) -> None:
    """Raises ValueError when a local tensor has other properties than the whole."""
    for shard in shards:
        for name in ("layout", "dtype", "requires_grad"):
            wanted, found = getattr(properties, name), getattr(shard.tensor, name)
            if wanted != found:
                raise ValueError(
                    f"Local shards' tensor {name} property is incompatible with tensor property on rank {rank}: "
                    f"tensor property {name}={wanted}, local shard tensor {name}={found}."
                )
