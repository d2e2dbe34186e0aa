"""The default planners (``torch.distributed.checkpoint.default_planner``)."""

from __future__ import annotations

import dataclasses
import io
import logging
from collections import ChainMap
from typing import Any

import mindtorch as torch
from mindtorch.distributed._shard._utils import narrow_tensor_by_index
from mindtorch.distributed.checkpoint._dedup_save_plans import dedup_save_plans
from mindtorch.distributed.checkpoint._nested_dict import FLATTEN_MAPPING, flatten_state_dict
from mindtorch.distributed.checkpoint._plans import (
    _validate_global_plan,
    create_default_global_load_plan,
    create_default_global_save_plan,
    create_default_local_load_plan,
    create_default_local_save_plan,
)
from mindtorch.distributed.checkpoint._sharded_tensor_utils import _flatten_sharded_tensors
from mindtorch.distributed.checkpoint._traverse import set_element
from mindtorch.distributed.checkpoint.metadata import (
    STATE_DICT_TYPE,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorStorageMetadata,
)
from mindtorch.distributed.checkpoint.planner import (
    LoadPlan,
    LoadPlanner,
    ReadItem,
    SavePlan,
    SavePlanner,
    WriteItem,
    WriteItemType,
)
from mindtorch.distributed.checkpoint.planner_helpers import (
    _bytes_of,
    _compare_save_plans,
    _contains_usable_plan,
    _init_state_dict,
    _merge_delta_local_plans,
)
from mindtorch.distributed.checkpoint.utils import find_state_dict_object

__all__ = [
    "DefaultLoadPlanner", "DefaultSavePlanner", "create_default_global_load_plan", "create_default_global_save_plan",
    "create_default_local_load_plan", "create_default_local_save_plan",
]  # fmt: skip

logger = logging.getLogger(__name__)


class DefaultSavePlanner(SavePlanner):
    """Every rank plans all it has; what several have is written once.

    Args:
        flatten_state_dict: open nested dictionaries; their leaves get dotted names.
        flatten_sharded_tensors: refuse sharded tensors within sharded tensors at once.
        dedup_replicated_tensors: without effect.
        dedup_save_to_lowest_rank: the lowest rank writes what several have, instead of the least busy one.
        enable_plan_caching: keep the plans for the next save with a planner of the same class, and do not send
            unchanged ones.
    """

    mappings: FLATTEN_MAPPING

    def __init__(
        self,
        flatten_state_dict: bool = True,
        flatten_sharded_tensors: bool = True,
        dedup_replicated_tensors: bool | None = None,
        dedup_save_to_lowest_rank: bool = False,
        enable_plan_caching: bool = False,
    ) -> None:
        self.flatten_state_dict = flatten_state_dict
        self.flatten_sharded_tensors = flatten_sharded_tensors
        self.mappings = {}
        self.dedup_save_to_lowest_rank = dedup_save_to_lowest_rank
        if dedup_replicated_tensors is not None:
            logger.warning("DefaultSavePlanner: dedup_replicated_tensors is deprecated and has no effect")
        self._cached_plans_key = type(self).__name__
        self._enable_plan_caching = enable_plan_caching

    def set_up_planner(
        self, state_dict: STATE_DICT_TYPE, storage_meta: StorageMeta | None = None, is_coordinator: bool = False
    ) -> None:
        if self.flatten_state_dict:
            state_dict, self.mappings = flatten_state_dict(state_dict)
        if self.flatten_sharded_tensors:
            state_dict = _flatten_sharded_tensors(state_dict)
        self.state_dict = state_dict
        self.is_coordinator = is_coordinator

    def create_local_plan(self) -> SavePlan:
        plan = create_default_local_save_plan(self.state_dict, self.is_coordinator)
        if self.flatten_state_dict:
            plan = dataclasses.replace(plan, planner_data=self.mappings)
        self.plan = plan
        if self._enable_plan_caching:
            before = SavePlanner._cached_save_plan.get(self._cached_plans_key)
            if before is not None and _compare_save_plans(plan, before):
                return SavePlan([], usable=False)
            SavePlanner._cached_save_plan[self._cached_plans_key] = plan
        return plan

    def create_global_plan(self, all_plans: list[SavePlan]) -> tuple[list[SavePlan], Metadata]:
        if self._enable_plan_caching:
            changed, self.global_plan, self.metadata = self._cached_global(all_plans)
            return changed, self.metadata
        self.global_plan, self.metadata = self._new_global(all_plans)
        return self.global_plan, self.metadata

    def _dedup_save_plans(self, all_plans: list[SavePlan]) -> list[SavePlan]:
        return dedup_save_plans(all_plans, self.dedup_save_to_lowest_rank)

    def _new_global(self, all_plans: list[SavePlan]) -> tuple[list[SavePlan], Metadata]:
        global_plan, metadata = create_default_global_save_plan(self._dedup_save_plans(all_plans))
        if self.flatten_state_dict:
            mappings = dict(ChainMap(*(plan.planner_data for plan in global_plan)))
            metadata = dataclasses.replace(metadata, planner_data=mappings)
        errors = _validate_global_plan(global_plan, metadata)
        if errors:
            raise ValueError(f"Failed to validate global plan: {'; '.join(errors)[:500]}")
        return global_plan, metadata

    def _cached_global(self, all_plans: list[SavePlan]) -> tuple[list[SavePlan], list[SavePlan], Metadata]:
        """What to send (plans that say "as the last time" for unchanged ones), all plans, the description."""
        key, cache = self._cached_plans_key, SavePlanner
        before = cache._cached_global_plan.get(key)
        if before is not None and not _contains_usable_plan(all_plans):
            return [SavePlan([], usable=False)] * len(all_plans), before, cache._cached_metadata[key]
        if before is not None:
            all_plans = _merge_delta_local_plans(cache._cached_all_plans[key], all_plans)
        plans, metadata = self._new_global(all_plans)
        cache._cached_all_plans[key] = all_plans
        cache._cached_global_plan[key] = plans
        cache._cached_metadata[key] = metadata
        if before is None:
            return plans, plans, metadata
        unchanged = SavePlan([], usable=False)
        changed = [unchanged if _compare_save_plans(old, new) else new for old, new in zip(before, plans, strict=True)]
        return changed, plans, metadata

    def finish_plan(self, new_plan: SavePlan) -> SavePlan:
        self.plan = new_plan
        if self._enable_plan_caching:
            if new_plan.usable:
                SavePlanner._cached_final_save_plan[self._cached_plans_key] = new_plan
            else:
                self.plan = SavePlanner._cached_final_save_plan[self._cached_plans_key]
        return self.plan

    def resolve_data(self, write_item: WriteItem) -> Any:
        return self.transform_object(write_item, self.lookup_object(write_item.index))

    def lookup_object(self, index: MetadataIndex) -> Any:
        """The entry of the state dictionary. For subclasses to override."""
        return find_state_dict_object(self.state_dict, index)

    def transform_object(self, write_item: WriteItem, object: Any) -> Any:
        """What is written for it: objects as ``torch.save`` has them. For subclasses to override."""
        return _bytes_of(object) if write_item.type == WriteItemType.BYTE_IO else object


class DefaultLoadPlanner(LoadPlanner):
    """Fills the tensors of a state dictionary in place, and puts the other objects into it.

    Args:
        flatten_state_dict: open nested dictionaries, as the save did.
        flatten_sharded_tensors: refuse sharded tensors within sharded tensors at once.
        allow_partial_load: leave entries alone that the checkpoint does not have, instead of a RuntimeError.
    """

    original_state_dict: STATE_DICT_TYPE
    mappings: FLATTEN_MAPPING

    def __init__(
        self,
        flatten_state_dict: bool = True,
        flatten_sharded_tensors: bool = True,
        allow_partial_load: bool = False,
    ) -> None:
        self.flatten_state_dict = flatten_state_dict
        self.flatten_sharded_tensors = flatten_sharded_tensors
        self.original_state_dict = {}
        self.mappings = {}
        self.allow_partial_load = allow_partial_load

    def set_up_planner(
        self, state_dict: STATE_DICT_TYPE, metadata: Metadata | None = None, is_coordinator: bool = False
    ) -> None:
        _init_state_dict(state_dict)
        self.original_state_dict = state_dict
        if self.flatten_sharded_tensors:
            state_dict = _flatten_sharded_tensors(state_dict)
        if self.flatten_state_dict:
            state_dict, self.mappings = flatten_state_dict(state_dict)
        self.state_dict = state_dict
        self.metadata = metadata
        self.is_coordinator = is_coordinator

    def create_local_plan(self) -> LoadPlan:
        assert self.metadata is not None
        return create_default_local_load_plan(self.state_dict, self.metadata, not self.allow_partial_load)

    def create_global_plan(self, global_plan: list[LoadPlan]) -> list[LoadPlan]:
        return create_default_global_load_plan(global_plan)

    def finish_plan(self, central_plan: LoadPlan) -> LoadPlan:
        return central_plan

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        name = read_item.dest_index.fqn
        loaded = torch.load(value, weights_only=False)
        if self.flatten_state_dict:
            set_element(self.original_state_dict, self.mappings[name], loaded)
        else:
            self.state_dict[name] = loaded

    def resolve_tensor(self, read_item: ReadItem) -> Any:
        return self.transform_tensor(read_item, self.lookup_tensor(read_item.dest_index))

    def commit_tensor(self, read_item: ReadItem, tensor: Any) -> None:
        pass

    def lookup_tensor(self, index: MetadataIndex) -> Any:
        """The tensor, or its local shard. For subclasses to override."""
        return find_state_dict_object(self.state_dict, index)

    def transform_tensor(self, read_item: ReadItem, tensor: Any) -> Any:
        """The part of it that the item fills. For subclasses to override."""
        return narrow_tensor_by_index(tensor, read_item.dest_offsets, read_item.lengths)


class _EmptyStateDictLoadPlanner(DefaultLoadPlanner):
    """Fills an empty state dictionary with all of a checkpoint, or with the entries of some names.

    Args:
        keys: what to load: names, or names of dictionaries (then all that is in them). All by default.
    """

    def __init__(self, keys: set[str] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = keys

    def _wanted(self, name: str, metadata: Metadata) -> bool:
        if self.keys is None or name in self.keys:
            return True
        # Any dictionary on the way to the entry may be named.
        path = (metadata.planner_data or {}).get(name, ())
        return any(".".join(map(str, path[:length])) in self.keys for length in range(1, len(path)))

    def set_up_planner(
        self, state_dict: STATE_DICT_TYPE, metadata: Metadata | None = None, is_coordinator: bool = False
    ) -> None:
        if state_dict:
            raise AssertionError("the state dictionary has to be empty")
        if metadata is None:
            raise AssertionError("metadata must be provided")
        for name, entry in metadata.state_dict_metadata.items():
            if not self._wanted(name, metadata):
                continue
            value: Any = entry
            if isinstance(entry, TensorStorageMetadata):
                value = torch.empty(entry.size, dtype=entry.properties.dtype)
            mappings = metadata.planner_data or {}
            set_element(state_dict, mappings.get(name, (name,)), value)
        super().set_up_planner(state_dict, metadata, is_coordinator)
