"""Saving (``torch.distributed.checkpoint.state_dict_saver``)."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mindtorch.distributed import distributed_c10d as dist
from mindtorch.distributed.checkpoint._bc import storage_may_come_second
from mindtorch.distributed.checkpoint._storage_utils import _storage_setup
from mindtorch.distributed.checkpoint.default_planner import DefaultSavePlanner
from mindtorch.distributed.checkpoint.metadata import STATE_DICT_TYPE, Metadata
from mindtorch.distributed.checkpoint.planner import SavePlan, SavePlanner
from mindtorch.distributed.checkpoint.staging import AsyncStager, DefaultStager, StagingOptions
from mindtorch.distributed.checkpoint.stateful import Stateful
from mindtorch.distributed.checkpoint.storage import StorageWriter
from mindtorch.distributed.checkpoint.utils import _DistWrapper

__all__ = ["AsyncCheckpointerType", "AsyncSaveResponse", "async_save", "save", "save_state_dict"]


class AsyncCheckpointerType(Enum):
    """Where ``async_save`` works."""

    THREAD = "thread"
    PROCESS = "process"


@dataclass
class AsyncSaveResponse:
    """Futures of the copy of the state, and of its saving."""

    staging_completion: Future[None]
    upload_completion: Future[Any]


@storage_may_come_second("storage_writer")
def save(
    state_dict: STATE_DICT_TYPE,
    *,
    checkpoint_id: str | os.PathLike[str] | None = None,
    storage_writer: StorageWriter | None = None,
    planner: SavePlanner | None = None,
    process_group: Any = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> Metadata:
    """Save a state dictionary, every rank its own part; every rank of the group calls it.

    ShardedTensors are saved in their shards, and what is equally named on several ranks once. Objects with
    ``state_dict`` stand for their state.

    Args:
        checkpoint_id: the directory; it may be left out when the writer knows it.
        storage_writer: default: ``FileSystemWriter(checkpoint_id)``.
        planner: default: ``DefaultSavePlanner()``.
        process_group: the ranks that take part; default: all.
        no_dist: this process alone. So it is without ``init_process_group``, with a warning.
        use_collectives: False: each rank writes a checkpoint of its own, described in ``__<rank>.metadata``.

    Returns:
        The description (on the coordinator, rank 0; of each rank without collectives).

    Raises:
        CheckpointException: a rank failed; it is raised on all of them.
    """
    no_dist = no_dist or not dist.is_initialized()
    if no_dist:
        warnings.warn(
            "torch.distributed is disabled, unavailable or uninitialized, assuming the intent is to save in a single "
            "process.",
            stacklevel=3,
        )
    writer = _storage_setup(storage_writer, checkpoint_id, reader=False)
    return _save_state_dict(
        _stateful_to_state_dict(state_dict), writer, process_group, 0, no_dist, planner, use_collectives
    )


def save_state_dict(
    state_dict: STATE_DICT_TYPE,
    storage_writer: StorageWriter,
    process_group: Any = None,
    coordinator_rank: int = 0,
    no_dist: bool = False,
    planner: SavePlanner | None = None,
) -> Metadata:
    """The older form of :func:`save`."""
    warnings.warn(
        "`save_state_dict` is deprecated and will be removed in future versions.Please use `save` instead.",
        FutureWarning,
        stacklevel=2,
    )
    storage_writer.reset()
    return _save_state_dict(state_dict, storage_writer, process_group, coordinator_rank, no_dist, planner)


def async_save(
    state_dict: STATE_DICT_TYPE,
    *,
    checkpoint_id: str | os.PathLike[str] | None = None,
    storage_writer: StorageWriter | None = None,
    planner: SavePlanner | None = None,
    process_group: Any = None,
    async_checkpointer_type: AsyncCheckpointerType = AsyncCheckpointerType.THREAD,
    async_stager: AsyncStager | None = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> Future[Any] | AsyncSaveResponse:
    """:func:`save` of a copy, in a thread. The copy is made before this returns (by the writer, if it is a stager).

    Only one such call may be under way: wait for the last one's future.

    Returns:
        A ``concurrent.futures.Future`` of the description; with a stager that gives a future, an
        ``AsyncSaveResponse``.

    Raises:
        NotImplementedError: for a process instead of a thread.
    """
    if async_checkpointer_type != AsyncCheckpointerType.THREAD:
        raise NotImplementedError(
            "torch.distributed.checkpoint.async_save in a process is not supported: use AsyncCheckpointerType.THREAD"
        )
    stager = async_stager
    if stager is None:
        own = isinstance(storage_writer, AsyncStager)
        stager = storage_writer if own else DefaultStager(StagingOptions(False, False, False, False))  # type: ignore[assignment]
    assert stager is not None
    staged = stager.stage(_stateful_to_state_dict(state_dict))

    def work() -> Metadata:
        return save(
            staged.result() if isinstance(staged, Future) else staged,
            checkpoint_id=checkpoint_id,
            storage_writer=storage_writer,
            planner=planner,
            process_group=process_group,
            no_dist=no_dist,
            use_collectives=use_collectives,
        )

    executor = ThreadPoolExecutor(1, thread_name_prefix="async_save")
    saved = executor.submit(work)
    executor.shutdown(wait=False)
    if isinstance(staged, Future):
        copied: Future[None] = Future()
        staged.add_done_callback(lambda done: _pass_on(done, copied))
        return AsyncSaveResponse(copied, saved)
    if stager.should_synchronize_after_execute:
        stager.synchronize_staging()
    return saved


def _pass_on(done: Future[Any], to: Future[None]) -> None:
    error = done.exception()
    if error is None:
        to.set_result(None)
    else:
        to.set_exception(error)


def _stateful_to_state_dict(state_dict: STATE_DICT_TYPE) -> STATE_DICT_TYPE:
    """The dictionary with states in the place of the objects that have one."""
    return {name: value.state_dict() if isinstance(value, Stateful) else value for name, value in state_dict.items()}


def _save_state_dict(
    state_dict: STATE_DICT_TYPE,
    storage_writer: StorageWriter,
    process_group: Any = None,
    coordinator_rank: int = 0,
    no_dist: bool = False,
    planner: SavePlanner | None = None,
    use_collectives: bool = True,
) -> Metadata:
    wrapper = _DistWrapper(process_group, not no_dist, coordinator_rank)
    planner = DefaultSavePlanner() if planner is None else planner
    description: Metadata | None = None

    def local_step() -> SavePlan:
        storage_meta = storage_writer.storage_meta()
        planner.set_up_planner(state_dict, storage_meta, wrapper.is_coordinator)
        storage_writer.set_up_storage_writer(wrapper.is_coordinator, rank=wrapper.rank, use_collectives=use_collectives)
        return storage_writer.prepare_local_plan(planner.create_local_plan())

    def global_step(plans: list[SavePlan]) -> list[SavePlan]:
        nonlocal description
        plans, description = planner.create_global_plan(plans)
        return storage_writer.prepare_global_plan(plans)

    if use_collectives:
        plan = wrapper.reduce_scatter("plan", local_step, global_step)
    else:
        [plan] = global_step([local_step()])
    finished = planner.finish_plan(plan)

    def write() -> Any:
        return storage_writer.write_data(finished, planner).wait()

    def finish(results: list[Any]) -> Metadata:
        assert description is not None
        storage_writer.finish(metadata=description, results=results)
        return description

    if use_collectives:
        return wrapper.all_reduce("write", write, finish)
    description = finish([write()])
    wrapper.barrier()
    return description
