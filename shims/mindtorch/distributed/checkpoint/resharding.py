"""Overlap of stored and wanted boxes (``torch.distributed.checkpoint.resharding``)."""

from __future__ import annotations

from typing import Any

__all__: list[str] = []


def _check_shard_metadata_pair_overlap(shard1: Any, shard2: Any) -> bool:
    """Whether two boxes (``offsets``, ``sizes``) share an element."""
    return all(
        offset1 < offset2 + size2 and offset2 < offset1 + size1
        for offset1, size1, offset2, size2 in zip(
            shard1.offsets, shard1.sizes, shard2.offsets, shard2.sizes, strict=True
        )
    )


def _shards_get_overlap_region_wrt_saved_tensor(saved_shard: Any, current_shard: Any) -> list[tuple[int, ...]]:
    """The common box of two, a dimension at a time: (dim, offset in the saved, offset in the current, length)."""
    regions = []
    boxes = zip(saved_shard.offsets, saved_shard.sizes, current_shard.offsets, current_shard.sizes, strict=True)
    for dim, (saved_offset, saved_size, current_offset, current_size) in enumerate(boxes):
        start = max(saved_offset, current_offset)
        end = min(saved_offset + saved_size, current_offset + current_size)
        regions.append((dim, start - saved_offset, start - current_offset, end - start))
    return regions
