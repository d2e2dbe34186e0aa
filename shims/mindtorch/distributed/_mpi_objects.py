"""What a group over MPI does with bytes instead of tensors: objects, and the barrier that names who is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np

from mindtorch.distributed._mpi import MPIWork, mpi

__all__ = ["RESERVED_TAGS", "ObjectCalls"]

RESERVED_TAGS = 8  # the last of MPI's, which users cannot have
_ARRIVED, _RELEASED = 1, 2
_PAUSE = 0.0002


class ObjectCalls:
    """Part of ``MPIBackend``."""

    rank: int
    size: int
    _comm: Any
    _last_tag: int
    _collective: Callable[..., MPIWork]
    _message: Callable[..., MPIWork]

    def allgather_bytes(self, payload: bytes) -> list[bytes]:
        """Everybody's ``payload``, by rank. Sizes may differ."""
        sizes = np.empty(self.size, np.int64)
        mine = np.array([len(payload)], np.int64)
        name = "all_gather_object"
        self._collective(name, (0,), lambda: [self._comm.Iallgather(mine, sizes)], [], [], keep=(mine, sizes)).wait()
        counts = sizes.tolist()
        received = np.empty(sum(counts), np.uint8)
        data = np.frombuffer(payload, np.uint8)
        into = [received, counts, mpi().BYTE]
        self._collective(name, (1,), lambda: [self._comm.Iallgatherv(data, into)], [], [], keep=(data, received)).wait()
        return [part.tobytes() for part in np.split(received, np.cumsum(counts)[:-1])]

    def broadcast_bytes(self, payload: bytes | None, src: int) -> bytes:
        """``payload`` of ``src``, everywhere."""
        size = np.array([len(payload or b"")], np.int64)
        name = "broadcast_object"
        self._collective(name, (0,), lambda: [self._comm.Ibcast(size, src)], [], [], keep=size, root=src).wait()
        data = np.frombuffer(payload, np.uint8) if self.rank == src and payload else np.empty(size[0], np.uint8)
        self._collective(name, (1,), lambda: [self._comm.Ibcast(data, src)], [], [], keep=data, root=src).wait()
        return data.tobytes()

    def monitored_barrier(self, timeout: timedelta, wait_all_ranks: bool) -> list[int]:
        """Rank 0 hears from every other rank and then answers them all.

        Returns:
            The ranks that rank 0 did not hear from in time (without ``wait_all_ranks`` only the first); elsewhere
            [0] when rank 0 did not answer.
        """
        arrived, released = self._last_tag + 1 + _ARRIVED, self._last_tag + 1 + _RELEASED
        peers = list(range(1, self.size)) if self.rank == 0 else [0]
        token = np.zeros(1, np.uint8)

        def tell(peer: int, tag: int) -> None:
            self._message("send of monitored_barrier", peer, None, lambda: [self._comm.Isend(token, peer, tag)])

        def hear(peer: int, tag: int) -> MPIWork:
            into = np.empty(1, np.uint8)
            start = lambda: [self._comm.Irecv(into, peer, tag)]  # noqa: E731
            return self._message("monitored_barrier", peer, None, start, keep=into, expected=[1], timeout=timeout)

        if self.rank != 0:
            tell(0, arrived)
        works = {peer: hear(peer, arrived if self.rank == 0 else released) for peer in peers}
        missing = wait_for_each(works, timeout)
        if self.rank == 0 and not missing:
            for peer in peers:
                tell(peer, released)
        return missing if wait_all_ranks else missing[:1]


def wait_for_each(works: dict[int, MPIWork], timeout: timedelta) -> list[int]:
    """Wait for all of them, at most ``timeout`` in all; which were not complete by then, and are given up."""
    limit = time.monotonic() + timeout.total_seconds()
    while time.monotonic() < limit and not all(work.test() for work in works.values()):
        time.sleep(_PAUSE)
    missing = [peer for peer, work in works.items() if not work.test()]
    for peer in missing:
        works[peer].cancel_receives()
    return missing
