"""``torch.save`` files and distributed checkpoints, one into the other (``checkpoint.format_utils``)."""

from __future__ import annotations

import os
import sys
from typing import Any

import mindtorch as torch
from mindtorch.distributed import distributed_c10d as dist
from mindtorch.distributed._shard._utils import narrow_tensor_by_index
from mindtorch.distributed.checkpoint._nested_dict import flatten_state_dict
from mindtorch.distributed.checkpoint.default_planner import DefaultLoadPlanner, _EmptyStateDictLoadPlanner
from mindtorch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from mindtorch.distributed.checkpoint.metadata import (
    STATE_DICT_TYPE,
    Metadata,
    TensorProperties,
    TensorStorageMetadata,
)
from mindtorch.distributed.checkpoint.planner import LoadItemType, LoadPlan, LoadPlanner
from mindtorch.distributed.checkpoint.planner_helpers import _create_chunk_list
from mindtorch.distributed.checkpoint.state_dict_loader import _load_state_dict
from mindtorch.distributed.checkpoint.state_dict_saver import _save_state_dict
from mindtorch.distributed.checkpoint.storage import StorageReader
from mindtorch.futures import Future

__all__ = ["BroadcastingTorchSaveReader", "DynamicMetaLoadPlanner", "dcp_to_torch_save", "torch_save_to_dcp"]


def dcp_to_torch_save(dcp_checkpoint_dir: str | os.PathLike[str], torch_save_path: str | os.PathLike[str]) -> None:
    """Write all of a distributed checkpoint into one ``torch.save`` file; one process does it, in its memory."""
    state_dict: STATE_DICT_TYPE = {}
    _load_state_dict(
        state_dict, FileSystemReader(dcp_checkpoint_dir), no_dist=True, planner=_EmptyStateDictLoadPlanner()
    )
    torch.save(state_dict, torch_save_path)


def torch_save_to_dcp(torch_save_path: str | os.PathLike[str], dcp_checkpoint_dir: str | os.PathLike[str]) -> None:
    """Write a ``torch.save`` file of a dictionary as a distributed checkpoint. The file can name any code: trust it."""
    state_dict = torch.load(torch_save_path, map_location="cpu", weights_only=False)
    _save_state_dict(state_dict, FileSystemWriter(dcp_checkpoint_dir), no_dist=True)


class BroadcastingTorchSaveReader(StorageReader):
    """Fills sharded state from a ``torch.save`` file that the coordinator reads and broadcasts; tensors only.

    To be used with ``DynamicMetaLoadPlanner``, under an initialized process group.
    """

    def __init__(self, checkpoint_id: str | os.PathLike[str] | None = None, coordinator_rank: int = 0) -> None:
        self.checkpoint_id = checkpoint_id
        self.coordinator_rank = coordinator_rank

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        self.checkpoint_id = checkpoint_id

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """An empty description: the planner makes it from the state to fill."""
        return Metadata(state_dict_metadata={})

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        self.is_coordinator = is_coordinator
        assert not is_coordinator or dist.get_rank() == self.coordinator_rank
        assert self.checkpoint_id is not None

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future:
        assert isinstance(planner, DefaultLoadPlanner)
        stored: dict[str, Any] = {}
        if self.is_coordinator:
            stored = torch.load(self.checkpoint_id, map_location="cpu", weights_only=False)
            if planner.flatten_state_dict:
                stored, _ = flatten_state_dict(stored)
        for item in plan.items:
            name = item.storage_index.fqn
            if item.type == LoadItemType.BYTE_IO:
                raise RuntimeError(f"Non-tensor value identified at {name}: {type(self).__name__} loads tensors only")
            whole = planner.state_dict[name]
            tensor = stored[name] if self.is_coordinator else torch.empty(whole.size(), dtype=whole.dtype)
            dist.broadcast(tensor, src=self.coordinator_rank)
            part = narrow_tensor_by_index(tensor, item.storage_offsets, item.lengths)
            target = planner.resolve_tensor(item).detach()
            target.copy_(part)
            planner.commit_tensor(item, target)
        done = Future()
        done.set_result(None)
        return done

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return os.path.isfile(checkpoint_id)


class DynamicMetaLoadPlanner(DefaultLoadPlanner):
    """Describes the checkpoint by the state that is to be filled: for files without a description; tensors only."""

    def set_up_planner(
        self, state_dict: STATE_DICT_TYPE, metadata: Metadata | None = None, is_coordinator: bool = False
    ) -> None:
        super().set_up_planner(state_dict, metadata, is_coordinator)
        described: dict[str, Any] = {}
        for name, value in self.state_dict.items():
            if not isinstance(value, torch.Tensor):
                raise RuntimeError(f"Non-tensor value identified at {name}: {type(self).__name__} loads tensors only")
            described[name] = TensorStorageMetadata(
                TensorProperties(dtype=value.dtype), value.size(), _create_chunk_list(value)
            )
        self.metadata = Metadata(state_dict_metadata=described)


def _main(mode: str, source: str, target: str) -> None:
    """``python -m mindtorch.distributed.checkpoint.format_utils torch_to_dcp|dcp_to_torch SOURCE TARGET``."""
    if mode not in ("torch_to_dcp", "dcp_to_torch"):
        raise SystemExit(f"{mode}: expected torch_to_dcp or dcp_to_torch")
    (torch_save_to_dcp if mode == "torch_to_dcp" else dcp_to_torch_save)(source, target)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(_main.__doc__)
    _main(*sys.argv[1:])
