"""Loading (``torch.distributed.checkpoint.state_dict_loader``)."""

from __future__ import annotations

import os
import warnings
from typing import Any

from mindtorch.distributed import distributed_c10d as dist
from mindtorch.distributed.checkpoint._bc import storage_may_come_second
from mindtorch.distributed.checkpoint._storage_utils import _storage_setup
from mindtorch.distributed.checkpoint.default_planner import DefaultLoadPlanner, _EmptyStateDictLoadPlanner
from mindtorch.distributed.checkpoint.metadata import STATE_DICT_TYPE
from mindtorch.distributed.checkpoint.planner import LoadPlan, LoadPlanner
from mindtorch.distributed.checkpoint.stateful import Stateful
from mindtorch.distributed.checkpoint.storage import StorageReader
from mindtorch.distributed.checkpoint.utils import _DistWrapper

__all__ = ["load", "load_state_dict"]


@storage_may_come_second("storage_reader")
def load(
    state_dict: STATE_DICT_TYPE,
    *,
    checkpoint_id: str | os.PathLike[str] | None = None,
    storage_reader: StorageReader | None = None,
    planner: LoadPlanner | None = None,
    process_group: Any = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> None:
    """Fill a state dictionary from a checkpoint, in place; every rank of the group calls it.

    Each rank reads what its tensors need, however they were cut when they were saved. Objects with
    ``load_state_dict`` are given their state.

    Args:
        checkpoint_id: the directory; it may be left out when the reader knows it.
        storage_reader: default: ``FileSystemReader(checkpoint_id)``.
        planner: default: ``DefaultLoadPlanner()``.
        process_group: the ranks that take part; default: all.
        no_dist: this process alone. So it is without ``init_process_group``, with a warning.
        use_collectives: False: read what this rank wrote without collectives.

    Raises:
        CheckpointException: a rank failed (a missing entry, a size that differs, no checkpoint); it is raised on all
            of them.
    """
    no_dist = no_dist or not dist.is_initialized()
    if no_dist:
        warnings.warn(
            "torch.distributed is disabled, unavailable or uninitialized, assuming the intent is to load in a single "
            "process.",
            stacklevel=3,
        )
    reader = _storage_setup(storage_reader, checkpoint_id, reader=True)
    # The ranks must ask for the objects' states in one order: taking a state may be collective.
    names = sorted(state_dict) if no_dist else _all_names(state_dict, process_group)
    states = {
        name: state_dict[name].state_dict() if isinstance(state_dict[name], Stateful) else state_dict[name]
        for name in names
        if name in state_dict
    }
    _load_state_dict(states, reader, process_group, 0, no_dist, planner, use_collectives)
    for name in names:
        if name not in state_dict:
            continue
        value = state_dict[name]
        if isinstance(value, Stateful):
            value.load_state_dict(states[name])
        else:
            state_dict[name] = states[name]


def load_state_dict(
    state_dict: dict[str, Any],
    storage_reader: StorageReader,
    process_group: Any = None,
    coordinator_rank: int = 0,
    no_dist: bool = False,
    planner: LoadPlanner | None = None,
) -> None:
    """The older form of :func:`load`."""
    warnings.warn(
        "`load_state_dict` is deprecated and will be removed in future versions. Please use `load` instead.",
        FutureWarning,
        stacklevel=2,
    )
    storage_reader.reset()
    _load_state_dict(state_dict, storage_reader, process_group, coordinator_rank, no_dist, planner)


def _all_names(state_dict: STATE_DICT_TYPE, group: Any) -> list[str]:
    """The names that any rank has, sorted."""
    everywhere: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(everywhere, list(state_dict), group=group)
    return sorted({name for names in everywhere for name in names})


def _load_state_dict(
    state_dict: dict[str, Any],
    storage_reader: StorageReader,
    process_group: Any = None,
    coordinator_rank: int = 0,
    no_dist: bool = False,
    planner: LoadPlanner | None = None,
    use_collectives: bool = True,
) -> None:
    wrapper = _DistWrapper(process_group, not no_dist, coordinator_rank)
    planner = DefaultLoadPlanner() if planner is None else planner
    # Readers that know nothing of ranks are called as ever.
    ranks = {} if use_collectives else {"rank": wrapper.rank, "use_collectives": False}

    def local_step() -> LoadPlan:
        metadata = storage_reader.read_metadata(**({} if use_collectives else {"rank": wrapper.rank}))
        planner.set_up_planner(state_dict, metadata, wrapper.is_coordinator)
        storage_reader.set_up_storage_reader(metadata, wrapper.is_coordinator, **ranks)
        return storage_reader.prepare_local_plan(planner.create_local_plan())

    def global_step(plans: list[LoadPlan]) -> list[LoadPlan]:
        return storage_reader.prepare_global_plan(planner.create_global_plan(plans))

    if use_collectives:
        plan = wrapper.reduce_scatter("plan", local_step, global_step)
    else:
        [plan] = global_step([local_step()])

    def read() -> None:
        storage_reader.read_data(planner.finish_plan(plan), planner).wait()

    if use_collectives:
        wrapper.all_gather("read", read)
    else:
        read()
        wrapper.barrier()


def _load_state_dict_from_keys(
    keys: set[str] | str | None = None,
    *,
    checkpoint_id: str | os.PathLike[str] | None = None,
    storage_reader: StorageReader | None = None,
    process_group: Any = None,
) -> dict[str, Any]:
    """Entries of a checkpoint by name, without a state dictionary to fill; all of them without names."""
    reader = _storage_setup(storage_reader, checkpoint_id, reader=True)
    state_dict: dict[str, Any] = {}
    _load_state_dict(
        state_dict, reader, process_group, no_dist=not dist.is_initialized(),
        planner=_EmptyStateDictLoadPlanner({keys} if isinstance(keys, str) else keys),
    )  # fmt: skip
    return state_dict
