"""What the flight recorder keeps, and what is said when a rank is late. Arguments: the directory for results.

It ends with a group that rank 1 never makes.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch._C._distributed_c10d import _dump_nccl_trace, _dump_nccl_trace_json

SHORT = timedelta(milliseconds=300)


def wait_for(path: Path) -> None:
    """Until another rank made the file."""
    while not path.exists():
        time.sleep(0.01)


def late(work: Any) -> str:
    """The message of a work that does not come to its end in time."""
    try:
        work.wait(SHORT)
    except dist.DistBackendError as error:
        return str(error)
    return ""


def main() -> None:
    """All of it."""
    directory = Path(sys.argv[1])
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank, found = dist.get_rank(), {}
    x = torch.ones(4)
    dist.all_reduce(x)
    tensors = [torch.ones(2) for _ in range(3)]
    futures = [dist.all_reduce(t, async_op=True).get_future().then(lambda f: f.value()[0] + 1) for t in tensors]
    values = torch.futures.collect_all(futures).wait()
    found["futures"] = [future.value().tolist() for future in values]
    dist.all_gather([torch.empty(2), torch.empty(2)], torch.ones(2))
    if rank == 0:
        work = dist.all_reduce(x, op=dist.ReduceOp.MAX, async_op=True)
        found["active"] = json.loads(_dump_nccl_trace_json(onlyActive=True))["entries"]
        found["late"] = late(work)
        found["files"] = sorted(path.name for path in directory.glob("trace_?"))
        found["written"] = json.loads((directory / "trace_0").read_text())
        received = dist.irecv(x, 1)
        found["late message"] = late(received)
        (directory / "go on").touch()
        work.wait()
        received.wait()
    else:
        wait_for(directory / "go on")
        dist.all_reduce(x, op=dist.ReduceOp.MAX)
        dist.send(x, 0)
    found["trace"] = json.loads(_dump_nccl_trace_json())
    found["same"] = pickle.loads(_dump_nccl_trace())["entries"] == found["trace"]["entries"]
    found["without"] = sorted(json.loads(_dump_nccl_trace_json(includeCollectives=False)))
    for _ in range(50):
        dist.barrier()
    found["kept"] = [entry["record_id"] for entry in json.loads(_dump_nccl_trace_json())["entries"]]
    (directory / f"flight-{rank}.json").write_text(json.dumps(found))
    if rank == 1:
        time.sleep(120)
    dist.new_group([0, 1], timeout=timedelta(seconds=1))


if __name__ == "__main__":
    main()
