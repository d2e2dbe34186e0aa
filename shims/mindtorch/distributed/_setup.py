"""Making and unmaking process groups."""

from __future__ import annotations

import hashlib
import numbers
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

import mindtorch as torch
from mindtorch.distributed import _watch
from mindtorch.distributed._backends import (
    check_launched,
    check_world_size,
    create_backend,
    store_of_mpi_world,
)
from mindtorch.distributed._flight import recorder
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
from mindtorch.distributed._join import all_here
from mindtorch.distributed._mpi import world_from_environment
from mindtorch.distributed._types import Backend, default_pg_nccl_timeout, default_pg_timeout
from mindtorch.distributed.store import FileStore, HashStore, PrefixStore, Store, TCPStore

__all__ = ["destroy_process_group", "init_process_group", "new_group", "new_subgroups", "rendezvous", "split_group"]

_KNOWN = (Backend.GLOO, Backend.NCCL, Backend.MPI, Backend.UCC, Backend.XCCL, Backend.HCCL, "fake")


_initialised = [0]  # how often a world of several processes was made
_made: dict[str, int] = {}  # how often a group of each name was


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


def _default_timeout(name: str) -> timedelta:
    return default_pg_nccl_timeout if "nccl" in name else default_pg_timeout


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: "
            f"environment variable {name} expected, but not set"
        )
    return value


def _number(query: dict[str, str], name: str, given: int, scheme: str) -> int:
    """Rank or world size, of the URL's query or of the caller."""
    value = int(query.get(name, given))
    if value == -1:
        raise ValueError(
            f"Error initializing torch.distributed using {scheme}:// rendezvous: {name.replace('_', ' ')} "
            "parameter missing"
        )
    return value


def _rendezvous_in_environment(rank: int, world_size: int, timeout: timedelta) -> tuple[Store, int, int]:
    given = world_from_environment()
    if given is not None:
        # What a launcher of torchrun's kind set goes before what mpiexec set.
        rank = int(os.environ.get("RANK", given[0])) if rank == -1 else rank
        world_size = int(os.environ.get("WORLD_SIZE", given[1])) if world_size == -1 else world_size
    rank = int(_environment("RANK")) if rank == -1 else rank
    world_size = int(_environment("WORLD_SIZE")) if world_size == -1 else world_size
    if given is not None and world_size > 1:
        check_world_size(given[1], world_size)
    if given is not None and not {"MASTER_ADDR", "MASTER_PORT"} & os.environ.keys():
        return (HashStore() if world_size == 1 else store_of_mpi_world(rank, world_size, timeout)), rank, world_size
    # Asked for even where one process needs no address: the same mistake shows with one rank and with many.
    host, port = _environment("MASTER_ADDR"), int(_environment("MASTER_PORT"))
    if world_size == 1:
        return HashStore(), rank, world_size
    launcher_serves = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    serves = rank == 0 and not launcher_serves
    store = TCPStore(host, port, None, serves, timeout, wait_for_workers=False, multi_tenant=True)
    return store, rank, world_size


def rendezvous(
    url: str, rank: int = -1, world_size: int = -1, timeout: timedelta = default_pg_timeout, **kwargs: Any
) -> Iterator[tuple[Store, int, int]]:
    """Where the ranks meet: an iterator over one (store, rank, world size), of 'env://', 'tcp://host:port' or
    'file:///path'. Nothing happens before it is asked for the first; it has no second (RuntimeError).

    ``rank`` and ``world_size`` may also stand in the URL's query; for env:// in RANK and WORLD_SIZE or, where these are
    missing, in what mpiexec set.
    """
    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    for name, value in (("rank", rank), ("world_size", world_size)):
        if not isinstance(value, numbers.Integral):
            raise RuntimeError(f"`{name}` must be an integer. {value}")
    scheme = urlparse(url).scheme
    if scheme not in ("env", "tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {scheme}://")
    return _one_meeting(url, scheme, rank, world_size, timeout)


def _one_meeting(
    url: str, scheme: str, rank: int, world_size: int, timeout: timedelta
) -> Iterator[tuple[Store, int, int]]:
    yield _meet(url, rank, world_size, timeout)
    raise RuntimeError(f"Unable to perform re-rendezvous using {scheme}:// method")


def _meet(url: str, rank: int, world_size: int, timeout: timedelta) -> tuple[Store, int, int]:
    parts = urlparse(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.scheme == "env":
        return _rendezvous_in_environment(
            int(query.get("rank", rank)), int(query.get("world_size", world_size)), timeout
        )
    if parts.scheme == "tcp" and parts.port is None:
        raise ValueError("Error initializing torch.distributed using tcp:// rendezvous: port number missing")
    rank = _number(query, "rank", rank, parts.scheme)
    world_size = _number(query, "world_size", world_size, parts.scheme)
    if parts.scheme == "tcp":
        host, port = parts.hostname or "", parts.port or 0
        store = TCPStore(host, port, None, rank == 0, timeout, wait_for_workers=False, multi_tenant=True)
        return store, rank, world_size
    store = FileStore(parts.path, world_size)
    store.set_timeout(timeout)
    return store, rank, world_size


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
        timeout: of every collective that is waited for, and of meeting (default: 30 minutes, with nccl 10).
        init_method: 'env://' (the default), 'tcp://host:port' or 'file:///path'; not together with ``store``.
        world_size, rank: from the environment when missing; required with ``store``.

    Raises:
        ValueError: initialised twice, or arguments that contradict each other.
        NotImplementedError: more than one rank, in processes that no launcher started together.
    """
    if GroupMember.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise ValueError("Cannot specify both init_method and store.")
    name = _backend_name(backend)
    if timeout is not None and not isinstance(timeout, timedelta):
        raise TypeError(f"Expected timeout argument to be of typedatetime.timedelta, got {timeout}")
    timeout = timeout or _default_timeout(name)
    if store is not None:
        if world_size <= 0:
            raise ValueError("world_size must be positive if using store")
        if rank < 0:
            raise ValueError("rank must be non-negative if using store")
    else:
        init_method = "env://" if init_method is None else init_method
        store, rank, world_size = next(rendezvous(init_method, rank, world_size, timeout))
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} does not exist in a world of size {world_size}")
    check_launched(name, world_size)
    store.set_timeout(timeout)
    if world_size > 1:
        own = PrefixStore(f"mindtorch/{_initialised[0]}", store)
        all_here(own, rank, list(range(world_size)), timeout, "init_process_group")
        _initialised[0] += 1
        recorder.rank = rank
        _watch.start(own, rank, world_size)
    store = PrefixStore("default_pg", store)
    pg = ProcessGroup(
        create_backend(name, rank, world_size, store, timeout),
        list(range(world_size)),
        group_name or "0",
        name,
        "default_pg",
    )
    pg._backend.timeout = timeout
    pg.bound_device_id = device_id
    world.default_pg = pg
    world.default_pg_init_method = init_method
    world.register(pg, store)
    world.group_count += 1


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
        if not ranks:
            raise ValueError("the new group has no ranks")
        if len(ranks) > world_size:
            raise ValueError(
                "the new group's world size should be less or equal to the world size set by init_process_group"
            )
        if any(rank < 0 or rank >= world_size for rank in ranks):
            raise ValueError("The new group's rank should be within the world_size set by init_process_group")
        if len(set(ranks)) != len(ranks):
            raise ValueError(f"the new group's ranks are not unique: {ranks}")
    # Counted on every rank, in the group or not: names have to agree.
    group_name = _next_name(ranks, use_local_synchronization)
    limit = timeout or default._backend.timeout
    if not use_local_synchronization:
        default._backend.agree("new_group", (group_name, str(ranks)), limit)
    if default.rank() not in ranks:
        return GroupMember.NON_GROUP_MEMBER
    if use_local_synchronization:
        _members_here(ranks, group_name, limit)
    rank = ranks.index(default.rank())
    backend_of_group = default._backend.new_group(rank, ranks)
    return _register(backend_of_group, ranks, group_name, name, timeout, group_desc, device_id)


def _next_name(ranks: list[int], hashed: bool = False) -> str:
    """A name that no group has; ``hashed``: one that depends on groups of these ranks only."""
    if not hashed:
        world.group_count += 1
        return str(world.group_count - 1)
    name = hashlib.sha1("_".join(map(str, ranks)).encode()).hexdigest()
    while name in world.pg_names.values():
        name = hashlib.sha1(f"{name}_".encode()).hexdigest()
    return name


def _members_here(ranks: list[int], name: str, timeout: timedelta) -> None:
    """Wait until all members of a group that only they make have come to it; DistStoreError names those missing."""
    default = default_group()
    if len(ranks) > 1:
        _made[name] = _made.get(name, 0) + 1
        store = PrefixStore(f"members/{_initialised[0]}/{_made[name]}", world.pg_map[default][1])
        all_here(store, default.rank(), ranks, timeout, f"making group {name}", ranks[0])


def _register(
    backend: Any, ranks: list[int], name: str, backend_name: str, timeout: Any, desc: str | None, device_id: Any
) -> ProcessGroup:
    default = default_group()
    backend.timeout = timeout or default._backend.timeout
    pg = ProcessGroup(backend, ranks, name, backend_name, desc or "undefined")
    pg.bound_device_id = device_id
    world.register(pg, PrefixStore(f"{name}/", world.pg_map[default][1]))
    return pg


def split_group(
    parent_pg: Any = None,
    split_ranks: list[list[int]] | None = None,
    timeout: timedelta | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> Any:
    """A group of some of the ranks of ``parent_pg``, without the others.

    Args:
        split_ranks: group ranks of the parent, for each of the new groups.

    Returns:
        The group that this rank is in; None if it is in none.
    """
    parent = group_or_default(parent_pg)
    if not split_ranks:
        raise ValueError("split_ranks cannot be None or empty")
    members = [rank for ranks in split_ranks for rank in ranks]
    if len(set(members)) != len(members):
        raise ValueError("the split group's ranks should be unique")
    if any(not 0 <= rank < parent.size() for rank in members):
        raise ValueError("the split group's ranks should be within the parent group")
    names = [_next_name(ranks) for ranks in split_ranks]
    for ranks, name in zip(split_ranks, names, strict=True):
        if parent.rank() in ranks:
            ordered = sorted(ranks)
            global_ranks = [parent._ranks[rank] for rank in ordered]
            _members_here(global_ranks, name, timeout or parent._backend.timeout)
            backend = parent._backend.new_group(ordered.index(parent.rank()), ordered)
            return _register(
                backend, global_ranks, name, parent.name(), timeout or parent._backend.timeout, group_desc, None
            )
    return None


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
    _watch.stop()
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
    """LOCAL_RANK, what mpiexec set, or ``fallback_rank``; RuntimeError if there is none."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    given = world_from_environment()
    if given is not None:
        return given[2]
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )
