"""Which collectives library serves a process group, and what this process learns from its launcher."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

from mindtorch.distributed._mpi import launched_by_mpi, mpi
from mindtorch.distributed._store import Store
from mindtorch.distributed._tcp_store import TCPStore
from mindtorch.distributed.backend import CollectiveBackend, SingleProcessBackend
from mindtorch.kernels.ascend.memory import on_ascend

__all__ = ["create_backend", "store_of_mpi_world"]

_ON_DEVICE = ("nccl", "hccl", "xccl")


def _wants_device(name: str) -> bool:
    """Whether a name ('nccl', 'cpu:gloo,cuda:nccl') asks for collectives of device memory."""
    return any((part.partition(":")[2] or part) in _ON_DEVICE for part in name.split(","))


def create_backend(name: str, rank: int, world_size: int, store: Any, timeout: timedelta) -> CollectiveBackend:
    """The backend of the default group.

    Args:
        name: what the user asked for. On an Ascend host 'nccl' and 'hccl' (also as 'cuda:nccl') mean HCCL, 'gloo' and
            'mpi' MPI; on a CPU host every name means MPI. One process needs neither.
        store: the store the ranks met at.

    Raises:
        NotImplementedError: there is more than one rank, and mpiexec did not start them.
        ValueError: mpiexec started another number of processes.
    """
    if world_size == 1:
        return SingleProcessBackend()
    if _wants_device(name) and on_ascend():
        from mindtorch.distributed.hccl_backend import HCCLBackend

        return HCCLBackend.of_world(rank, world_size, timeout)
    if not launched_by_mpi():
        raise NotImplementedError(
            f"torch.distributed.init_process_group(backend={name!r}) with world size {world_size} is not supported in "
            "processes that mpiexec did not start: start them with mindtorchrun or mpiexec -n, or run one process "
            "(WORLD_SIZE=1)"
        )
    from mindtorch.distributed.mpi_backend import MPIBackend

    world = mpi().COMM_WORLD
    if world.size != world_size:
        raise ValueError(f"world size is {world_size}, but mpiexec started {world.size} processes")
    return MPIBackend(world.Split(0, rank), timeout)


def store_of_mpi_world(rank: int, world_size: int, timeout: timedelta) -> Store:
    """A store served by rank 0 at a free port, which it tells the others through MPI."""
    world = mpi().COMM_WORLD
    if world.size != world_size:
        raise ValueError(f"world size is {world_size}, but mpiexec started {world.size} processes")
    server = None
    if rank == 0:
        server = TCPStore(socket.gethostname(), 0, world_size, True, timeout, wait_for_workers=False)
    ranks = world.allgather(rank)
    address = world.bcast(None if server is None else (server.host, server.port), root=ranks.index(0))
    return server or TCPStore(*address, world_size, False, timeout, wait_for_workers=False)
