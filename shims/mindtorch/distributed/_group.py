"""Process groups and the registry of them (``torch.distributed.distributed_c10d``'s state)."""

from __future__ import annotations

from typing import Any, ClassVar

from mindtorch.distributed._types import ReduceOp, Work
from mindtorch.distributed.backend import CollectiveBackend

__all__ = ["GroupMember", "ProcessGroup", "World", "group", "group_or_default", "world"]


class ProcessGroup:
    """A set of ranks that communicate. Made by ``init_process_group`` and ``new_group``.

    Args:
        backend: carries out the collectives.
        ranks: global ranks, by group rank.
        name: unique name.
        backend_name: what ``get_backend`` answers.
    """

    def __init__(
        self, backend: CollectiveBackend, ranks: list[int], name: str, backend_name: str, desc: str = "undefined"
    ) -> None:
        self._backend = backend
        self._ranks = ranks
        self._backend_name = backend_name
        self.group_name = name
        backend.group_name = name
        self.group_desc = desc
        self.bound_device_id: Any = None

    def rank(self) -> int:
        """This process's rank in the group."""
        return self._backend.rank

    def size(self) -> int:
        """How many ranks there are."""
        return self._backend.size

    def name(self) -> str:
        """The backend's name."""
        return self._backend_name

    def _get_backend_name(self) -> str:
        return self._backend_name

    def _get_backend(self, device: Any) -> CollectiveBackend:
        return self._backend

    def _set_group_desc(self, desc: str) -> None:
        self.group_desc = desc

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} {self.group_name!r} of ranks {self._ranks}>"

    # The methods that PyTorch's groups have; options and lists of one tensor as there.

    @staticmethod
    def _op(opts: Any) -> Any:
        return getattr(opts, "reduceOp", ReduceOp.SUM) if not isinstance(opts, ReduceOp) else opts

    def allreduce(self, tensors: Any, opts: Any = None) -> Work:
        """Reduce one tensor (or a list of one) over the group, in place."""
        return self._backend.allreduce(_one(tensors), self._op(opts))

    def broadcast(self, tensors: Any, opts: Any = 0) -> Work:
        """Copy from the group rank ``opts`` (or ``opts.rootRank``)."""
        return self._backend.broadcast(_one(tensors), getattr(opts, "rootRank", opts))

    def allgather(self, output_tensors: Any, input_tensors: Any, opts: Any = None) -> Work:
        """Gather everybody's tensor, everywhere."""
        outputs = output_tensors[0] if isinstance(output_tensors[0], (list, tuple)) else output_tensors
        return self._backend.allgather(list(outputs), _one(input_tensors))

    def _allgather_base(self, output: Any, input: Any, opts: Any = None) -> Work:
        return self._backend.allgather_into(output, input)

    def _reduce_scatter_base(self, output: Any, input: Any, opts: Any = None) -> Work:
        return self._backend.reduce_scatter_into(output, input, self._op(opts))

    def barrier(self, opts: Any = None) -> Work:
        """Wait for everybody."""
        return self._backend.barrier()

    def send(self, tensors: Any, dst: int, tag: int = 0) -> Work:
        """Send to the group rank ``dst``."""
        return self._backend.send(_one(tensors), dst, tag)

    def recv(self, tensors: Any, src: int, tag: int = 0) -> Work:
        """Receive from the group rank ``src``."""
        return self._backend.recv(_one(tensors), src, tag)


def _one(tensors: Any) -> Any:
    if not isinstance(tensors, (list, tuple)):
        return tensors
    if len(tensors) != 1:
        raise ValueError(f"a process drives one device: expected one tensor, got {len(tensors)}")
    return tensors[0]


class World:
    """All groups of this process."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Back to the state before ``init_process_group``."""
        self.default_pg: ProcessGroup | None = None
        self.default_pg_init_method: str | None = None
        self.pg_map: dict[ProcessGroup, tuple[str, Any]] = {}
        self.pg_names: dict[ProcessGroup, str] = {}
        self.pg_group_ranks: dict[ProcessGroup, dict[int, int]] = {}
        self.pg_backend_config: dict[ProcessGroup, str] = {}
        self.tags_to_pg: dict[str, list[ProcessGroup]] = {}
        self.pg_to_tag: dict[ProcessGroup, str] = {}
        self.pg_coalesce_state: dict[ProcessGroup, list[Any]] = {}
        self.group_count = 0

    def register(self, pg: ProcessGroup, store: Any, tag: str = "") -> None:
        """Add a group."""
        self.pg_map[pg] = (pg.name(), store)
        self.pg_names[pg] = pg.group_name
        self.pg_group_ranks[pg] = {global_rank: i for i, global_rank in enumerate(pg._ranks)}
        self.pg_backend_config[pg] = pg.name()
        self.tags_to_pg.setdefault(tag, []).append(pg)
        self.pg_to_tag[pg] = tag

    def forget(self, pg: ProcessGroup) -> None:
        """Remove a group."""
        tag = self.pg_to_tag.pop(pg, None)
        if tag is not None:
            self.tags_to_pg[tag].remove(pg)
        for registry in (
            self.pg_map, self.pg_names, self.pg_group_ranks, self.pg_backend_config, self.pg_coalesce_state
        ):  # fmt: skip
            registry.pop(pg, None)  # type: ignore[attr-defined]


world = World()


class _WorldMeta(type):
    """Gives ``GroupMember.WORLD`` and ``group.WORLD``: the default group, None before initialisation."""

    @property
    def WORLD(cls) -> ProcessGroup | None:
        return world.default_pg

    @WORLD.setter
    def WORLD(cls, pg: ProcessGroup | None) -> None:
        world.default_pg = pg


class group(metaclass=_WorldMeta):
    """``group.WORLD`` is the default group."""


class GroupMember(metaclass=_WorldMeta):
    """``GroupMember.WORLD`` is the default group; ``NON_GROUP_MEMBER`` stands for a group this rank is not in."""

    NON_GROUP_MEMBER: ClassVar[int] = -100


def default_group() -> ProcessGroup:
    """The default group; ValueError before initialisation."""
    if world.default_pg is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return world.default_pg


def group_or_default(pg: Any) -> Any:
    """``pg``, or the default group for None."""
    return default_group() if pg is None or pg is world.default_pg else pg


def not_in_group(pg: Any) -> bool:
    """Whether ``pg`` stands for a group this rank is not in."""
    return pg is not None and pg is GroupMember.NON_GROUP_MEMBER


def group_ranks(pg: ProcessGroup) -> dict[int, int]:
    """Global rank to group rank; ValueError for an unknown group."""
    try:
        return world.pg_group_ranks[pg]
    except KeyError:
        raise ValueError(
            f"Group {pg} is not registered, please create group with torch.distributed.new_group API"
        ) from None


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The group rank of ``global_rank``; ValueError if it is not in the group."""
    if group is GroupMember.WORLD:
        return global_rank
    ranks = group_ranks(group)
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks[global_rank]


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The global rank of ``group_rank``; ValueError if the group is too small."""
    if group is GroupMember.WORLD:
        return group_rank
    for global_rank, rank in group_ranks(group).items():
        if rank == group_rank:
            return global_rank
    raise ValueError(f"Group rank {group_rank} is not part of group {group}")


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The global ranks of the group, by group rank."""
    return list(group_ranks(group_or_default(group)))


def get_rank(group: Any = None) -> int:
    """This process's rank in the group; -1 if it is not in it."""
    if not_in_group(group):
        return -1
    default = default_group()
    if group is None or group is default:
        return default.rank()
    return get_group_rank(group, default.rank())


def get_world_size(group: Any = None) -> int:
    """How many ranks the group has; -1 if this process is not in it."""
    if not_in_group(group):
        return -1
    return group_or_default(group).size()


def get_backend(group: Any = None) -> str:
    """The backend's name, as it was asked for, in lower case."""
    pg = group_or_default(group)
    if not_in_group(pg):
        raise ValueError("Invalid process group specified")
    return world.pg_map[pg][0]


def get_backend_config(group: Any = None) -> str:
    """The backend's name by device, as it was asked for."""
    return world.pg_backend_config[group_or_default(group)]


def get_pg_count() -> int:
    """How many groups were made."""
    return world.group_count


def canonical_rank(pg: ProcessGroup, global_rank: int | None, group_rank: int | None, what: str = "src") -> int:
    """The group rank of a root that is given as either a global or a group rank."""
    if group_rank is not None:
        if global_rank is not None:
            raise ValueError("Can't specify both group_rank and global_rank")
        return group_rank
    if global_rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    return get_group_rank(pg, global_rank)


def root_rank(pg: ProcessGroup, global_rank: int | None, group_rank: int | None) -> int:
    """As ``canonical_rank``; group rank 0 when neither is given."""
    if global_rank is None and group_rank is None:
        return get_group_rank(pg, 0) if pg is GroupMember.WORLD else 0
    return canonical_rank(pg, global_rank, group_rank)
