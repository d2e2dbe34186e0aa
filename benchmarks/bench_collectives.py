"""Collectives of mindtorch against the same calls of bare mpi4py, and how long ranks take to start.

    python benchmarks/bench_collectives.py [--ranks 2 4] [--repeat 7]

In one run of `mindtorchrun` both are timed in turns on buffers of the same size; a round is the time of the slowest
rank. Printed: the best and the median round in milliseconds, and the ratio of the best ones. The start-up time is that
of `mindtorchrun` from its start to the moment when all ranks have finished ``init_process_group`` and one barrier.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = {"1 MB": 1 << 20, "64 MB": 1 << 26}


def timed(call: Callable[[], None], world: Any, seconds: float) -> float:
    """The time of one call on the slowest rank, of as many calls as fit."""
    from mpi4py import MPI

    world.Barrier()
    start = time.perf_counter()
    call()
    once = world.allreduce(time.perf_counter() - start, MPI.MAX)
    count = max(1, int(seconds / once))
    world.Barrier()
    start = time.perf_counter()
    for _ in range(count):
        call()
    return world.allreduce((time.perf_counter() - start) / count, MPI.MAX)


def rank(repeat: int, seconds: float) -> None:
    """What every rank does; rank 0 prints JSON."""
    import mindtorch as torch
    import mindtorch.distributed as dist
    import numpy as np

    dist.init_process_group("gloo")
    dist.barrier()
    if dist.get_rank() == 0:
        print(json.dumps({"ready": time.time()}), flush=True)
    from mpi4py import MPI

    world, size, me = MPI.COMM_WORLD, dist.get_world_size(), dist.get_rank()
    peer = me ^ 1
    results = {}
    for label, n_bytes in SIZES.items():
        ours, bare = torch.ones(n_bytes // 4), np.ones(n_bytes // 4, np.float32)
        part, bare_part = torch.ones(n_bytes // 4 // size), np.ones(n_bytes // 4 // size, np.float32)
        got, bare_got = torch.ones(n_bytes // 4), np.ones(n_bytes // 4, np.float32)

        def exchange(ours: Any = ours, got: Any = got) -> None:
            if me % 2 == 0:
                dist.send(ours, peer)
                dist.recv(got, peer)
            else:
                dist.recv(got, peer)
                dist.send(ours, peer)

        def bare_exchange(bare: Any = bare, bare_got: Any = bare_got) -> None:
            if me % 2 == 0:
                world.Send(bare, peer)
                world.Recv(bare_got, peer)
            else:
                world.Recv(bare_got, peer)
                world.Send(bare, peer)

        def reduce(ours: Any = ours) -> None:
            dist.all_reduce(ours, dist.ReduceOp.MAX)

        def bare_reduce(bare: Any = bare) -> None:
            world.Allreduce(MPI.IN_PLACE, bare, MPI.MAX)

        def gather(got: Any = got, part: Any = part) -> None:
            dist.all_gather_into_tensor(got, part)

        def bare_gather(bare_part: Any = bare_part, bare_got: Any = bare_got) -> None:
            world.Allgather(bare_part, bare_got)

        pairs = (("all_reduce", reduce, bare_reduce), ("all_gather", gather, bare_gather),
                 ("send and recv", exchange, bare_exchange))  # fmt: skip
        for name, call, bare_call in pairs:
            rounds: list[list[float]] = [[], []]
            for _ in range(repeat):
                for i, one in enumerate((call, bare_call)):
                    rounds[i].append(timed(one, world, seconds))
            results[f"{name}, {label}"] = rounds
    if me == 0:
        print(json.dumps({"rounds": results}), flush=True)
    dist.destroy_process_group()


def main() -> None:
    """Start the ranks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4], help="world sizes")
    parser.add_argument("--repeat", type=int, default=7, help="rounds")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a round")
    parser.add_argument("--as-rank", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_rank:
        rank(args.repeat, args.seconds)
        return
    launcher = Path(sys.executable).with_name("mindtorchrun")
    print(f"{'ranks':>5}  {'call':<22}{'mindtorch ms':>18}{'mpi4py ms':>18}{'ratio':>8}")
    for count in args.ranks:
        start = time.time()
        flags = [__file__, "--as-rank", f"--repeat={args.repeat}", f"--seconds={args.seconds}"]
        done = subprocess.run(
            [launcher, f"--nproc_per_node={count}", "--standalone", *flags],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for name, (ours, bare) in lines[1]["rounds"].items():
            shown = [f"{min(x) * 1e3:.3f} / {statistics.median(x) * 1e3:.3f}" for x in (ours, bare)]
            print(f"{count:>5}  {name:<22}{shown[0]:>18}{shown[1]:>18}{min(ours) / min(bare):>8.2f}")
        print(f"{count:>5}  start-up {lines[0]['ready'] - start:.2f} s")


if __name__ == "__main__":
    main()
