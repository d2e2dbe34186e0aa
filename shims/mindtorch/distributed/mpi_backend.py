"""Collectives over MPI, for several processes on CPU hosts."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np

from mindtorch.distributed._buffers import Target, as_bytes, finish_all, overlap, source
from mindtorch.distributed._mpi import MPIWork, mpi
from mindtorch.distributed._reduction import Reduction
from mindtorch.distributed._types import RedOpType, ReduceOp, Work
from mindtorch.distributed.backend import CollectiveBackend

__all__ = ["MPIBackend"]

_RESERVED = 8
_LIST, _ARRIVED, _RELEASED = range(3)


class MPIBackend(CollectiveBackend):
    """The collectives of an MPI communicator. Waiting is limited by ``timeout``.

    Collectives on lists of tensors, whose sizes may differ, are composed of sends and receives straight from and into
    the tensors; all others are MPI's own.
    """

    def __init__(self, communicator: Any, timeout: timedelta, name: str = "0") -> None:
        super().__init__(communicator.rank, communicator.size)
        self._comm = communicator
        self._last_tag = communicator.Get_attr(mpi().TAG_UB) - _RESERVED
        self.timeout = timeout
        self.group_name = name

    def _what(self, call: str) -> str:
        return f"{call} on rank {self.rank} of group {self.group_name} ({self.size} ranks)"

    def _work(self, call: str, requests: list[Any], finish: Any = None, result: Any = None, keep: Any = None) -> Work:
        return MPIWork(requests, self._what(call), self.timeout, finish, result, keep)

    @staticmethod
    def _operation(reduction: Reduction) -> Any:
        module = mpi()
        return {
            RedOpType.SUM: module.SUM,
            RedOpType.PRODUCT: module.PROD,
            RedOpType.MIN: module.MIN,
            RedOpType.MAX: module.MAX,
            RedOpType.BAND: module.BAND,
            RedOpType.BOR: module.BOR,
            RedOpType.BXOR: module.BXOR,
        }[reduction.kind]

    # ------------------------------------------------------------------ reductions
    def allreduce(self, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into itself."""
        reduction = Reduction(op, tensor.dtype, self.size)
        target = Target(tensor)
        wire = reduction.encode(target.load())
        request = self._comm.Iallreduce(mpi().IN_PLACE, wire, self._operation(reduction))

        def finish() -> None:
            if not reduction.native:
                reduction.decode(wire, target.array)
            target.finish()

        return self._work("all_reduce", [request], finish, [tensor], wire)

    def reduce(self, tensor: Any, dst: int, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into that of ``dst``; the others' stay as they are."""
        reduction = Reduction(op, tensor.dtype, self.size)
        operation = self._operation(reduction)
        if self.rank != dst:
            wire = reduction.encode(source(tensor))
            return self._work("reduce", [self._comm.Ireduce(wire, None, operation, dst)], None, [tensor], wire)
        target = Target(tensor)
        wire = reduction.encode(target.load())
        request = self._comm.Ireduce(mpi().IN_PLACE, wire, operation, dst)

        def finish() -> None:
            if not reduction.native:
                reduction.decode(wire, target.array)
            target.finish()

        return self._work("reduce", [request], finish, [tensor], wire)

    def reduce_scatter(self, output: Any, tensors: list[Any], op: ReduceOp) -> Work:
        """Reduce ``tensors[i]``, which may differ in size, over all ranks into ``output`` of rank i."""
        parts = [source(t).reshape(-1) for t in tensors]
        return self._reduce_scatter(output, np.concatenate(parts), [part.size for part in parts], op)

    def reduce_scatter_into(self, output: Any, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks; rank i's ``output`` gets its i-th part."""
        return self._reduce_scatter(output, source(tensor), [output.numel()] * self.size, op)

    def _reduce_scatter(self, output: Any, data: np.ndarray, counts: list[int], op: ReduceOp) -> Work:
        reduction = Reduction(op, output.dtype, self.size)
        target = Target(output, apart=overlap(data, output._arr.np) if isinstance(output._arr.np, np.ndarray) else True)
        wire = reduction.encode(data)
        straight = reduction.native and target.direct
        arrived = reduction.encode(target.array) if straight else np.empty(output.numel() * reduction.reals, wire.dtype)
        operation = self._operation(reduction)
        if len(set(counts)) == 1:
            request = self._comm.Ireduce_scatter_block(wire, arrived, operation)
        else:
            request = self._comm.Ireduce_scatter(wire, arrived, [n * reduction.reals for n in counts], operation)

        def finish() -> None:
            if not straight:
                reduction.decode(arrived, target.array)
            target.finish()

        return self._work("reduce_scatter", [request], finish, [output], (wire, arrived))

    # ------------------------------------------------------------------ copies
    def broadcast(self, tensor: Any, src: int) -> Work:
        """Copy ``tensor`` of ``src`` into everybody's."""
        if self.rank == src:
            data = source(tensor)
            return self._work("broadcast", [self._comm.Ibcast(as_bytes(data), src)], None, [tensor], data)
        target = Target(tensor)
        request = self._comm.Ibcast(as_bytes(target.array), src)
        return self._work("broadcast", [request], target.finish, [tensor], target)

    def allgather_into(self, output: Any, tensor: Any) -> Work:
        """Copy all ranks' ``tensor`` one after the other into ``output``."""
        data, target = source(tensor), Target(output)
        received = as_bytes(target.array)
        sent: Any = as_bytes(data)
        if overlap(data, target.array):
            # Usually this rank's part of the output itself, which is then where it belongs.
            mine = received[self.rank * sent.size : (self.rank + 1) * sent.size]
            sent = mpi().IN_PLACE if mine.ctypes.data == sent.ctypes.data else sent.copy()
        request = self._comm.Iallgather(sent, received)
        return self._work("all_gather", [request], target.finish, [output], (data, sent, target))

    def allgather(self, outputs: list[Any], tensor: Any) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]``, everywhere."""
        return self._exchange("all_gather", [tensor] * self.size, outputs, outputs)

    def gather(self, outputs: list[Any] | None, tensor: Any, dst: int) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]`` of ``dst``."""
        sent = [tensor if peer == dst else None for peer in range(self.size)]
        return self._exchange("gather", sent, outputs or [None] * self.size, outputs)

    def scatter(self, output: Any, tensors: list[Any] | None, src: int) -> Work:
        """Copy ``tensors[i]`` of ``src`` into ``output`` of rank i."""
        received = [output if peer == src else None for peer in range(self.size)]
        return self._exchange("scatter", tensors or [None] * self.size, received, [output])

    def alltoall(self, outputs: list[Any], tensors: list[Any]) -> Work:
        """Copy ``tensors[j]`` of rank i into ``outputs[i]`` of rank j."""
        return self._exchange("all_to_all", tensors, outputs, outputs)

    def _exchange(self, call: str, sent: list[Any], received: list[Any], result: Any) -> Work:
        """Send ``sent[i]`` to rank i and receive ``received[i]`` from it, where they are not None."""
        data = {id(t): source(t) for t in sent if t is not None}
        out = [None if t is None else t._arr.np for t in received]
        aliased = any(isinstance(o, np.ndarray) and overlap(d, o) for d in data.values() for o in out if o is not None)
        targets = {peer: Target(t, apart=aliased) for peer, t in enumerate(received) if t is not None}
        tag = self._last_tag + 1 + _LIST
        requests = []
        for step in range(1, self.size):
            peer = (self.rank - step) % self.size
            if peer in targets:
                requests.append(self._comm.Irecv(as_bytes(targets[peer].array), peer, tag))
        for step in range(1, self.size):
            peer = (self.rank + step) % self.size
            if sent[peer] is not None:
                requests.append(self._comm.Isend(as_bytes(data[id(sent[peer])]), peer, tag))
        if self.rank in targets and sent[self.rank] is not None:
            mine = data[id(sent[self.rank])]
            np.copyto(targets[self.rank].array, mine.reshape(targets[self.rank].array.shape))
        return self._work(call, requests, finish_all(list(targets.values())), result, (data, targets))

    def alltoall_into(self, output: Any, tensor: Any, output_splits: list[int], input_splits: list[int]) -> Work:
        """As ``alltoall``, of the parts of ``tensor`` and ``output`` along dimension 0 (no splits: equal parts)."""
        data = source(tensor)
        into = output._arr.np
        target = Target(output, apart=not isinstance(into, np.ndarray) or overlap(data, into))
        sent, received = as_bytes(data), as_bytes(target.array)
        request = self._comm.Ialltoallv(
            [sent, self._bytes_of_parts(data, input_splits), mpi().BYTE],
            [received, self._bytes_of_parts(target.array, output_splits), mpi().BYTE],
        )
        return self._work("all_to_all", [request], target.finish, [output], (data, target))

    def _bytes_of_parts(self, array: np.ndarray, splits: list[int]) -> list[int]:
        if not splits:
            return [array.nbytes // self.size] * self.size
        row = array.nbytes // array.shape[0] if array.ndim and array.shape[0] else 0
        return [n * row for n in splits]

    def barrier(self) -> Work:
        """Complete when all ranks came here."""
        return self._work("barrier", [self._comm.Ibarrier()])

    # ------------------------------------------------------------------ point to point
    def _check_tag(self, tag: int) -> int:
        if tag < 0:
            raise RuntimeError("Tag must be nonnegative")
        if tag > self._last_tag:
            raise ValueError(f"tag {tag} is too large: MPI has tags up to {self._last_tag}")
        return tag

    def send(self, tensor: Any, dst: int, tag: int, buffered: bool = False) -> Work:
        """Send ``tensor`` to ``dst``; ``buffered``: from a copy, so that the caller may write to it at once."""
        data = source(tensor)
        if buffered and np.may_share_memory(data, np.asarray(tensor._arr.np)):
            data = data.copy()
        request = self._comm.Isend(as_bytes(data), dst, self._check_tag(tag))
        return self._work(f"send to {dst}", [request], None, [tensor], data)

    def recv(self, tensor: Any, src: int | None, tag: int) -> Work:
        """Receive into ``tensor`` from ``src`` (None: from anybody)."""
        target = Target(tensor)
        peer = mpi().ANY_SOURCE if src is None else src
        request = self._comm.Irecv(as_bytes(target.array), peer, self._check_tag(tag))
        what = self._what(f"receive from {'anybody' if src is None else src}")
        return MPIWork([request], what, self.timeout, target.finish, [tensor], target, target.array.nbytes)

    # ------------------------------------------------------------------ bytes
    def allgather_bytes(self, payload: bytes) -> list[bytes]:
        """Everybody's ``payload``, by rank. Sizes may differ."""
        sizes = np.empty(self.size, np.int64)
        mine = np.array([len(payload)], np.int64)
        self._work("all_gather_object", [self._comm.Iallgather(mine, sizes)], keep=(mine, sizes)).wait()
        counts = sizes.tolist()
        received = np.empty(sum(counts), np.uint8)
        data = np.frombuffer(payload, np.uint8)
        request = self._comm.Iallgatherv(data, [received, counts, mpi().BYTE])
        self._work("all_gather_object", [request], keep=(data, received)).wait()
        return [part.tobytes() for part in np.split(received, np.cumsum(counts)[:-1])]

    def broadcast_bytes(self, payload: bytes | None, src: int) -> bytes:
        """``payload`` of ``src``, everywhere."""
        size = np.array([len(payload or b"")], np.int64)
        self._work("broadcast_object", [self._comm.Ibcast(size, src)], keep=size).wait()
        data = np.frombuffer(payload, np.uint8) if self.rank == src and payload else np.empty(size[0], np.uint8)
        self._work("broadcast_object", [self._comm.Ibcast(data, src)], keep=data).wait()
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
        if self.rank != 0:
            self._work("monitored_barrier", [self._comm.Isend(token, 0, arrived)], keep=token)
        tag = arrived if self.rank == 0 else released
        heard = {peer: np.empty(1, np.uint8) for peer in peers}
        what = self._what("monitored_barrier")
        works = {
            peer: MPIWork([self._comm.Irecv(heard[peer], peer, tag)], what, timeout, receive=1) for peer in peers
        }
        missing = wait_for_each(works, timeout)
        if self.rank == 0 and not missing:
            for peer in peers:
                self._work("monitored_barrier", [self._comm.Isend(token, peer, released)], keep=token)
        return missing if wait_all_ranks else missing[:1]

    # ------------------------------------------------------------------ groups
    def new_group(self, rank: int, ranks: list[int]) -> CollectiveBackend:
        """The backend of the subgroup of the group ranks ``ranks``; only its members call."""
        members = self._comm.Get_group().Incl(ranks)
        return MPIBackend(self._comm.Create_group(members), self.timeout)

    def shutdown(self) -> None:
        """Give the communicator back."""
        if not mpi().Is_finalized():
            self._comm.Free()


def wait_for_each(works: dict[int, MPIWork], timeout: timedelta) -> list[int]:
    """Wait for all of them, at most ``timeout`` in all; which were not complete by then, and are given up."""
    limit = time.monotonic() + timeout.total_seconds()
    while time.monotonic() < limit and not all(work.test() for work in works.values()):
        time.sleep(0)
    missing = [peer for peer, work in works.items() if not work.test()]
    for peer in missing:
        works[peer].cancel_receives()
    return missing
