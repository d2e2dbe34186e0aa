"""Items to write and to read (``torch.distributed.checkpoint.planner_helpers``)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import mindtorch as torch
from mindtorch.distributed._shard.sharded_tensor import ShardedTensor
from mindtorch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from mindtorch.distributed.checkpoint.planner import (
    LoadItemType,
    ReadItem,
    SavePlan,
    TensorWriteData,
    WriteItem,
    WriteItemType,
)
from mindtorch.distributed.checkpoint.resharding import (
    _check_shard_metadata_pair_overlap,
    _shards_get_overlap_region_wrt_saved_tensor,
)

__all__ = ["create_read_items_for_chunk_list"]


def _whole(tensor: Any) -> ChunkStorageMetadata:
    """The box of all of a tensor."""
    return ChunkStorageMetadata(torch.Size([0] * tensor.dim()), tensor.size())


def _box(shard: Any) -> ChunkStorageMetadata:
    """The box of a shard."""
    return ChunkStorageMetadata(torch.Size(shard.metadata.shard_offsets), torch.Size(shard.metadata.shard_sizes))


def _properties(tensor: Any) -> TensorProperties:
    if isinstance(tensor, ShardedTensor):
        of = tensor.metadata().tensor_properties
        return TensorProperties(of.dtype, of.layout, of.requires_grad, of.memory_format, of.pin_memory)
    return TensorProperties.create_from_tensor(tensor)


def _create_chunk_list(tensor: Any) -> list[ChunkStorageMetadata]:
    """The boxes of a tensor that are on this rank: all of a plain one. Raises ValueError for other objects."""
    if hasattr(tensor, "__create_chunk_list__"):
        return tensor.__create_chunk_list__()
    if isinstance(tensor, ShardedTensor):
        return [_box(shard) for shard in tensor.local_shards()]
    if isinstance(tensor, torch.Tensor):
        return [_whole(tensor)]
    raise ValueError(f"Unsupported Type, expecting one of [Tensor, DTensor, ShardedTensor] ,but got {type(tensor)}")


def _create_write_items(fqn: str, object: Any) -> list[WriteItem]:
    """What writing an entry of a state dictionary takes: an item for each shard, for a tensor, or for an object."""
    if hasattr(object, "__create_write_items__"):
        return object.__create_write_items__(fqn, object)
    if not isinstance(object, torch.Tensor):
        return [WriteItem(MetadataIndex(fqn), WriteItemType.BYTE_IO)]
    kind = WriteItemType.SHARD if isinstance(object, ShardedTensor) else WriteItemType.TENSOR
    return [
        WriteItem(
            MetadataIndex(fqn, chunk.offsets), kind, None, TensorWriteData(chunk, _properties(object), object.size())
        )
        for chunk in _create_chunk_list(object)
    ]


def create_read_items_for_chunk_list(
    fqn: str, checkpoint_md: TensorStorageMetadata, local_chunks: list[ChunkStorageMetadata]
) -> list[ReadItem]:
    """What filling the local boxes from the stored ones takes: an item for each pair of boxes that overlap."""
    items = []
    for i, local in enumerate(local_chunks):
        for j, stored in enumerate(checkpoint_md.chunks):
            if not _check_shard_metadata_pair_overlap(local, stored):
                continue
            regions = _shards_get_overlap_region_wrt_saved_tensor(stored, local)
            items.append(
                ReadItem(
                    LoadItemType.TENSOR,
                    MetadataIndex(fqn, local.offsets, i),
                    torch.Size([in_local for _, _, in_local, _ in regions]),
                    MetadataIndex(fqn, stored.offsets, j),
                    torch.Size([in_stored for _, in_stored, _, _ in regions]),
                    torch.Size([length for _, _, _, length in regions]),
                )
            )
    return items


def _create_read_items(fqn: str, md: Any, obj: Any) -> list[ReadItem]:
    """What filling an entry of a state dictionary takes, given its description. Raises ValueError for mismatches."""
    if isinstance(md, BytesStorageMetadata):
        index, nowhere = MetadataIndex(fqn), torch.Size((0,))
        return [ReadItem(LoadItemType.BYTE_IO, index, nowhere, index, nowhere, nowhere)]
    try:
        local_chunks = _create_chunk_list(obj)
    except ValueError as error:
        raise ValueError(
            f"Invalid checkpoint metadata for {fqn}, expected BytesStorageMetadata but found {type(md)}"
        ) from error
    return create_read_items_for_chunk_list(fqn, md, local_chunks)


def _map_leaves(tree: Any, function: Callable[[Any], Any]) -> Any:
    """Replace the leaves of nested mappings and lists, in place where they can be changed."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            tree[key] = _map_leaves(value, function)  # type: ignore[index]
        return tree
    if isinstance(tree, list):
        tree[:] = [_map_leaves(value, function) for value in tree]
        return tree
    if type(tree) is tuple:
        return tuple(_map_leaves(value, function) for value in tree)
    return function(tree)


def _init_state_dict(state_dict: Any) -> Any:
    """Give memory to the tensors of the meta device, in place: on the current device where there is one."""
    device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    def with_memory(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_meta:
            return value
        if isinstance(value, ShardedTensor):
            raise NotImplementedError("loading into a ShardedTensor on the meta device is not supported")
        made = torch.empty_like(value.detach(), device=device)
        if isinstance(value, torch.nn.Parameter):
            return torch.nn.Parameter(made, value.requires_grad)
        return made.requires_grad_(value.requires_grad)

    return _map_leaves(state_dict, with_memory)


def _create_default_metadata_only_plan(state_dict: dict[str, Any]) -> SavePlan:
    """A plan of what is there, as if nothing were sharded over ranks."""
    return SavePlan([item for name, value in state_dict.items() for item in _create_write_items(name, value)])


def _compare_save_plans(plan: SavePlan, other_plan: SavePlan) -> bool:
    """Whether two plans write the same items."""
    if plan.usable != other_plan.usable or len(plan.items) != len(other_plan.items):
        return False
    return all(a == b and a.index.index == b.index.index for a, b in zip(plan.items, other_plan.items, strict=True))


def _contains_usable_plan(delta_plans: list[SavePlan]) -> bool:
    """Whether a rank has something new."""
    return any(plan.usable for plan in delta_plans)


def _merge_delta_local_plans(cached_plans: list[SavePlan], delta_plans: list[SavePlan]) -> list[SavePlan]:
    """The new plan of each rank that has one, the old one of the others."""
    return [new if new.usable else old for old, new in zip(cached_plans, delta_plans, strict=True)]


def _bytes_of(object: Any) -> io.BytesIO:
    """The object as ``torch.save`` writes it."""
    stream = io.BytesIO()
    torch.save(object, stream)
    return stream
