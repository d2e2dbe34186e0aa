"""Collectives over HCCL, for processes that ``msrun`` started on Ascend devices: ``mindspore.mint.distributed``.

``docs/distributed.md`` has the table of which MindSpore call serves which collective, and what is composed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import reduce as fold
from typing import Any

import numpy as np

import mindtorch as torch
from mindtorch.distributed._device_buffers import DeviceTarget, device_source, fresh
from mindtorch.distributed._flight import Record, recorder, tensors
from mindtorch.distributed._types import DistBackendError, RedOpType, ReduceOp, Work
from mindtorch.distributed.backend import CollectiveBackend, SingleProcessBackend
from mindtorch.kernels.ascend._table import resolve

__all__ = ["HCCLBackend", "HCCLWork"]

_NAMES = {RedOpType.SUM: "sum", RedOpType.PRODUCT: "prod", RedOpType.MIN: "min", RedOpType.MAX: "max"}
_REDUCED = {"int8", "int16", "int32", "int64", "float16", "bfloat16", "float32"}
"""What HCCL reduces. Everything else is gathered and reduced by each rank."""
_LOCAL: dict[RedOpType, Callable[[Any, Any], Any]] = {
    RedOpType.SUM: lambda a, b: a + b,
    RedOpType.PRODUCT: lambda a, b: a * b,
    RedOpType.MIN: lambda a, b: torch.minimum(a, b),
    RedOpType.MAX: lambda a, b: torch.maximum(a, b),
    RedOpType.BAND: lambda a, b: a & b,
    RedOpType.BOR: lambda a, b: a | b,
    RedOpType.BXOR: lambda a, b: a ^ b,
}


def _mint(name: str) -> Callable[..., Any]:
    return resolve(f"mindspore.mint.distributed.{name}")


class HCCLWork(Work):
    """A call on the device's stream of collectives. MindSpore's handles can be waited for, not asked."""

    def __init__(
        self, handle: Any, finish: Callable[[], None] | None, result: Any, keep: Any = None,
        record: Record | None = None,
    ) -> None:  # fmt: skip
        super().__init__(result)
        self.handle = handle
        self._record = record
        if record is not None and handle is not None:
            record.begin()
        self._finish = finish
        self._keep = keep

    def is_completed(self) -> bool:
        """Waits, and is True: there is no way to ask."""
        return self.wait()

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Let what is launched from now on see the result."""
        if self.handle is not None:
            self.handle.wait()
        if self._finish is not None:
            self._finish()
        if self._record is not None:
            self._record.end()
        self.handle = self._finish = self._keep = self._record = None
        return True


class _Batch:
    """Sends and receives between ``start_coalescing`` and ``end_coalescing``."""

    def __init__(self) -> None:
        self.operations: list[Any] = []
        self.works: list[HCCLWork] = []


class HCCLBackend(CollectiveBackend):
    """The collectives of a group of MindSpore's.

    Args:
        name: the group, as MindSpore calls it.
        ranks: the global ranks, by group rank: MindSpore's roots and peers are global.
    """

    # Of the process: MindSpore has one group for the same ranks, however often it is asked for.
    _groups: dict[tuple[int, ...], str] = {}  # noqa: RUF012
    _users: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, name: str, rank: int, ranks: list[int], timeout: timedelta) -> None:
        super().__init__(rank, len(ranks))
        self._name = name
        self._ranks = ranks
        self.timeout = timeout
        self._batch: _Batch | None = None
        self._number = self._messages = 0
        self._users[name] = self._users.get(name, 0) + 1

    @classmethod
    def of_world(cls, rank: int, world_size: int, timeout: timedelta) -> HCCLBackend:
        """The group of all processes of ``msrun``.

        Raises:
            ValueError: its ranks are others than the caller's.
        """
        if not _mint("is_initialized")():
            _mint("init_process_group")("hccl")
        given = _mint("get_rank")(), _mint("get_world_size")()
        if given != (rank, world_size):
            raise ValueError(f"rank and world size are {(rank, world_size)}, but msrun gave this process {given}")
        return cls("hccl_world_group", rank, list(range(world_size)), timeout)

    def _call(
        self, name: str, *arguments: Any, finish: Any = None, result: Any = None, keep: Any = None, **options: Any
    ) -> Work:
        self._number += 1
        op, root = str(options.get("op", "")).upper(), options.get("dst")
        record = recorder.add(self.group_name, self._number, name, self.timeout, (), tensors(*result or ()), op, root)
        handle = _mint(name)(*arguments, group=self._name, async_op=True, **options)
        return HCCLWork(handle, finish, result, (arguments, keep), record)

    # ------------------------------------------------------------------ reductions
    def _prepared(self, tensor: Any, op: ReduceOp) -> tuple[Any, RedOpType]:
        """What is reduced with a plain operation; the mean's division is left for afterwards."""
        kind = op.op
        with torch.no_grad():
            if tensor.dtype is torch.bool:
                if kind in (RedOpType.AVG, RedOpType.PREMUL_SUM):
                    raise RuntimeError(f"Cannot use ReduceOp.{kind.name} with bool tensors")
                same = {RedOpType.SUM: RedOpType.MAX, RedOpType.BOR: RedOpType.MAX, RedOpType.PRODUCT: RedOpType.MIN}
                return tensor.to(torch.int8), {**same, RedOpType.BAND: RedOpType.MIN}.get(kind, kind)
            if kind is RedOpType.PREMUL_SUM:
                return tensor.detach() * op.factor, RedOpType.SUM
        if kind in (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR) and tensor.is_floating_point():
            raise RuntimeError(f"Cannot use ReduceOp.{kind.name} with non-integral dtype")
        if kind is RedOpType.UNUSED:
            raise RuntimeError("Unhandled ReduceOp")
        return tensor.detach(), RedOpType.SUM if kind is RedOpType.AVG else kind

    def _served(self, tensor: Any, kind: RedOpType) -> bool:
        name = str(tensor.dtype).rpartition(".")[2]
        if kind is RedOpType.PRODUCT and name in ("int16", "bfloat16"):
            return False
        return kind in _NAMES and name in _REDUCED

    def _finished(self, output: Any, op: ReduceOp) -> None:
        if op.op is RedOpType.AVG:
            with torch.no_grad():
                rounding = None if output.is_floating_point() else "trunc"
                output.copy_(torch.div(output, self.size, rounding_mode=rounding))

    def _gathered(self, tensor: Any, kind: RedOpType) -> Any:
        """The reduction of everybody's ``tensor``, computed here."""
        everything = fresh((self.size, *tensor.shape), tensor.dtype)
        self.allgather_into(everything, tensor).wait()
        with torch.no_grad():
            return fold(_LOCAL[kind], everything.unbind(0))

    def allreduce(self, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into itself."""
        return self._reduce_whole("all_reduce", tensor, op)

    def reduce(self, tensor: Any, dst: int, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into that of ``dst``; the others' stay as they are."""
        return self._reduce_whole("reduce", tensor, op, dst)

    def _reduce_whole(self, call: str, tensor: Any, op: ReduceOp, dst: int | None = None) -> Work:
        prepared, kind = self._prepared(tensor, op)
        mine = dst is None or dst == self.rank

        def deliver(value: Any) -> None:
            if mine:
                with torch.no_grad():
                    tensor.detach().copy_(value)
                self._finished(tensor.detach(), op)

        if not self._served(prepared, kind):
            deliver(self._gathered(prepared, kind))
            return Work([tensor])
        # Of memory of its own where the value has to change afterwards, or must not change here.
        straight = prepared.dtype is tensor.dtype and op.op is kind and mine
        value = tensor if straight else fresh(tensor.shape, prepared.dtype).copy_(prepared)
        target = DeviceTarget(value, load=True)

        def finish() -> None:
            target.finish()
            if not straight:
                deliver(value)

        options = {"op": _NAMES[kind]} if dst is None else {"op": _NAMES[kind], "dst": self._ranks[dst]}
        return self._call(call, target.face, finish=finish, result=[tensor], **options)

    def reduce_scatter(self, output: Any, tensors: list[Any], op: ReduceOp) -> Work:
        """Reduce ``tensors[i]``, which may differ in size, over all ranks into ``output`` of rank i."""
        with torch.no_grad():
            whole = torch.cat([t.detach().reshape(-1) for t in tensors])
        return self._reduce_scatter(output, whole, [t.numel() for t in tensors], op)

    def reduce_scatter_into(self, output: Any, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks; rank i's ``output`` gets its i-th part."""
        return self._reduce_scatter(output, tensor.detach().reshape(-1), [output.numel()] * self.size, op)

    def _reduce_scatter(self, output: Any, whole: Any, counts: list[int], op: ReduceOp) -> Work:
        prepared, kind = self._prepared(whole, op)
        uneven = len(set(counts)) > 1
        if not self._served(prepared, kind) or (uneven and kind is RedOpType.PRODUCT):
            with torch.no_grad():
                mine = self._gathered(prepared, kind).split(counts)[self.rank]
                output.detach().copy_(mine.reshape(output.shape))
            self._finished(output.detach(), op)
            return Work([output])
        part = fresh((counts[self.rank],), prepared.dtype)
        target = DeviceTarget(part)

        def finish() -> None:
            target.finish()
            with torch.no_grad():
                output.detach().copy_(part.reshape(output.shape))
            self._finished(output.detach(), op)

        arguments = target.face, device_source(prepared)
        if uneven:
            return self._call(
                "reduce_scatter_tensor_uneven", *arguments, finish=finish, result=[output],
                input_split_sizes=counts, op=_NAMES[kind],
            )  # fmt: skip
        return self._call("reduce_scatter_tensor", *arguments, finish=finish, result=[output], op=_NAMES[kind])

    # ------------------------------------------------------------------ copies
    def broadcast(self, tensor: Any, src: int) -> Work:
        """Copy ``tensor`` of ``src`` into everybody's."""
        target = DeviceTarget(tensor, load=True)
        return self._call("broadcast", target.face, self._ranks[src], finish=target.finish, result=[tensor])

    def allgather_into(self, output: Any, tensor: Any) -> Work:
        """Copy all ranks' ``tensor`` one after the other into ``output``."""
        target = DeviceTarget(output, (output.numel(),))
        sent = device_source(tensor.reshape(-1))
        return self._call("all_gather_into_tensor", target.face, sent, finish=target.finish, result=[output])

    def allgather(self, outputs: list[Any], tensor: Any) -> Work:
        """Copy rank i's ``tensor``, which may differ in size, into ``outputs[i]``, everywhere."""
        counts = [t.numel() for t in outputs]
        whole = fresh((sum(counts),), tensor.dtype)
        target = DeviceTarget(whole)

        def finish() -> None:
            target.finish()
            with torch.no_grad():
                for output, part in zip(outputs, whole.split(counts), strict=True):
                    output.detach().copy_(part.reshape(output.shape))

        arguments = target.face, device_source(tensor.reshape(-1))
        if len(set(counts)) == 1:
            return self._call("all_gather_into_tensor", *arguments, finish=finish, result=outputs)
        return self._call(
            "all_gather_into_tensor_uneven", *arguments, finish=finish, result=outputs, output_split_sizes=counts
        )

    def gather(self, outputs: list[Any] | None, tensor: Any, dst: int) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]`` of ``dst``."""
        sent = [tensor if peer == dst else tensor.new_empty(0) for peer in range(self.size)]
        return self.alltoall(outputs or [tensor.new_empty(0) for _ in range(self.size)], sent)

    def scatter(self, output: Any, tensors: list[Any] | None, src: int) -> Work:
        """Copy ``tensors[i]`` of ``src`` into ``output`` of rank i."""
        received = [output if peer == src else output.new_empty(0) for peer in range(self.size)]
        return self.alltoall(received, tensors or [output.new_empty(0) for _ in range(self.size)])

    def alltoall(self, outputs: list[Any], tensors: list[Any]) -> Work:
        """Copy ``tensors[j]`` of rank i into ``outputs[i]`` of rank j."""
        counts = [t.numel() for t in outputs]
        with torch.no_grad():
            sent = torch.cat([t.detach().reshape(-1) for t in tensors])
        whole = fresh((sum(counts),), sent.dtype)
        work = self.alltoall_into(whole, sent, counts, [t.numel() for t in tensors])

        def finish() -> None:
            work.wait()
            with torch.no_grad():
                for output, part in zip(outputs, whole.split(counts), strict=True):
                    output.detach().copy_(part.reshape(output.shape))

        return HCCLWork(None, finish, outputs)

    def alltoall_into(self, output: Any, tensor: Any, output_splits: list[int], input_splits: list[int]) -> Work:
        """As ``alltoall``, of the parts of ``tensor`` and ``output`` along dimension 0 (no splits: equal parts)."""
        target = DeviceTarget(output)
        return self._call(
            "all_to_all_single", target.face, device_source(tensor), finish=target.finish, result=[output],
            output_split_sizes=output_splits or None, input_split_sizes=input_splits or None,
        )  # fmt: skip

    def barrier(self) -> Work:
        """Complete when all ranks came here."""
        return self._call("barrier")

    # ------------------------------------------------------------------ point to point
    def _point_to_point(self, call: str, face: Any, peer: int, tag: int, finish: Any, result: Any) -> Work:
        if tag != 0:
            raise NotImplementedError(f"torch.distributed.{call} with tag {tag} is not supported on HCCL: use tag 0")
        self._messages += 1
        record = recorder.add(
            self.group_name, self._messages, call, self.timeout, (), tensors(*result), "", peer, True
        )  # fmt: skip
        work = HCCLWork(None, finish, result, face, record)
        if self._batch is None:
            record.begin()
            work.handle = _mint(call)(face, self._ranks[peer], group=self._name)
            return work
        self._batch.operations.append(_mint("P2POp")(call, face, self._ranks[peer], group=self._name))
        self._batch.works.append(work)
        return work

    def send(self, tensor: Any, dst: int, tag: int, buffered: bool = False) -> Work:
        """Send ``tensor`` to ``dst``; ``buffered``: from a copy, so that the caller may write to it at once."""
        sent = tensor.detach().clone() if buffered else tensor
        return self._point_to_point("isend", device_source(sent), dst, tag, None, [tensor])

    def recv(self, tensor: Any, src: int | None, tag: int) -> Work:
        """Receive into ``tensor`` from ``src``."""
        if src is None:
            raise NotImplementedError("torch.distributed.recv from any rank is not supported on HCCL: name the source")
        target = DeviceTarget(tensor)
        return self._point_to_point("irecv", target.face, src, tag, target.finish, [tensor])

    def start_coalescing(self) -> None:
        """From here, sends and receives are collected and issued together."""
        self._batch = _Batch()

    def end_coalescing(self) -> Work:
        """Issue what was collected; the work of all of it."""
        batch, self._batch = self._batch, None
        if batch is None or not batch.operations:
            return Work()
        (handle,) = _mint("batch_isend_irecv")(batch.operations)
        for work in batch.works:
            work.handle = handle
        return HCCLWork(handle, None, None, batch)

    # ------------------------------------------------------------------ bytes
    def allgather_bytes(self, payload: bytes) -> list[bytes]:
        """Everybody's ``payload``, by rank. Sizes may differ."""
        sizes = fresh((self.size,), torch.int64)
        self.allgather_into(sizes, torch.tensor([len(payload)])).wait()
        outputs = [torch.empty(n, dtype=torch.uint8) for n in sizes.tolist()]
        mine = torch.from_numpy(np.frombuffer(payload, np.uint8).copy())
        self.allgather(outputs, mine).wait()
        return [output.numpy().tobytes() for output in outputs]

    def broadcast_bytes(self, payload: bytes | None, src: int) -> bytes:
        """``payload`` of ``src``, everywhere."""
        size = torch.tensor([len(payload or b"")])
        self.broadcast(size, src).wait()
        given = payload if self.rank == src and payload is not None else bytes(int(size))
        data = torch.from_numpy(np.frombuffer(given, np.uint8).copy())
        self.broadcast(data, src).wait()
        return data.numpy().tobytes()

    # ------------------------------------------------------------------ groups
    def new_group(self, rank: int, ranks: list[int]) -> CollectiveBackend:
        """The backend of the subgroup of the group ranks ``ranks``. One for the same ranks is shared."""
        if len(ranks) == 1:
            return SingleProcessBackend()
        members = [self._ranks[r] for r in ranks]
        name = self._groups.get(tuple(members)) or _mint("new_group")(members)
        if not name:
            raise DistBackendError(f"MindSpore could not make the HCCL group of ranks {members}")
        self._groups[tuple(members)] = name
        return HCCLBackend(name, rank, members, self.timeout)

    def shutdown(self) -> None:
        """Unmake the group when nobody else uses it."""
        self._users[self._name] -= 1
        if not self._users[self._name]:
            self._groups.pop(tuple(self._ranks), None)
            _mint("destroy_process_group")(self._name)
