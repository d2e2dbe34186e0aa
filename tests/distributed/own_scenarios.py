"""Programs whose outcome PyTorch leaves open or gloo has not: each gives what came out and what is right."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

SCENARIOS: dict[str, Callable[[Any, int, int, Path], tuple[Any, Any]]] = {}


def scenario(function: Any) -> Any:
    """Register."""
    SCENARIOS[function.__name__] = function
    return function


@scenario
def freed_and_overwritten_after_isend(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """As interleaved pipelines do: the output's data is given up right after the send was started."""
    dist, count = lib.distributed, 1 << 20
    right, left = (rank + 1) % size, (rank - 1) % size
    works, tensors = [], []
    for i in range(3):
        x = lib.full((count,), float(rank * 10 + i))
        works.append(dist.isend(x, right))
        if i == 0:
            x.zero_()
        elif i == 1:
            x.data = lib.empty(1)
        else:
            x.untyped_storage().resize_(0)
        tensors.append(x)
    got = []
    for _ in range(3):
        y = lib.empty(count)
        dist.recv(y, left)
        got.append([float(y[0]), float(y[-1])])
    for work in works:
        work.wait()
    return got, [[float(left * 10 + i)] * 2 for i in range(3)]


@scenario
def outputs_that_are_parts_of_inputs(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """Shards of a buffer, gathered into it and reduced from it."""
    dist = lib.distributed
    buffer = lib.zeros(size * 3)
    mine = buffer[rank * 3 : rank * 3 + 3]
    mine.fill_(rank + 1)
    dist.all_gather_into_tensor(buffer, mine)
    gathered = buffer.tolist()
    buffer.copy_(lib.arange(size * 3.0))
    dist.reduce_scatter_tensor(mine, buffer)
    whole = [float(i) for i in range(size * 3)]
    reduced = buffer.tolist()
    right = [*whole[: rank * 3], *[size * v for v in whole[rank * 3 : rank * 3 + 3]], *whole[rank * 3 + 3 :]]
    parts = list(lib.full((size,), float(rank)).chunk(size))
    dist.all_gather(parts, parts[rank])
    return (gathered, reduced, [float(p) for p in parts]), (
        [float(i // 3 + 1) for i in range(size * 3)], right, [float(i) for i in range(size)]
    )  # fmt: skip


@scenario
def a_store_is_waited_for_while_a_peer_receives(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """The bytes of a large message move although its sender waits for a key, set once they have come."""
    dist, store = lib.distributed, lib.distributed.distributed_c10d._get_default_store()
    if rank == 0:
        work = dist.isend(lib.ones(1 << 20), 1)
        store.wait(["received"], timedelta(seconds=30))
        work.wait()
    elif rank == 1:
        x = lib.zeros(1 << 20)
        dist.recv(x, 0)
        store.set("received", str(float(x.sum())))
    return store.get("received"), str(float(1 << 20)).encode()


@scenario
def coalesced(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    tensors = [lib.full((3,), float(rank + i)) for i in range(4)]
    with dist._coalescing_manager(async_ops=True) as manager:
        for t in tensors:
            dist.all_reduce(t)
    manager.wait()
    dist.all_reduce_coalesced(tensors[:2])
    total = sum(range(size))
    right = [float((total + size * i) * (size if i < 2 else 1)) for i in range(4)]
    return [t.tolist()[0] for t in tensors], right


@scenario
def split(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    group = dist.split_group(split_ranks=[[0], list(range(1, size))])
    x = lib.ones(1)
    dist.all_reduce(x, group=group)
    return (group.rank(), group.size(), float(x)), ((0, 1, 1.0) if rank == 0 else (rank - 1, size - 1, size - 1.0))


@scenario
def to_oneself(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    x, y = lib.full((4,), float(rank)), lib.zeros(4)
    for work in dist.batch_isend_irecv([dist.P2POp(dist.isend, x, rank), dist.P2POp(dist.irecv, y, rank)]):
        work.wait()
    return y.tolist(), x.tolist()


@scenario
def sizes_that_differ(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """Lists of tensors of each rank's own size; a message of another size than its receiver expects."""
    dist = lib.distributed
    parts = [lib.zeros(i + 1) for i in range(size)]
    dist.all_gather(parts, lib.full((rank + 1,), float(rank)))
    kind = ""
    if rank == 0:
        dist.send(lib.ones(2), 1)
    elif rank == 1:
        try:
            dist.recv(lib.zeros(3), 0)
        except dist.DistBackendError as error:
            kind = str(error).split(": ")[1]
    right = "expected 12 bytes, got 8 from rank 0" if rank == 1 else ""
    return ([p.tolist() for p in parts], kind), ([[float(i)] * (i + 1) for i in range(size)], right)


@scenario
def time_limits(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """A rank that does not come is missed, by name of the call; and the work is done when it does come."""
    dist, x = lib.distributed, lib.ones(1)
    text = ""
    if rank == 0:
        work = dist.irecv(x, 1, tag=5)
        try:
            work.wait(timedelta(milliseconds=50))
        except dist.DistBackendError as error:
            text = str(error)
        dist.barrier()
        work.wait()
    else:
        dist.barrier()
        if rank == 1:
            dist.send(lib.full((1,), 3.0), 0, tag=5)
    said = text.startswith("receive from 1 on rank 0 of group 0") and "timed out after 50 ms" in text
    return (said, float(x)), ((True, 3.0) if rank == 0 else (False, 1.0))


@scenario
def environment(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """Rank and size were MPI's: no variable of torchrun's is set."""
    assert "RANK" not in os.environ
    dist = lib.distributed
    return (dist.get_rank(), dist.get_world_size(), dist.get_node_local_rank()), (rank, size, rank)
