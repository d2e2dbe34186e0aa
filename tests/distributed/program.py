"""What every rank runs: all cases and all scenarios, with either library. Writes what came out.

Arguments: the library ('torch' or 'mindtorch'), the world size, the directory for results.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import collective_cases
import own_scenarios
import scenarios

LIMIT = timedelta(seconds=60)


def outcome(function: Any, *arguments: Any) -> Any:
    """What a call returns, or the kind and text of what it raises."""
    try:
        return function(*arguments)
    except Exception as error:  # the result: compared with the other library's
        return "raised", type(error).__name__, str(error)


def work(library: str, size: int, directory: Path) -> None:
    """One rank, with a process group that is there already."""
    lib = importlib.import_module(library)
    dist = lib.distributed
    rank = dist.get_rank()
    groups = {ranks: dist.new_group(list(ranks), timeout=LIMIT) for ranks in collective_cases.groups_of(size)}
    results: dict[str, Any] = {}
    for case in collective_cases.cases(size):
        if rank in case.ranks:
            results[str(case)] = outcome(collective_cases.run, lib, case, groups[case.ranks])
    own = own_scenarios.SCENARIOS if library == "mindtorch" else {}
    for name, scenario in {**own, **scenarios.SCENARIOS}.items():
        # Not barrier(): gloo's also waits for works before it, and raises once more what one of them raised if the
        # thread that ran it has not let go of it yet.
        dist.all_reduce(lib.zeros(1))
        results[name] = outcome(scenario, lib, rank, size, directory)
    (directory / f"{library}-{rank}.pickle").write_bytes(pickle.dumps(results))


def torch_rank(rank: int, size: int, directory: Path, finished: Any) -> None:
    """One process of PyTorch's, which meets the others at a file. Gloo's peers must not leave before all are done."""
    import torch.distributed as dist

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    url = f"file://{directory}/torch-rendezvous"
    dist.init_process_group("gloo", init_method=url, rank=rank, world_size=size, timeout=LIMIT)
    work("torch", size, directory)
    finished.wait()


def main() -> None:
    """Start all ranks of PyTorch, or be one of those that mpiexec started."""
    library, size, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if library == "torch":
        import torch

        torch.set_num_threads(1)
        # Forked: PyTorch is imported once.
        finished = torch.multiprocessing.get_context("fork").Barrier(size)
        torch.multiprocessing.start_processes(torch_rank, (size, directory, finished), size, start_method="fork")
        return
    import mindtorch

    mindtorch.distributed.init_process_group("gloo", timeout=LIMIT)
    work("mindtorch", size, directory)
    mindtorch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
