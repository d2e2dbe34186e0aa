"""Point to point communication, and grouping of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mindtorch as torch
from mindtorch.distributed._collectives import (
    WorkList,
    check_single_tensor,
    global_source,
    warn_not_in_group,
)
from mindtorch.distributed._group import (
    canonical_rank,
    get_global_rank,
    get_rank,
    group_or_default,
    not_in_group,
    world,
)
from mindtorch.distributed._types import Work

__all__ = ["P2POp", "batch_isend_irecv", "irecv", "isend", "recv", "send"]


def _real(tensor: Any) -> Any:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _check_not_self(pg: Any, rank: int, role: str) -> None:
    if pg.rank() == rank:
        raise ValueError(f"Invalid {role} rank: {role} rank should not be the same as the rank of the current process.")


def isend(
    tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """Start sending ``tensor`` to global rank ``dst``. It may be freed or written to before the work is done."""
    return _start_send(tensor, dst, group, tag, group_dst, buffered=True)


def _start_send(
    tensor: Any, dst: int | None, group: Any, tag: int, group_dst: int | None, buffered: bool
) -> Work | None:
    if not_in_group(group):
        warn_not_in_group("isend")
        return None
    pg = group_or_default(group)
    rank = canonical_rank(pg, dst, group_dst)
    check_single_tensor(tensor, "tensor")
    return pg._backend.send(_real(tensor), rank, tag, buffered)


def irecv(
    tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """Start receiving into ``tensor`` from global rank ``src`` (None: from anybody)."""
    check_single_tensor(tensor, "tensor")
    if not_in_group(group):
        warn_not_in_group("irecv")
        return None
    pg = group_or_default(group)
    rank = None if src is None and group_src is None else canonical_rank(pg, src, group_src)
    return pg._backend.recv(_real(tensor), rank, tag)


def send(tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Send ``tensor`` to global rank ``dst``."""
    if not not_in_group(group):
        pg = group_or_default(group)
        _check_not_self(pg, canonical_rank(pg, dst, group_dst), "destination")
    work = _start_send(tensor, dst, group, tag, group_dst, buffered=False)
    if work is not None:
        work.wait()


def recv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receive into ``tensor`` from global rank ``src`` (None: from anybody).

    Returns:
        The sender's global rank; -1 if this rank is not in the group.

    Raises:
        RuntimeError: the source is this rank.
    """
    if not not_in_group(group) and not (src is None and group_src is None):
        pg = group_or_default(group)
        if canonical_rank(pg, src, group_src) == pg.rank():
            raise RuntimeError("Invalid source rank: a rank that waits for a message cannot send it itself")
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    pg = group_or_default(group)
    if src is None and group_src is None:
        return global_source(pg, work)
    return src if src is not None else get_global_rank(pg, group_src)


class P2POp:
    """One operation for ``batch_isend_irecv``: ``op`` is ``isend`` or ``irecv``, ``peer`` a global rank."""

    def __init__(
        self,
        op: Callable[..., Any],
        tensor: Any,
        peer: int | None = None,
        group: Any = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        check_single_tensor(tensor, "tensor")
        self.op = op
        self.tensor = tensor
        self.group = group_or_default(group)
        self.group_peer = canonical_rank(self.group, peer, group_peer)
        self.peer = get_global_rank(self.group, self.group_peer) if peer is None else peer
        self.tag = tag

    def __repr__(self) -> str:
        return (
            f"P2POp({self.op.__name__} pg={self.group.group_name}, group_peer={self.group_peer}, peer={self.peer}, "
            f"tensor={tuple(self.tensor.shape)}, {self.tensor.dtype}, tag={self.tag}, rank={get_rank()})"
        )


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Start all the operations together; in this order on each rank they cannot block each other."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(op, P2POp) for op in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")
    if not p2p_op_list:
        return []
    pg = p2p_op_list[0].group
    if any(op.group is not pg for op in p2p_op_list):
        raise ValueError("All ops need to use the same group.")
    pg._backend.start_coalescing()
    works = [op.op(op.tensor, op.peer, op.group, op.tag) for op in p2p_op_list]
    last = pg._backend.end_coalescing()
    return [work for work in works if work is not None] or [last]


class CoalescingManager:
    """What ``_coalescing_manager`` yields: one work for all the calls inside it."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    def append(self, work: Work | None = None) -> None:
        """Add a work to wait for."""
        if work is not None:
            self.works.append(work)

    def wait(self) -> None:
        """Wait for all of them."""
        WorkList(list(self.works)).wait()
        self.works = []


@contextmanager
def coalescing_manager(
    group: Any = None, device: Any = None, async_ops: bool | None = False
) -> Iterator[CoalescingManager]:
    """Let the backend issue the collectives of the block together.

    With ``async_ops`` the caller waits on what is yielded; otherwise the end of the block does.
    """
    pg = group_or_default(group)
    if world.pg_coalesce_state.get(pg):
        raise ValueError("ProcessGroup has non-empty op list at the start of coalescing")
    manager = CoalescingManager()
    collected: list[Any] = []
    world.pg_coalesce_state[pg] = collected
    pg._backend.start_coalescing()
    try:
        yield manager
    finally:
        world.pg_coalesce_state.pop(pg, None)
        for work in (*collected, pg._backend.end_coalescing()):
            manager.append(work)
    if not async_ops:
        manager.wait()
