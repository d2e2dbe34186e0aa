"""Plans from state dictionaries and descriptions, and their checks. ``default_planner`` exports them."""

from __future__ import annotations

import dataclasses
import math

from mindtorch.distributed.checkpoint.metadata import (
    STATE_DICT_TYPE,
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorStorageMetadata,
)
from mindtorch.distributed.checkpoint.planner import LoadPlan, SavePlan, WriteItem, WriteItemType
from mindtorch.distributed.checkpoint.planner_helpers import _create_read_items, _create_write_items
from mindtorch.distributed.checkpoint.resharding import _check_shard_metadata_pair_overlap

__all__ = [
    "create_default_global_load_plan", "create_default_global_save_plan", "create_default_local_load_plan",
    "create_default_local_save_plan",
]  # fmt: skip


def create_default_local_save_plan(state_dict: STATE_DICT_TYPE, is_coordinator: bool) -> SavePlan:
    """Everything in the state dictionary; the coordinator leaves what several ranks have to one of them."""
    return SavePlan([item for name, value in state_dict.items() for item in _create_write_items(name, value)])


def create_default_global_save_plan(
    all_plans: list[SavePlan], rewrite_index_hints: bool = True
) -> tuple[list[SavePlan], Metadata]:
    """The plans with each shard's position among the tensor's shards as a hint, and the description."""
    described: dict[str, TensorStorageMetadata | BytesStorageMetadata] = {}
    plans = []
    for plan in all_plans:
        items: list[WriteItem] = []
        for item in plan.items:
            name = item.index.fqn
            if item.type != WriteItemType.SHARD and name in described:
                raise AssertionError(f"{name} is written twice")
            if item.type == WriteItemType.BYTE_IO:
                described[name] = BytesStorageMetadata()
                items.append(item)
                continue
            data = item.tensor_data
            assert data is not None
            entry = described.setdefault(name, TensorStorageMetadata(data.properties, data.size, []))
            if not isinstance(entry, TensorStorageMetadata):
                raise AssertionError(f"{name} is a tensor on some ranks and an object on others")
            if rewrite_index_hints:
                item = dataclasses.replace(item, index=dataclasses.replace(item.index, index=len(entry.chunks)))
            entry.chunks.append(data.chunk)
            items.append(item)
        plans.append(dataclasses.replace(plan, items=items))
    return plans, Metadata(described)


def create_default_local_load_plan(state_dict: STATE_DICT_TYPE, metadata: Metadata, strict: bool = True) -> LoadPlan:
    """What fills the state dictionary.

    Raises RuntimeError for an entry that the checkpoint does not have (unless not ``strict``), ValueError for a tensor
    of another size than there.
    """
    items = []
    for name, value in state_dict.items():
        entry = metadata.state_dict_metadata.get(name)
        if entry is None:
            if strict:
                raise RuntimeError(f"Missing key in checkpoint state_dict: {name}.")
            continue
        size = value.size() if isinstance(entry, TensorStorageMetadata) and hasattr(value, "size") else None
        if size is not None and entry.size != size:
            raise ValueError(f"Size mismatch between saved {entry.size} and current: {size} for {name}")
        items += _create_read_items(name, entry, value)
    return LoadPlan(items)


def create_default_global_load_plan(all_plans: list[LoadPlan]) -> list[LoadPlan]:
    """The ranks' plans: reading needs no coordination."""
    return all_plans


def _inside(chunk: ChunkStorageMetadata, size: tuple[int, ...]) -> bool:
    return all(
        offset >= 0 and offset + length <= whole
        for offset, length, whole in zip(chunk.offsets, chunk.sizes, size, strict=True)
    )


def _overlapping(chunks: list[ChunkStorageMetadata]) -> tuple[ChunkStorageMetadata, ChunkStorageMetadata] | None:
    """Two boxes that share an element. Sorted, only those near in the first dimension need to be compared."""
    ordered = sorted(chunks, key=lambda chunk: tuple(chunk.offsets))
    for i, chunk in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if chunk.offsets and other.offsets[0] >= chunk.offsets[0] + chunk.sizes[0]:
                break
            if _check_shard_metadata_pair_overlap(chunk, other):
                return chunk, other
    return None


def _validate_global_plan(global_plan: list[SavePlan], metadata: Metadata) -> list[str]:
    """What is wrong with the boxes of the tensors: outside, overlapping, or not all of it."""
    errors = []
    for name, entry in metadata.state_dict_metadata.items():
        if isinstance(entry, BytesStorageMetadata) or not entry.size:
            continue
        errors += [
            f"key:{name} has out of bounds chunk: tensor-size:{entry.size} chunk: {chunk}"
            for chunk in entry.chunks
            if not _inside(chunk, entry.size)
        ]
        pair = _overlapping(entry.chunks)
        if pair is not None:
            errors.append(f"key:{name} has overlapping chunks: {pair[0]} {pair[1]}")
        volume, whole = sum(math.prod(chunk.sizes) for chunk in entry.chunks), math.prod(entry.size)
        if len(global_plan) > 1 and volume != whole:
            errors.append(f"key:{name} invalid fill tensor-volume: {whole} chunks-volume: {volume}")
    return errors
