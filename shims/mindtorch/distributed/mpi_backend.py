"""Collectives over MPI, for several processes on CPU hosts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from mindtorch.distributed import _leaving
from mindtorch.distributed._agreement import Agreement
from mindtorch.distributed._buffers import Target, as_bytes, finish_all, overlap, source
from mindtorch.distributed._checks import CheckedQueue, checks_everything, checks_sizes
from mindtorch.distributed._flight import recorder, tensors
from mindtorch.distributed._mpi import MPIWork, mpi
from mindtorch.distributed._mpi_objects import RESERVED_TAGS, ObjectCalls
from mindtorch.distributed._reduction import reduction_of
from mindtorch.distributed._types import RedOpType, ReduceOp, Work
from mindtorch.distributed.backend import CollectiveBackend

__all__ = ["MPIBackend"]

_generations = [0]  # how often init_process_group made a world
_LIST = 0


@cache
def _operation(kind: RedOpType) -> Any:
    """MPI's."""
    module = mpi()
    return {
        RedOpType.SUM: module.SUM,
        RedOpType.PRODUCT: module.PROD,
        RedOpType.MIN: module.MIN,
        RedOpType.MAX: module.MAX,
        RedOpType.BAND: module.BAND,
        RedOpType.BOR: module.BOR,
        RedOpType.BXOR: module.BXOR,
    }[kind]


class MPIBackend(ObjectCalls, CollectiveBackend):
    """The collectives of an MPI communicator. Waiting is limited by ``timeout``.

    Collectives on lists of tensors, whose sizes may differ, are composed of sends and receives straight from and into
    the tensors; all others are MPI's own.
    """

    def __init__(self, communicator: Any, timeout: timedelta, ranks: list[int], name: str = "0") -> None:
        super().__init__(communicator.rank, communicator.size)
        module = mpi()
        self._comm = communicator
        self._last_tag = communicator.Get_attr(module.TAG_UB) - RESERVED_TAGS
        self.timeout = timeout
        self.group_name = name
        self.global_ranks = ranks
        self.number = 0
        self._messages = 0
        self._generation = _generations[0]
        checked = checks_sizes() and self.size > 1
        self._queue = CheckedQueue(communicator.Dup(), module) if checked else None
        self._agreement: Agreement | None = None
        _leaving.groups.append(self)

    @classmethod
    def of_world(cls, rank: int, world_size: int, timeout: timedelta) -> MPIBackend:
        """The group of all processes that mpiexec started."""
        _leaving.open_channel(rank)
        _generations[0] += 1
        ranks = list(range(world_size))
        backend = cls(mpi().COMM_WORLD.Split(0, rank), timeout, ranks)
        backend._agreement = Agreement(backend._comm.Dup(), mpi(), ranks, f"{_generations[0]}/set-up")
        return backend

    @property
    def identity(self) -> str:
        """A name that no other group of the job ever has, the same on all ranks."""
        return f"{self._generation}/{self.group_name}"

    def _collective(
        self, call: str, key: tuple[Any, ...], start: Callable[[], list[Any]], inputs: list[Any], outputs: list[Any],
        finish: Any = None, result: Any = None, keep: Any = None, op: ReduceOp | None = None, root: int | None = None,
        expected: list[int | None] | None = None,
    ) -> MPIWork:  # fmt: skip
        """Record a collective and start it, when all ranks have come with the same ``key`` if that is checked."""
        self.number += 1
        given = tensors(*inputs)
        name = "" if op is None else op.op.name
        record = recorder.add(
            self.group_name, self.number, call, self.timeout, given, tensors(*outputs), name, root
        )  # fmt: skip
        whole = (call, name, root, *key)
        if checks_everything():
            # What is gathered, scattered or exchanged may differ in shape; what is reduced or broadcast may not.
            alike = op is not None or call == "broadcast"
            whole += tuple(shape for shape, _ in given) if alike else ()
        return MPIWork(self, record, start, finish, result, keep, expected, None, self._queue, whole)

    def _message(self, call: str, peer: int | None, given: Any, start: Any, **options: Any) -> MPIWork:
        """Record a send or receive and start it."""
        self._messages += 1
        described = tensors(given) if given is not None else ()
        sends = call.startswith("send")
        record = recorder.add(
            self.group_name, self._messages, call, self.timeout, described if sends else (), () if sends else described,
            "", peer, True,
        )  # fmt: skip
        return MPIWork(self, record, start, **options)

    # ------------------------------------------------------------------ reductions
    def allreduce(self, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into itself."""
        reduction = reduction_of(op, tensor.dtype, self.size)
        target = Target(tensor)
        wire = reduction.encode(target.load())
        operation = _operation(reduction.kind)

        def finish() -> None:
            if not reduction.native:
                reduction.decode(wire, target.array)
            target.finish()

        return self._collective(
            "all_reduce", (wire.size, tensor.dtype),
            lambda: [self._comm.Iallreduce(mpi().IN_PLACE, wire, operation)],
            [tensor], [tensor], finish, [tensor], wire, op,
        )  # fmt: skip

    def reduce(self, tensor: Any, dst: int, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into that of ``dst``; the others' stay as they are."""
        reduction = reduction_of(op, tensor.dtype, self.size)
        operation = _operation(reduction.kind)
        key = (tensor.numel(), tensor.dtype)
        if self.rank != dst:
            wire = reduction.encode(source(tensor))
            return self._collective(
                "reduce", key, lambda: [self._comm.Ireduce(wire, None, operation, dst)],
                [tensor], [tensor], None, [tensor], wire, op, dst,
            )  # fmt: skip
        target = Target(tensor)
        wire = reduction.encode(target.load())

        def finish() -> None:
            if not reduction.native:
                reduction.decode(wire, target.array)
            target.finish()

        return self._collective(
            "reduce", key, lambda: [self._comm.Ireduce(mpi().IN_PLACE, wire, operation, dst)],
            [tensor], [tensor], finish, [tensor], wire, op, dst,
        )  # fmt: skip

    def reduce_scatter(self, output: Any, tensors: list[Any], op: ReduceOp) -> Work:
        """Reduce ``tensors[i]``, which may differ in size, over all ranks into ``output`` of rank i."""
        parts = [source(t).reshape(-1) for t in tensors]
        return self._reduce_scatter(output, np.concatenate(parts), [part.size for part in parts], op, tensors)

    def reduce_scatter_into(self, output: Any, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks; rank i's ``output`` gets its i-th part."""
        return self._reduce_scatter(output, source(tensor), [output.numel()] * self.size, op, [tensor])

    def _reduce_scatter(
        self, output: Any, data: np.ndarray, counts: list[int], op: ReduceOp, inputs: list[Any]
    ) -> Work:
        reduction = reduction_of(op, output.dtype, self.size)
        target = Target(output, apart=overlap(data, output._arr.np) if isinstance(output._arr.np, np.ndarray) else True)
        wire = reduction.encode(data)
        straight = reduction.native and target.direct
        arrived = reduction.encode(target.array) if straight else np.empty(output.numel() * reduction.reals, wire.dtype)
        operation = _operation(reduction.kind)

        def start() -> list[Any]:
            if len(set(counts)) == 1:
                return [self._comm.Ireduce_scatter_block(wire, arrived, operation)]
            return [self._comm.Ireduce_scatter(wire, arrived, [n * reduction.reals for n in counts], operation)]

        def finish() -> None:
            if not straight:
                reduction.decode(arrived, target.array)
            target.finish()

        return self._collective(
            "reduce_scatter", (*counts, output.dtype), start, inputs, [output], finish, [output],
            (wire, arrived), op,
        )  # fmt: skip

    # ------------------------------------------------------------------ copies
    def broadcast(self, tensor: Any, src: int) -> Work:
        """Copy ``tensor`` of ``src`` into everybody's."""
        target = None if self.rank == src else Target(tensor)
        data = as_bytes(source(tensor) if target is None else target.array)
        return self._collective(
            "broadcast", (data.size, tensor.dtype), lambda: [self._comm.Ibcast(data, src)],
            [tensor], [tensor], target and target.finish, [tensor], data, None, src,
        )  # fmt: skip

    def allgather_into(self, output: Any, tensor: Any) -> Work:
        """Copy all ranks' ``tensor`` one after the other into ``output``."""
        data, target = source(tensor), Target(output)
        received = as_bytes(target.array)
        sent: Any = as_bytes(data)
        if overlap(data, target.array):
            # Usually this rank's part of the output itself, which is then where it belongs.
            mine = received[self.rank * sent.size : (self.rank + 1) * sent.size]
            sent = mpi().IN_PLACE if mine.ctypes.data == sent.ctypes.data else sent.copy()
        return self._collective(
            "all_gather_into_tensor", (received.size, tensor.dtype),
            lambda: [self._comm.Iallgather(sent, received)],
            [tensor], [output], target.finish, [output], (data, sent, target),
        )  # fmt: skip

    def allgather(self, outputs: list[Any], tensor: Any) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]``, everywhere."""
        if tensor.numel() != outputs[self.rank].numel():
            raise RuntimeError(
                f"all_gather: rank {self.rank} gives {tensor.numel()} elements and expects "
                f"{outputs[self.rank].numel()} of itself"
            )
        key = (*[t.numel() for t in outputs], tensor.dtype)
        return self._exchange("all_gather", key, [tensor] * self.size, outputs, [tensor], outputs, outputs)

    def gather(self, outputs: list[Any] | None, tensor: Any, dst: int) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]`` of ``dst``."""
        sent = [tensor if peer == dst else None for peer in range(self.size)]
        received = outputs or [None] * self.size
        key = (tensor.dtype,)
        return self._exchange("gather", key, sent, received, [tensor], outputs or [], outputs, dst)

    def scatter(self, output: Any, tensors: list[Any] | None, src: int) -> Work:
        """Copy ``tensors[i]`` of ``src`` into ``output`` of rank i."""
        received = [output if peer == src else None for peer in range(self.size)]
        sent = tensors or [None] * self.size
        return self._exchange("scatter", (output.dtype,), sent, received, tensors or [], [output], [output], src)

    def alltoall(self, outputs: list[Any], tensors: list[Any]) -> Work:
        """Copy ``tensors[j]`` of rank i into ``outputs[i]`` of rank j."""
        key = (outputs[0].dtype,)
        return self._exchange("all_to_all", key, tensors, outputs, tensors, outputs, outputs)

    def _exchange(
        self, call: str, key: tuple[Any, ...], sent: list[Any], received: list[Any], inputs: list[Any],
        outputs: list[Any], result: Any, root: int | None = None,
    ) -> Work:  # fmt: skip
        """Send ``sent[i]`` to rank i and receive ``received[i]`` from it, where they are not None."""
        data = {id(t): source(t) for t in sent if t is not None}
        out = [None if t is None else t._arr.np for t in received]
        aliased = any(isinstance(o, np.ndarray) and overlap(d, o) for d in data.values() for o in out if o is not None)
        targets = {peer: Target(t, apart=aliased) for peer, t in enumerate(received) if t is not None}
        if self.rank in targets and sent[self.rank] is not None:
            mine = data[id(sent[self.rank])]
            np.copyto(targets[self.rank].array, mine.reshape(targets[self.rank].array.shape))
        parts = {peer: as_bytes(data[id(t)]) for peer, t in enumerate(sent) if t is not None}
        places = {peer: as_bytes(target.array) for peer, target in targets.items()}
        start, expected = self._pairwise(parts, places)
        return self._collective(
            call, key, start, inputs, outputs, finish_all(list(targets.values())), result, (data, targets),
            None, root, expected,
        )  # fmt: skip

    def _pairwise(
        self, parts: dict[int, np.ndarray], places: dict[int, np.ndarray]
    ) -> tuple[Callable[[], list[Any]], list[int | None]]:
        """What sends bytes to each rank and receives some from each, but to itself; how many have to come."""
        tag = self._last_tag + 1 + _LIST
        sources = [peer for step in range(1, self.size) if (peer := (self.rank - step) % self.size) in places]
        targets = [peer for step in range(1, self.size) if (peer := (self.rank + step) % self.size) in parts]

        def start() -> list[Any]:
            receives = [self._comm.Irecv(places[peer], peer, tag) for peer in sources]
            return receives + [self._comm.Isend(parts[peer], peer, tag) for peer in targets]

        return start, [*[places[peer].size for peer in sources], *[None] * len(targets)]

    def alltoall_into(self, output: Any, tensor: Any, output_splits: list[int], input_splits: list[int]) -> Work:
        """As ``alltoall``, of the parts of ``tensor`` and ``output`` along dimension 0 (no splits: equal parts)."""
        data = source(tensor)
        into = output._arr.np
        target = Target(output, apart=not isinstance(into, np.ndarray) or overlap(data, into))
        parts = self._parts(data, input_splits)
        places = self._parts(target.array, output_splits)
        if parts[self.rank].size != places[self.rank].size:
            raise RuntimeError(
                f"all_to_all_single: rank {self.rank} gives {parts[self.rank].size} bytes to itself and expects "
                f"{places[self.rank].size}"
            )
        np.copyto(places[self.rank], parts[self.rank])
        # Pairwise, and not MPI's Ialltoallv: that does not tell when less arrives than was expected.
        start, expected = self._pairwise(parts, places)
        return self._collective(
            "all_to_all_single", (tensor.dtype,), start, [tensor], [output], target.finish, [output],
            (data, target), None, None, expected,
        )  # fmt: skip

    def _parts(self, array: np.ndarray, splits: list[int]) -> dict[int, np.ndarray]:
        """The bytes of each rank's part."""
        whole = as_bytes(array)
        row = array.nbytes // array.shape[0] if array.ndim and array.shape[0] else 0
        sizes = [n * row for n in splits] if splits else [array.nbytes // self.size] * self.size
        ends = np.cumsum(sizes).tolist()
        return {peer: whole[end - size : end] for peer, (size, end) in enumerate(zip(sizes, ends, strict=True))}

    def barrier(self) -> Work:
        """Complete when all ranks came here."""
        # All having come is what the check finds out.
        start = (lambda: [self._comm.Ibarrier()]) if self._queue is None else list
        return self._collective("barrier", (), start, [], [])

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
        tag = self._check_tag(tag)
        return self._message(
            f"send to {dst}", dst, tensor, lambda: [self._comm.Isend(as_bytes(data), dst, tag)],
            result=[tensor], keep=data,
        )  # fmt: skip

    def recv(self, tensor: Any, src: int | None, tag: int) -> Work:
        """Receive into ``tensor`` from ``src`` (None: from anybody)."""
        target = Target(tensor)
        peer, tag = mpi().ANY_SOURCE if src is None else src, self._check_tag(tag)
        return self._message(
            f"receive from {'anybody' if src is None else src}", src, tensor,
            lambda: [self._comm.Irecv(as_bytes(target.array), peer, tag)],
            finish=target.finish, result=[tensor], keep=target, expected=[target.array.nbytes],
        )  # fmt: skip

    # ------------------------------------------------------------------ groups
    def new_group(self, rank: int, ranks: list[int]) -> CollectiveBackend:
        """The backend of the subgroup of the group ranks ``ranks``; only its members call."""
        members = self._comm.Get_group().Incl(ranks)
        return MPIBackend(self._comm.Create_group(members), self.timeout, [self.global_ranks[r] for r in ranks])

    def agree(self, call: str, details: tuple[Any, ...], timeout: timedelta) -> None:
        """Wait until all ranks have come to a step of set-up; DistBackendError if they do not, or differ in it."""
        if self._agreement is not None:
            self._agreement.reach(call, details, timeout)

    def shutdown(self) -> None:
        """Give the communicators back."""
        recorder.forget(self.group_name)
        if not mpi().Is_finalized():
            self._comm.Free()
            if self._queue is not None:
                self._queue.communicator.Free()
            if self._agreement is not None:
                self._agreement.close()
