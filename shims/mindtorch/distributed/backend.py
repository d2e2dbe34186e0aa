"""What a collectives library has to offer, and the one for a single process; ``_backends.py`` chooses.

A backend object serves one process group. Tensors are handed over as they are (any strides); ranks are group ranks;
everything is in place and returns a ``Work``. The public functions check arguments, so that a backend need not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any

import mindtorch as torch
from mindtorch.distributed._types import RedOpType, ReduceOp, Work, default_pg_timeout

__all__ = ["CollectiveBackend", "SingleProcessBackend"]


class CollectiveBackend(ABC):
    """Collectives of one process group of ``size`` ranks, seen from ``rank``."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size
        self.group_name = "0"  # set by the process group, for messages
        self.timeout = default_pg_timeout

    @abstractmethod
    def allreduce(self, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into itself."""

    @abstractmethod
    def reduce(self, tensor: Any, dst: int, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks into that of ``dst``."""

    @abstractmethod
    def broadcast(self, tensor: Any, src: int) -> Work:
        """Copy ``tensor`` of ``src`` into everybody's."""

    @abstractmethod
    def allgather(self, outputs: list[Any], tensor: Any) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]``, everywhere."""

    @abstractmethod
    def allgather_into(self, output: Any, tensor: Any) -> Work:
        """Copy all ranks' ``tensor`` one after the other into ``output``."""

    @abstractmethod
    def reduce_scatter(self, output: Any, tensors: list[Any], op: ReduceOp) -> Work:
        """Reduce ``tensors[i]`` over all ranks into ``output`` of rank i."""

    @abstractmethod
    def reduce_scatter_into(self, output: Any, tensor: Any, op: ReduceOp) -> Work:
        """Reduce ``tensor`` over all ranks; rank i's ``output`` gets its i-th part."""

    @abstractmethod
    def gather(self, outputs: list[Any] | None, tensor: Any, dst: int) -> Work:
        """Copy rank i's ``tensor`` into ``outputs[i]`` of ``dst``."""

    @abstractmethod
    def scatter(self, output: Any, tensors: list[Any] | None, src: int) -> Work:
        """Copy ``tensors[i]`` of ``src`` into ``output`` of rank i."""

    @abstractmethod
    def alltoall(self, outputs: list[Any], tensors: list[Any]) -> Work:
        """Copy ``tensors[j]`` of rank i into ``outputs[i]`` of rank j."""

    @abstractmethod
    def alltoall_into(self, output: Any, tensor: Any, output_splits: list[int], input_splits: list[int]) -> Work:
        """As ``alltoall``, of the parts of ``tensor`` and ``output`` along dimension 0 (no splits: equal parts)."""

    @abstractmethod
    def barrier(self) -> Work:
        """Complete when all ranks came here."""

    @abstractmethod
    def send(self, tensor: Any, dst: int, tag: int, buffered: bool = False) -> Work:
        """Send ``tensor`` to ``dst``; ``buffered``: the caller may free it or write to it at once."""

    @abstractmethod
    def recv(self, tensor: Any, src: int | None, tag: int) -> Work:
        """Receive into ``tensor`` from ``src`` (None: from anybody)."""

    @abstractmethod
    def allgather_bytes(self, payload: bytes) -> list[bytes]:
        """Everybody's ``payload``, by rank. Sizes may differ."""

    @abstractmethod
    def broadcast_bytes(self, payload: bytes | None, src: int) -> bytes:
        """``payload`` of ``src``, everywhere."""

    def start_coalescing(self) -> None:  # noqa: B027 (grouping is optional)
        """From here, calls may be collected and issued together."""

    def end_coalescing(self) -> Work:
        """Issue what was collected; the work of all of it."""
        return Work()

    def monitored_barrier(self, timeout: timedelta, wait_all_ranks: bool) -> list[int]:
        """As ``barrier``, within ``timeout``: the ranks that were not heard from (nobody: empty)."""
        raise NotImplementedError("torch.distributed.monitored_barrier is only implemented for GLOO and MPI backends")

    def agree(self, call: str, details: tuple[Any, ...], timeout: timedelta) -> None:  # noqa: B027 (see below)
        """Wait until all ranks have come to a step of set-up, where the library's own call for it has no time limit.

        Raises:
            DistBackendError: not all came in time, or with other details.
        """

    def new_group(self, rank: int, ranks: list[int]) -> CollectiveBackend:
        """The backend of the subgroup of the group ranks ``ranks``, in which this process is ``rank``."""
        raise NotImplementedError(f"{type(self).__name__}.new_group")

    def shutdown(self) -> None:  # noqa: B027 (not every backend holds something)
        """Release what the group holds."""


class SingleProcessBackend(CollectiveBackend):
    """The collectives of a group of one: copies, and the scaling of PREMUL_SUM."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    @staticmethod
    def _copy(output: Any, tensor: Any) -> None:
        with torch.no_grad():
            source = tensor.detach()
            output.copy_(source if source.shape == output.shape else source.reshape(output.shape))

    @staticmethod
    def _scale(tensor: Any, op: ReduceOp) -> None:
        if op.op is RedOpType.PREMUL_SUM:
            with torch.no_grad():
                tensor.mul_(op.factor)

    def allreduce(self, tensor: Any, op: ReduceOp) -> Work:
        """The sum over one rank."""
        self._scale(tensor, op)
        return Work([tensor])

    def reduce(self, tensor: Any, dst: int, op: ReduceOp) -> Work:
        """The sum over one rank."""
        return self.allreduce(tensor, op)

    def broadcast(self, tensor: Any, src: int) -> Work:
        """Nothing to copy."""
        return Work([tensor])

    def allgather(self, outputs: list[Any], tensor: Any) -> Work:
        """One copy."""
        self._copy(outputs[0], tensor)
        return Work([outputs])

    def allgather_into(self, output: Any, tensor: Any) -> Work:
        """One copy."""
        self._copy(output, tensor)
        return Work([output])

    def reduce_scatter(self, output: Any, tensors: list[Any], op: ReduceOp) -> Work:
        """One copy."""
        return self.reduce_scatter_into(output, tensors[0], op)

    def reduce_scatter_into(self, output: Any, tensor: Any, op: ReduceOp) -> Work:
        """One copy."""
        self._copy(output, tensor)
        self._scale(output, op)
        return Work([output])

    def gather(self, outputs: list[Any] | None, tensor: Any, dst: int) -> Work:
        """One copy."""
        self._copy(outputs[0], tensor)  # type: ignore[index]
        return Work([outputs])

    def scatter(self, output: Any, tensors: list[Any] | None, src: int) -> Work:
        """One copy."""
        self._copy(output, tensors[0])  # type: ignore[index]
        return Work([output])

    def alltoall(self, outputs: list[Any], tensors: list[Any]) -> Work:
        """One copy."""
        self._copy(outputs[0], tensors[0])
        return Work(outputs)

    def alltoall_into(self, output: Any, tensor: Any, output_splits: list[int], input_splits: list[int]) -> Work:
        """One copy."""
        self._copy(output, tensor)
        return Work([output])

    def barrier(self) -> Work:
        """Nobody to wait for."""
        return Work()

    def _no_peer(self, role: str) -> ValueError:
        return ValueError(
            f"Invalid {role} rank: {role} rank should not be the same as the rank of the current process."
        )

    def send(self, tensor: Any, dst: int, tag: int, buffered: bool = False) -> Work:
        """There is nobody else: ValueError."""
        raise self._no_peer("destination")

    def recv(self, tensor: Any, src: int | None, tag: int) -> Work:
        """There is nobody else: ValueError."""
        raise self._no_peer("source")

    def allgather_bytes(self, payload: bytes) -> list[bytes]:
        """Its own."""
        return [payload]

    def broadcast_bytes(self, payload: bytes | None, src: int) -> bytes:
        """Its own."""
        if payload is None:
            raise ValueError("broadcast of an object from a rank that gave none")
        return payload

    def monitored_barrier(self, timeout: timedelta, wait_all_ranks: bool) -> list[int]:
        """Nobody to wait for."""
        return []

    def new_group(self, rank: int, ranks: list[int]) -> CollectiveBackend:
        """Another group of one."""
        return SingleProcessBackend()
