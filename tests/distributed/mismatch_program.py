"""Calls on which the ranks do not agree, one after the other; each is caught. Arguments: the directory for results.

After each, the group is used once more: a disagreement that was found leaves it as it was.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist

CASES: dict[str, Callable[[int], Any]] = {}


def case(function: Callable[[int], Any]) -> Callable[[int], Any]:
    """Register."""
    CASES[function.__name__] = function
    return function


@case
def sizes(rank: int) -> None:
    dist.all_reduce(torch.ones(4 + rank))


@case
def large_sizes(rank: int) -> None:
    dist.all_reduce(torch.ones(300_000 * (1 + rank)))


@case
def dtypes(rank: int) -> None:
    dist.all_reduce(torch.ones(4, dtype=torch.float64 if rank else torch.float32))


@case
def operations(rank: int) -> None:
    dist.all_reduce(torch.ones(4), op=dist.ReduceOp.MAX if rank else dist.ReduceOp.SUM)


@case
def roots(rank: int) -> None:
    dist.broadcast(torch.ones(4), src=rank)


@case
def calls(rank: int) -> None:
    if rank:
        dist.all_gather([torch.empty(4), torch.empty(4)], torch.ones(4))
    else:
        dist.all_reduce(torch.ones(4))


@case
def barrier_and_broadcast(rank: int) -> None:
    if rank:
        dist.barrier()
    else:
        dist.broadcast(torch.ones(4), 0)


@case
def gathered_sizes(rank: int) -> None:
    dist.all_gather_into_tensor(torch.empty(2 * (4 + rank)), torch.ones(4 + rank))


@case
def scattered_sizes(rank: int) -> None:
    dist.reduce_scatter_tensor(torch.empty(4 + rank), torch.ones(2 * (4 + rank)))


@case
def lists(rank: int) -> None:
    dist.all_gather([torch.empty(4), torch.empty(4 + rank)], torch.ones(4 + rank))


@case
def parts(rank: int) -> None:
    """Rank 1 expects 3 elements of rank 0, which sends 2."""
    given, taken = [[2, 2], [2, 2]][rank], [[2, 2], [3, 2]][rank]
    dist.all_to_all_single(torch.empty(sum(taken)), torch.ones(4), taken, given)


@case
def object_and_tensor(rank: int) -> None:
    if rank:
        dist.broadcast_object_list([None], 0)
    else:
        dist.broadcast(torch.ones(4), 0)


@case
def asynchronous(rank: int) -> None:
    """The first and the last of three are right."""
    right, wrong, last = torch.ones(4), torch.ones(4 + rank), torch.ones(4)
    works = [dist.all_reduce(x, async_op=True) for x in (right, wrong, last) if x is not wrong]
    try:
        works.append(dist.all_reduce(wrong, async_op=True))
        works[-1].wait()
    finally:
        for work in works[:2]:
            work.wait()
        assert right.tolist() == last.tolist() == [2.0] * 4


@case
def long_message(rank: int) -> None:
    if rank:
        dist.recv(torch.empty(2), 0)
    else:
        dist.send(torch.ones(4), 1)


@case
def short_message(rank: int) -> None:
    if rank:
        dist.recv(torch.empty(8), 0)
    else:
        dist.send(torch.ones(4), 1)


@case
def groups(rank: int) -> None:
    dist.new_group([0, 1] if rank else [0])


@case
def shapes(rank: int) -> None:
    """The same number of elements: of no concern, but with TORCH_DISTRIBUTED_DEBUG=DETAIL."""
    dist.all_reduce(torch.ones(2, 2) if rank else torch.ones(4))


def main() -> None:
    """Run all of them."""
    dist.init_process_group("gloo", timeout=timedelta(seconds=30))
    rank, outcome = dist.get_rank(), {}
    for name, function in CASES.items():
        try:
            function(rank)
            outcome[name] = ""
        except dist.DistBackendError as error:
            outcome[name] = str(error)
        x = torch.full((3,), float(rank))
        dist.all_reduce(x)
        assert x.tolist() == [1.0] * 3, name
    Path(sys.argv[1], f"mismatch{os.environ.get('TORCH_DISTRIBUTED_DEBUG', '')}-{rank}.json").write_text(
        json.dumps(outcome)
    )
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
