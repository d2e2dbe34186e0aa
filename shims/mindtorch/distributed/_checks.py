"""Whether all ranks of a group make the same call, found out before any of its data move.

MPI does not find out: with sizes, types, operations, roots or calls that differ it returns garbage, without an error,
or waits for ever. So every collective is preceded by a reduction of 16 bytes, the maximum of a fingerprint and of its
complement: these are complements of one another only if all fingerprints are the same. Only then is the call handed to
MPI. On a communicator of its own the reductions cannot be mistaken for anything else, and all ranks come to the same
conclusion. Few ranks send each other their fingerprints instead: nobody waits for one rank to be told of another.

MINDTORCH_COLLECTIVE_CHECK=0 leaves this out. TORCH_DISTRIBUTED_DEBUG=DETAIL compares shapes, not just sizes, and makes
each call, an asynchronous one too, wait for all ranks, so that the error is raised by the call itself.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mindtorch.distributed import _watch
from mindtorch.distributed._flight import Record, recorder

if TYPE_CHECKING:
    from mindtorch.distributed._mpi import MPIWork

__all__ = ["CheckedQueue", "advance_all", "checks_everything", "checks_sizes", "mismatch_text", "whereabouts"]

_waiting: list[CheckedQueue] = []
"""The queues that are not empty."""


@cache
def checks_everything() -> bool:
    """Whether TORCH_DISTRIBUTED_DEBUG is DETAIL."""
    return os.environ.get("TORCH_DISTRIBUTED_DEBUG", "").upper() == "DETAIL"


@cache
def checks_sizes() -> bool:
    """Whether collectives are checked at all."""
    return checks_everything() or os.environ.get("MINDTORCH_COLLECTIVE_CHECK", "1") != "0"


@lru_cache(maxsize=4096)
def fingerprint(key: tuple[Any, ...]) -> bytes:
    """The same 8 bytes in all processes for the same key."""
    text = repr(key).encode()
    return (zlib.crc32(text) << 30 ^ zlib.adler32(text)).to_bytes(8, "little")


_FEW = 8  # ranks, up to which each sends its fingerprint to each


class _Letters:
    """A fingerprint to each of the peers and one from each: requests that can be started again and again."""

    def __init__(self, communicator: Any, peers: list[int]) -> None:
        self.sent = bytearray(8)
        self.received = [bytearray(8) for _ in peers]
        self.requests = [communicator.Recv_init(b, p) for b, p in zip(self.received, peers, strict=True)]
        self.requests += [communicator.Send_init(self.sent, peer) for peer in peers]


class CheckedQueue:
    """The collectives of one group that wait for their check; they are started in order."""

    def __init__(self, communicator: Any, module: Any) -> None:
        self.communicator = communicator
        self._module = module
        self._peers = [peer for peer in range(communicator.size) if peer != communicator.rank]
        self._directly = communicator.size <= _FEW
        self._idle: list[_Letters] = []
        self._queue: deque[tuple[MPIWork, list[Any], Any]] = deque()

    def submit(self, work: MPIWork, key: tuple[Any, ...]) -> None:
        """Have ``work`` started when all ranks have come with the same ``key``."""
        mine = fingerprint(key)
        requests: list[Any]
        if self._directly:
            letters = self._idle.pop() if self._idle else _Letters(self.communicator, self._peers)
            letters.sent[:] = mine
            content: Any = letters
            requests = letters.requests
            self._module.Prequest.Startall(requests)
        else:
            value = int.from_bytes(mine, "little")
            content = np.array([value, ~value], np.int64)
            requests = [self.communicator.Iallreduce(self._module.IN_PLACE, content, self._module.MAX)]
        if not self._queue:
            _waiting.append(self)
        self._queue.append((work, requests, content))
        self.advance()

    def first(self) -> list[Any]:
        """The requests of the check that is the next to be decided."""
        return self._queue[0][1] if self._queue else []

    def advance(self) -> None:
        """Start what all ranks agree on; fail what they do not."""
        queue, test = self._queue, self._module.Request.Testall
        while queue:
            work, requests, content = queue[0]
            if not test(requests):
                return
            queue.popleft()
            if not queue:
                _waiting.remove(self)
            if self._directly:
                alike = content.received.count(content.sent) == len(self._peers)
                self._idle.append(content)
            else:
                alike = content[0] == ~content[1]
            if alike:
                work.begin()
            else:
                work.disagree()


def advance_all() -> None:
    """Start whatever can be started, in any group."""
    if _waiting:
        for queue in list(_waiting):
            queue.advance()


def _said(rank: int, group: str, number: int, answer: dict[str, Any] | None) -> str:
    """One line of a message on a collective: where ``rank`` is."""
    if answer is None:
        return f"rank {rank}: no answer: it has ended, or the store cannot be reached"
    if number and answer["record"] is not None:
        return f"rank {rank}: {answer['record']}"
    text = f"rank {rank}: now at {answer['main']}"
    if number and answer["last_number"] < number:
        text += f"; has not called #{number} of group {group}"
    if answer["last"] is not None:
        text += f"; last collective of the group: {answer['last']}"
    if answer["active"]:
        text += f"; waits for {', '.join(answer['active'])}"
    return text


def whereabouts(record: Record, ranks: list[int], shared: bool = False) -> str:
    """Lines that say where each of the global ``ranks`` of the record's group is; writes the flight recorders."""
    number = 0 if record.p2p else record.number
    watcher = _watch.current
    lines = []
    for rank, answer in ({} if watcher is None else _asked(watcher, record.group, number, ranks, shared)).items():
        lines.append(_said(rank, record.group, number, answer))
    try:
        lines.append(f"flight recorder: {recorder.write()}")
    except OSError as error:
        lines.append(f"flight recorder: not written: {error}")
    return "".join(f"\n  {line}" for line in lines)


def _asked(
    watcher: _watch.Watcher, group: str, number: int, ranks: list[int], shared: bool
) -> dict[int, dict[str, Any] | None]:
    answers = watcher.ask(group, number, ranks, shared)
    return {rank: answers.get(rank) for rank in ranks}


def mismatch_text(record: Record, what: str, ranks: list[int]) -> str:
    """The message of a collective that the ranks do not agree on."""
    return (
        f"{what}: Detected mismatch between collectives on ranks: call #{record.number} of the group is not the same "
        f"everywhere. This rank called {record}{whereabouts(record, ranks, shared=True)}"
    )
