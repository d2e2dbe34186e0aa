"""``torch.distributed.run`` (torchrun): start a training script with the environment of a process group."""

from __future__ import annotations

import argparse
import os
import runpy
import socket
import sys
import uuid
from collections.abc import Sequence

__all__ = ["get_args_parser", "main", "run"]


def get_args_parser() -> argparse.ArgumentParser:
    """torchrun's flags."""
    parser = argparse.ArgumentParser(
        prog="mindtorchrun", description="Start a training script with the environment of a process group."
    )
    for names, default, text in (
        (("--nnodes",), "1:1", "number of nodes, or a range <min>:<max>"),
        (("--nproc-per-node", "--nproc_per_node"), "1", "processes on this node: a number, 'auto', 'cpu' or 'gpu'"),
        (("--rdzv-backend", "--rdzv_backend"), "static", "rendezvous backend"),
        (("--rdzv-endpoint", "--rdzv_endpoint"), "", "rendezvous endpoint <host>:<port>"),
        (("--rdzv-id", "--rdzv_id"), "none", "job id"),
        (("--rdzv-conf", "--rdzv_conf"), "", "rendezvous configuration <key>=<value>,..."),
        (("--start-method", "--start_method"), "spawn", "how worker processes are started"),
        (("--role",), "default", "role of the workers"),
        (("--log-dir", "--log_dir"), None, "where log files go"),
        (("-r", "--redirects"), "0", "streams redirected to files"),
        (("-t", "--tee"), "0", "streams copied to files"),
        (("--local-ranks-filter", "--local_ranks_filter"), "", "local ranks whose output is shown"),
        (("--logs-specs", "--logs_specs"), None, "entry point of the log specification"),
        (("--node-rank", "--node_rank"), "0", "rank of this node"),
        (("--master-addr", "--master_addr"), "127.0.0.1", "address of rank 0"),
        (("--master-port", "--master_port"), "29500", "port of rank 0"),
        (("--local-addr", "--local_addr"), None, "address of this node"),
    ):
        parser.add_argument(*names, default=default, help=text)
    parser.add_argument("--max-restarts", "--max_restarts", type=int, default=0, help="restarts after a failure")
    parser.add_argument("--monitor-interval", "--monitor_interval", type=float, default=0.1, help="seconds")
    parser.add_argument("--standalone", action="store_true", help="one node, free port")
    parser.add_argument("-m", "--module", action="store_true", help="the script is a module, as in python -m")
    parser.add_argument("--no-python", "--no_python", action="store_true", help="the script is a program of its own")
    parser.add_argument("--run-path", "--run_path", action="store_true", help="run the script in this interpreter")
    parser.add_argument("training_script", help="script, module or program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def _processes_per_node(value: str) -> int:
    """The number that ``--nproc-per-node`` means."""
    if value in ("auto", "cpu", "gpu"):
        # One process drives one device, and there is one device a host until several processes are supported.
        return (os.cpu_count() or 1) if value == "cpu" else 1
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"Unsupported nproc_per_node value: {value}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(args: argparse.Namespace) -> dict[str, str]:
    """The variables that torchrun sets for the only process."""
    address, port = args.master_addr, str(args.master_port)
    if args.standalone:
        address, port = "127.0.0.1", str(_free_port())
    elif args.rdzv_endpoint:
        host, _, endpoint_port = args.rdzv_endpoint.partition(":")
        address, port = host, endpoint_port or port
    return {
        "LOCAL_RANK": "0",
        "RANK": "0",
        "GROUP_RANK": "0",
        "ROLE_RANK": "0",
        "ROLE_NAME": args.role,
        "LOCAL_WORLD_SIZE": "1",
        "WORLD_SIZE": "1",
        "GROUP_WORLD_SIZE": "1",
        "ROLE_WORLD_SIZE": "1",
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": str(args.max_restarts),
        "TORCHELASTIC_RUN_ID": str(uuid.uuid4()) if args.standalone else args.rdzv_id,
        "TORCHELASTIC_USE_AGENT_STORE": "False",
    }


def _command(args: argparse.Namespace) -> list[str]:
    rest = [args.training_script, *args.training_script_args]
    if args.no_python:
        if args.module:
            raise ValueError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        return rest
    return [sys.executable, "-u", *(["-m"] if args.module else []), *rest]


def run(args: argparse.Namespace) -> None:
    """Become the training script (returns only with ``--run-path``).

    Raises:
        ValueError: flags that contradict each other.
        NotImplementedError: more than one process.
    """
    nodes = int(args.nnodes.split(":")[-1])
    per_node = _processes_per_node(args.nproc_per_node)
    if nodes * per_node != 1:
        raise NotImplementedError(
            f"{nodes} node(s) with {per_node} process(es) each are not supported yet: use --nproc_per_node 1"
        )
    command = _command(args)
    os.environ.update(_environment(args))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.stdout.flush()
    if args.run_path:
        sys.argv = [args.training_script, *args.training_script_args]
        runpy.run_path(args.training_script, run_name="__main__")
        return
    os.execvp(command[0], command)


def main(args: Sequence[str] | None = None) -> None:
    """Entry point of ``mindtorchrun``; exit code 2 for what cannot be started."""
    parsed = get_args_parser().parse_args(args)
    try:
        run(parsed)
    except (NotImplementedError, ValueError) as error:
        print(f"mindtorchrun: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
