"""Making and unmaking process groups."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

import mindtorch as torch
from mindtorch.distributed._group import (
    GroupMember,
    ProcessGroup,
    default_group,
    get_rank,
    get_world_size,
    group_or_default,
    not_in_group,
    world,
)
from mindtorch.distributed._types import Backend
from mindtorch.distributed.backend import create_backend
from mindtorch.distributed.store import FileStore, HashStore, PrefixStore, Store, TCPStore

__all__ = ["destroy_process_group", "init_process_group", "new_group", "new_subgroups", "rendezvous"]

_KNOWN = (Backend.GLOO, Backend.NCCL, Backend.MPI, Backend.UCC, Backend.XCCL, Backend.HCCL, "fake")


def _default_backend_name() -> str:
    return Backend.NCCL if torch.cuda.is_available() else Backend.GLOO


def _backend_name(backend: str | None) -> str:
    """Check what the user asked for ('nccl', 'cpu:gloo,cuda:nccl', None); in lower case."""
    if backend is None or str(backend).lower() == Backend.UNDEFINED:
        return _default_backend_name()
    name = str(backend).lower()
    for part in name.split(","):
        kind = part.partition(":")[2] or part
        if kind not in _KNOWN:
            raise ValueError(f"Unknown c10d backend type {backend!r}: known are {', '.join(_KNOWN)}")
    return name


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: "
            f"environment variable {name} expected, but not set"
        )
    return value


def rendezvous(url: str, rank: int = -1, world_size: int = -1, **kwargs: Any) -> tuple[Store, int, int]:
    """Where the ranks meet: (store, rank, world size) of 'env://', 'tcp://host:port' or 'file:///path'.

    ``rank`` and ``world_size`` may also stand in the URL's query, and for env:// in RANK and WORLD_SIZE.
    """
    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    parts = urlparse(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    rank = int(query.get("rank", rank))
    world_size = int(query.get("world_size", world_size))
    if parts.scheme == "env":
        rank = int(_environment("RANK")) if rank == -1 else rank
        world_size = int(_environment("WORLD_SIZE")) if world_size == -1 else world_size
        # Asked for even where one process needs no address: the same mistake shows with one rank and with many.
        _environment("MASTER_ADDR")
        int(_environment("MASTER_PORT"))
        return HashStore(), rank, world_size
    if parts.scheme == "tcp":
        if parts.port is None:
            raise ValueError("Error initializing torch.distributed using tcp:// rendezvous: port number missing")
        if rank == -1 or world_size == -1:
            missing = "rank" if rank == -1 else "world size"
            raise ValueError(
                f"Error initializing torch.distributed using tcp:// rendezvous: {missing} parameter missing"
            )
        return TCPStore(parts.hostname or "", parts.port, world_size, rank == 0), rank, world_size
    if parts.scheme == "file":
        if rank == -1 or world_size == -1:
            missing = "rank" if rank == -1 else "world size"
            raise ValueError(
                f"Error initializing torch.distributed using file:// rendezvous: {missing} parameter missing"
            )
        return FileStore(parts.path, world_size), rank, world_size
    raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the default group.

    Args:
        backend: 'nccl', 'gloo', 'hccl', 'mpi', ...: all mean the collectives library of this host; the name is what
            ``get_backend`` answers.
        init_method: 'env://' (the default), 'tcp://host:port' or 'file:///path'; not together with ``store``.
        world_size, rank: from the environment when missing; required with ``store``.

    Raises:
        ValueError: initialised twice, or arguments that contradict each other.
        NotImplementedError: more than one rank.
    """
    if GroupMember.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise ValueError("Cannot specify both init_method and store.")
    name = _backend_name(backend)
    if store is not None:
        if world_size <= 0:
            raise ValueError("world_size must be positive if using store")
        if rank < 0:
            raise ValueError("rank must be non-negative if using store")
    else:
        init_method = "env://" if init_method is None else init_method
        store, rank, world_size = rendezvous(init_method, rank, world_size)
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} does not exist in a world of size {world_size}")
    if timeout is not None:
        if not isinstance(timeout, timedelta):
            raise TypeError(f"Expected timeout argument to be of typedatetime.timedelta, got {timeout}")
        store.set_timeout(timeout)
    store = PrefixStore("default_pg", store)
    pg = ProcessGroup(
        create_backend(name, rank, world_size, store), list(range(world_size)), group_name or "0", name, "default_pg"
    )
    pg.bound_device_id = device_id
    world.default_pg = pg
    world.default_pg_init_method = init_method
    world.register(pg, store)


def new_group(
    ranks: list[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
) -> Any:
    """A group of the global ``ranks`` (None: all). Every rank has to call it, whether in the group or not.

    Returns:
        The group, or ``GroupMember.NON_GROUP_MEMBER`` if this rank is not in it.
    """
    default = default_group()
    world_size = default.size()
    name = default.name() if backend is None else _backend_name(backend)
    if ranks is None:
        ranks = list(range(world_size))
    else:
        ranks = sorted(ranks)
        if len(ranks) > world_size:
            raise ValueError(
                "the new group's world size should be less or equal to the world size set by init_process_group"
            )
        if any(rank < 0 or rank >= world_size for rank in ranks):
            raise ValueError("The new group's rank should be within the world_size set by init_process_group")
        if len(set(ranks)) != len(ranks):
            raise ValueError(f"the new group's ranks are not unique: {ranks}")
    if default.rank() not in ranks:
        return GroupMember.NON_GROUP_MEMBER
    rank = ranks.index(default.rank())
    group_name = str(world.group_count)
    pg = ProcessGroup(default._backend.new_group(rank, ranks), ranks, group_name, name, group_desc or "undefined")
    pg.bound_device_id = device_id
    world.register(pg, PrefixStore(f"{group_name}/", world.pg_map[default][1]))
    return pg


def new_subgroups(
    group_size: int | None = None,
    group: Any = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Split the ranks into consecutive groups of ``group_size``: (the group of this rank, all groups)."""
    if group_size is None:
        group_size = torch.cuda.device_count()
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    size = get_world_size()
    if size < group_size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size ({size})")
    if size % group_size != 0:
        raise ValueError(f"The world size ({size}) must be divisible by '{group_size=}'")
    parts = [list(range(start, start + group_size)) for start in range(0, size, group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: list[list[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Groups of the given ranks: (the group of this rank or None, all groups)."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    seen: set[int] = set()
    current = None
    groups = []
    for ranks in ranks_per_subgroup_list:
        twice = seen.intersection(ranks)
        if twice:
            raise ValueError(f"Rank {min(twice)} has appeared in more than one subgroup")
        seen.update(ranks)
        subgroup = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        groups.append(subgroup)
        if get_rank() in ranks:
            current = subgroup
    return current, groups


def destroy_process_group(group: Any = None) -> None:
    """Unmake ``group``; None or the default group: all groups."""
    if not_in_group(group):
        return
    pg = group_or_default(group)
    if pg not in world.pg_map:
        raise ValueError("Invalid process group specified or has been destroyed.")
    if pg is not GroupMember.WORLD:
        pg._backend.shutdown()
        world.forget(pg)
        return
    for member in list(world.pg_map):
        member._backend.shutdown()
    world.clear()


def is_available() -> bool:
    """Whether the package can be used: always."""
    return True


def is_initialized() -> bool:
    """Whether there is a default group."""
    return GroupMember.WORLD is not None


def _always(value: bool, doc: str) -> Callable[[], bool]:
    def answer() -> bool:
        return value

    answer.__doc__ = doc
    return answer


# All names are accepted and served by the one library of the host, so all of them are there.
is_nccl_available = _always(True, "Whether 'nccl' can be asked for.")
is_gloo_available = _always(True, "Whether 'gloo' can be asked for.")
is_mpi_available = _always(True, "Whether 'mpi' can be asked for.")
is_hccl_available = _always(True, "Whether 'hccl' can be asked for.")
is_ucc_available = _always(False, "Whether 'ucc' can be asked for.")
is_xccl_available = _always(False, "Whether 'xccl' can be asked for.")


def is_backend_available(backend: str) -> bool:
    """Whether ``backend`` can be asked for."""
    return backend.lower() in ("nccl", "gloo", "mpi", "hccl")


def is_torchelastic_launched() -> bool:
    """Whether a launcher of torchrun's kind started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """LOCAL_RANK, or ``fallback_rank``; RuntimeError if there is neither."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )
