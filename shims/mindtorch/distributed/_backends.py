"""Which collectives library serves a process group, and what this process learns from its launcher."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from datetime import timedelta
from typing import Any

from mindtorch.distributed._join import end_roll_call, host_roll_call
from mindtorch.distributed._mpi import launched_by_mpi, mpi
from mindtorch.distributed._store import Store
from mindtorch.distributed._tcp_store import TCPStore
from mindtorch.distributed._types import DistBackendError
from mindtorch.distributed.backend import CollectiveBackend, SingleProcessBackend
from mindtorch.kernels.ascend.memory import on_ascend

__all__ = ["check_launched", "check_world_size", "create_backend", "store_of_mpi_world"]

_PAUSE = 0.001
_ADDRESS = 1  # tag of rank 0's store
_sent: list[Any] = []  # what was sent stays in memory
_ON_DEVICE = ("nccl", "hccl", "xccl")


def check_world_size(started: int, world_size: int) -> None:
    """ValueError unless mpiexec started as many processes as the world has."""
    if started != world_size:
        source = "WORLD_SIZE" if os.environ.get("WORLD_SIZE") == str(world_size) else "init_process_group's world_size"
        raise ValueError(f"world size is {world_size} ({source}), but mpiexec started {started} processes")


def _wants_device(name: str) -> bool:
    """Whether a name ('nccl', 'cpu:gloo,cuda:nccl') asks for collectives of device memory."""
    return any((part.partition(":")[2] or part) in _ON_DEVICE for part in name.split(","))


def check_launched(name: str, world_size: int) -> None:
    """Several processes on a CPU host have to be started by mpiexec.

    Raises:
        NotImplementedError: it did not start this process.
    """
    if world_size == 1 or (_wants_device(name) and on_ascend()) or launched_by_mpi():
        return
    raise NotImplementedError(
        f"torch.distributed.init_process_group(backend={name!r}) with world size {world_size} is not supported in "
        "processes that mpiexec did not start: start them with mindtorchrun or mpiexec -n, or run one process "
        "(WORLD_SIZE=1)"
    )


def create_backend(name: str, rank: int, world_size: int, store: Any, timeout: timedelta) -> CollectiveBackend:
    """The backend of the default group.

    Args:
        name: what the user asked for. On an Ascend host 'nccl' and 'hccl' (also as 'cuda:nccl') mean HCCL, 'gloo' and
            'mpi' MPI; on a CPU host every name means MPI. One process needs neither.
        store: the store the ranks met at.

    Raises:
        ValueError: mpiexec started another number of processes.
    """
    if world_size == 1:
        return SingleProcessBackend()
    if _wants_device(name) and on_ascend():
        from mindtorch.distributed.hccl_backend import HCCLBackend

        return HCCLBackend.of_world(rank, world_size, timeout)
    from mindtorch.distributed.mpi_backend import MPIBackend

    check_world_size(mpi().COMM_WORLD.size, world_size)
    return MPIBackend.of_world(rank, world_size, timeout)


def store_of_mpi_world(rank: int, world_size: int, timeout: timedelta) -> Store:
    """A store served by rank 0 at a free port, which it tells the others through MPI.

    Raises:
        DistBackendError: rank 0, or a process of this host, did not come in time.
    """
    if "mpi4py.MPI" not in sys.modules:
        host_roll_call(timeout)
    module = mpi()
    end_roll_call()
    world = module.COMM_WORLD
    check_world_size(world.size, world_size)
    if rank == 0:
        server = TCPStore(socket.gethostname(), 0, world_size, True, timeout, wait_for_workers=False)
        address = json.dumps([server.host, server.port]).encode()
        requests = [world.Isend([address, module.BYTE], peer, _ADDRESS) for peer in range(world.size)]
        _sent.append((requests, address))
        world.Recv([bytearray(len(address)), module.BYTE], world.rank, _ADDRESS)
        return server
    status, limit = module.Status(), time.monotonic() + timeout.total_seconds()
    while not world.Iprobe(module.ANY_SOURCE, _ADDRESS, status):
        if time.monotonic() > limit:
            raise DistBackendError(
                f"rank {rank}: init_process_group timed out after {timeout.total_seconds():g} s: rank 0 did not join"
            )
        time.sleep(_PAUSE)
    data = bytearray(status.Get_count(module.BYTE))
    world.Recv([data, module.BYTE], status.Get_source(), _ADDRESS)
    return TCPStore(*json.loads(data), world_size, False, timeout, wait_for_workers=False)
