"""``mindtorchrun``: torchrun's command line. One process so far; more ranks need a collective backend."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("mindtorchrun", description="Start a training script as torchrun does.")
    for names in (("--nproc-per-node", "--nproc_per_node"), ("--nnodes",), ("--node-rank", "--node_rank")):
        parser.add_argument(*names, default="0" if "rank" in names[0] else "1")
    parser.add_argument("--master-addr", "--master_addr", default="127.0.0.1")
    parser.add_argument("--master-port", "--master_port", type=int, default=29500)
    parser.add_argument("--standalone", action="store_true", help="one node; accepted, nothing to set up")
    parser.add_argument("-m", "--module", action="store_true", help="the script is a module name")
    parser.add_argument("script", help="the training script")
    parser.add_argument("script_args", nargs=argparse.REMAINDER)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Set the variables that torchrun sets and run the script in this process. Exit code 2: what is not supported."""
    args = _parser().parse_args(argv)
    if args.nproc_per_node != "1" or args.nnodes not in ("1", "1:1"):
        print(
            f"mindtorchrun: --nproc_per_node {args.nproc_per_node} --nnodes {args.nnodes} is not supported yet: "
            "only one process on one node",
            file=sys.stderr,
        )
        return 2
    for name, value in {
        "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0", "ROLE_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1",
        "ROLE_WORLD_SIZE": "1", "MASTER_ADDR": args.master_addr, "MASTER_PORT": str(args.master_port),
        "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0", "TORCHELASTIC_RUN_ID": "none",
    }.items():  # fmt: skip
        os.environ[name] = value
    sys.argv = [args.script, *args.script_args]
    if args.module:
        runpy.run_module(args.script, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(args.script)))
        runpy.run_path(args.script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
