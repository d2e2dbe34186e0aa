"""A breakpoint on one rank. Arguments: which, the directory for results."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import mindtorch as torch
import mindtorch.distributed as dist


def main() -> None:
    """Stop, change a variable, step over a collective, go on."""
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank = dist.get_rank()
    secret = 40 + rank
    for i in range(2):
        dist.breakpoint(int(sys.argv[1]), skip=1)
        secret += i
    x = torch.tensor([float(secret)])
    dist.all_reduce(x)
    Path(sys.argv[2], f"breakpoint-{rank}").write_text(str(x.item()))


if __name__ == "__main__":
    main()
