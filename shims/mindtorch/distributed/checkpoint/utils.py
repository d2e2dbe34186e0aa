"""Helpers of distributed checkpoints (``torch.distributed.checkpoint.utils``)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch.distributed import distributed_c10d as dist
from mindtorch.distributed._shard.sharded_tensor import ShardedTensor
from mindtorch.distributed.checkpoint.api import CheckpointException, _wrap_exception
from mindtorch.distributed.checkpoint.metadata import MetadataIndex

__all__ = ["find_state_dict_object", "find_tensor_shard"]


def _is_wrapped_exception(obj: Any) -> bool:
    """Whether ``obj`` is an (error, stack) pair as ``_wrap_exception`` makes."""
    return isinstance(obj, tuple) and len(obj) == 2 and isinstance(obj[0], BaseException)


def _get_failure_dict(results: list[Any]) -> dict[int, Any]:
    """The errors among the ranks' results, by rank."""
    return {rank: result for rank, result in enumerate(results) if _is_wrapped_exception(result)}


def _attempt(function: Callable[[], Any]) -> Any:
    """The function's value, or its error in a form that can be sent: all ranks are to hear of it."""
    try:
        return function()
    except BaseException as error:
        return _wrap_exception(error)


def _or_raise(result: Any) -> Any:
    if isinstance(result, CheckpointException):
        raise result
    return result


class _DistWrapper:
    """Steps that all ranks of a group take together; without ``use_dist``, this process alone.

    Errors of any rank become a ``CheckpointException`` on all of them.
    """

    def __init__(self, group: Any, use_dist: bool, coordinator_rank: int) -> None:
        self.group = group
        self.use_dist = use_dist
        self.coordinator_rank = coordinator_rank
        self.global_coordinator_rank = self.rank = 0
        self.is_coordinator = True
        if use_dist:
            self.rank = dist.get_rank(group)
            self.global_coordinator_rank = (
                coordinator_rank if group is None else dist.get_global_rank(group, coordinator_rank)
            )
            self.is_coordinator = self.rank == coordinator_rank

    def get_rank(self) -> int:
        """This process's rank in the group."""
        return self.rank

    def get_world_size(self) -> int:
        """The group's size."""
        return dist.get_world_size(self.group) if self.use_dist else 1

    def broadcast_object(self, object: Any) -> Any:
        """The coordinator's object."""
        box = [object]
        if self.use_dist:
            dist.broadcast_object_list(box, src=self.global_coordinator_rank, group=self.group)
        return box[0]

    def gather_object(self, object: Any) -> list[Any] | None:
        """All ranks' objects on the coordinator; None elsewhere."""
        if not self.use_dist:
            return [object]
        everything: list[Any] | None = [None] * self.get_world_size() if self.is_coordinator else None
        dist.gather_object(object, everything, dst=self.global_coordinator_rank, group=self.group)
        return everything

    def all_gather_object(self, object: Any) -> list[Any]:
        """All ranks' objects."""
        if not self.use_dist:
            return [object]
        everything: list[Any] = [None] * self.get_world_size()
        dist.all_gather_object(everything, object, group=self.group)
        return everything

    def scatter_object(self, object_list: list[Any] | None) -> Any:
        """This rank's one of the coordinator's objects."""
        if not self.use_dist:
            assert object_list is not None
            return object_list[0]
        mine: list[Any] = [None]
        given = object_list if self.is_coordinator else None
        dist.scatter_object_list(mine, given, src=self.global_coordinator_rank, group=self.group)
        return mine[0]

    def _reduced(self, step: str, map_fun: Callable[[], Any], reduce_fun: Callable[[list[Any]], Any]) -> Any:
        """On the coordinator ``reduce_fun`` of all ranks' ``map_fun()``, or the exception that tells what failed."""
        everything = self.gather_object(_attempt(map_fun))
        if everything is None:
            return None
        failures = _get_failure_dict(everything)
        if not failures:
            result = _attempt(lambda: reduce_fun(everything))
            if not _is_wrapped_exception(result):
                return result
            failures = {self.rank: result}
        return CheckpointException(step, failures)

    def reduce_scatter(self, step: str, map_fun: Callable[[], Any], reduce_fun: Callable[[list[Any]], Any]) -> Any:
        """``reduce_fun`` of all ranks' ``map_fun()``, computed on the coordinator: its item for this rank."""
        result = self._reduced(step, map_fun, reduce_fun)
        if isinstance(result, CheckpointException):
            result = [result] * self.get_world_size()
        return _or_raise(self.scatter_object(result))

    def all_reduce(self, step: str, map_fun: Callable[[], Any], reduce_fun: Callable[[list[Any]], Any]) -> Any:
        """``reduce_fun`` of all ranks' ``map_fun()``, computed on the coordinator, everywhere."""
        return _or_raise(self.broadcast_object(self._reduced(step, map_fun, reduce_fun)))

    def all_gather(self, step: str, map_fun: Callable[[], Any]) -> list[Any]:
        """All ranks' ``map_fun()``."""
        results = self.all_gather_object(_attempt(map_fun))
        failures = _get_failure_dict(results)
        if failures:
            raise CheckpointException(step, failures)
        return results

    def broadcast(self, step: str, map_fun: Callable[[], Any]) -> Any:
        """The coordinator's ``map_fun()``."""
        result = None
        if self.is_coordinator:
            result = _attempt(map_fun)
            if _is_wrapped_exception(result):
                result = CheckpointException(step, {self.rank: result})
        return _or_raise(self.broadcast_object(result))

    def barrier(self) -> None:
        """Wait for all ranks."""
        if self.use_dist:
            dist.barrier(group=self.group)


def find_tensor_shard(tensor: Any, index: MetadataIndex) -> Any:
    """The part of a tensor that ``index`` means. Raises ValueError when there is none."""
    if hasattr(tensor, "__get_tensor_shard__"):
        return tensor.__get_tensor_shard__(index)
    if isinstance(tensor, ShardedTensor):
        if index.offset is None:
            raise ValueError(f"Cannot lookup {index.fqn} since its a ShardedTensor and no offset was provided")
        for shard in tensor.local_shards():
            if torch.Size(shard.metadata.shard_offsets) == index.offset:
                return shard.tensor
        raise ValueError(f"Could not find shard at '{index.offset}' for FQN: '{index.fqn}'")
    if index.offset is not None and any(index.offset):
        raise ValueError(f"FQN: '{index.fqn}' is not a ShardedTensor, can't find by offset: '{index.offset}'")
    return tensor


def find_state_dict_object(state_dict: dict[str, Any], index: MetadataIndex) -> Any:
    """The entry, or the part of it, that ``index`` means. Raises ValueError when there is none."""
    if index.fqn not in state_dict:
        raise ValueError(f"Could not find FQN: '{index.fqn}'")
    found = state_dict[index.fqn]
    if isinstance(found, torch.Tensor):
        return find_tensor_shard(found, index)
    if index.offset is not None:
        raise ValueError(f"FQN: '{index.fqn}' is not a ShardedTensor, can't find by offset: '{index.offset}'")
    return found


class _ReaderView(io.RawIOBase):
    """A part of a binary file, read as a file of its own."""

    def __init__(self, base_stream: Any, offset: int, len: int) -> None:
        super().__init__()
        self.base_stream = base_stream
        self.offset = offset
        self.len = len
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell() if whence == os.SEEK_CUR else 0, os.SEEK_END: self.len}
        return self.base_stream.seek(self.offset + start[whence] + offset) - self.offset

    def tell(self) -> int:
        return self.base_stream.tell() - self.offset

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.base_stream.seekable()

    def readinto(self, b: Any) -> int:
        return self.base_stream.readinto(memoryview(b)[: max(self.len - self.tell(), 0)])


def _create_file_view(file: Any, offset: int, length: int) -> _ReaderView:
    return _ReaderView(file, offset, length)
