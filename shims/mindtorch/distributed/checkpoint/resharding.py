"""Overlap of stored and wanted boxes (``torch.distributed.checkpoint.resharding``)."""

from __future__ import annotations

from typing import Any

from mindtorch.distributed._shard._utils import box_of, overlap

__all__: list[str] = []


def _check_shard_metadata_pair_overlap(shard1: Any, shard2: Any) -> bool:
    """Whether two boxes share an element."""
    return overlap(shard1, shard2)


def _shards_get_overlap_region_wrt_saved_tensor(saved_shard: Any, current_shard: Any) -> list[tuple[int, ...]]:
    """The common box of two, a dimension at a time: (dim, offset in the saved, offset in the current, length)."""
    regions = []
    boxes = zip(*box_of(saved_shard), *box_of(current_shard), strict=True)
    for dim, (saved_offset, saved_size, current_offset, current_size) in enumerate(boxes):
        start = max(saved_offset, current_offset)
        end = min(saved_offset + saved_size, current_offset + current_size)
        regions.append((dim, start - saved_offset, start - current_offset, end - start))
    return regions
