"""torchrun's flags."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence

__all__ = ["get_args_parser", "parse_args"]

# Flag names, default, help. Each also reads PET_<NAME> from the environment, as torchrun's do.
_VALUES = (
    (("--nnodes",), "1:1", "number of nodes, or <n>:<n>"),
    (("--nproc-per-node", "--nproc_per_node"), "1", "processes on this node: a number, 'auto', 'cpu' or 'gpu'"),
    (("--rdzv-backend", "--rdzv_backend"), "static", "how nodes meet: 'static' or 'c10d'"),
    (("--rdzv-endpoint", "--rdzv_endpoint"), "", "where nodes meet, <host>:<port>"),
    (("--rdzv-id", "--rdzv_id"), "none", "job id"),
    (("--rdzv-conf", "--rdzv_conf"), "", "<key>=<value>,...: join_timeout, timeout (seconds)"),
    (("--start-method", "--start_method"), "spawn", "accepted; processes are always started anew"),
    (("--role",), "default", "role of the workers, the prefix of their lines"),
    (("--log-dir", "--log_dir"), None, "directory of the ranks' log files (default: a temporary one)"),
    (("-r", "--redirects"), "0", "streams written to files instead of the console: 0 none, 1 stdout, 2 stderr, 3 both,"
     " or <local rank>:<n>,..."),
    (("-t", "--tee"), "0", "streams written to files as well as to the console, as for --redirects"),
    (("--local-ranks-filter", "--local_ranks_filter"), "", "local ranks whose --tee output is shown: 0,1,..."),
    (("--logs-specs", "--logs_specs"), None, "not supported"),
    (("--node-rank", "--node_rank"), None, "rank of this node (default: 0)"),
    (("--master-addr", "--master_addr"), "127.0.0.1", "address of the node of rank 0"),
    (("--master-port", "--master_port"), "29500", "port of rank 0; several nodes use the next one, too"),
    (("--local-addr", "--local_addr"), None, "address of this node, where its own name does not resolve"),
)  # fmt: skip
_SWITCHES = (
    (("--standalone",), "one node; free ports"),
    (("-m", "--module"), "the script is a module, as in python -m"),
    (("--no-python", "--no_python"), "the script is a program of its own"),
    (("--run-path", "--run_path"), "run the script by runpy.run_path"),
    (("--dry-run", "--dry_run"), "print what would be started, and start nothing"),
)


def get_args_parser(prog: str = "mindtorchrun") -> argparse.ArgumentParser:
    """torchrun's parser, with ``--dry-run`` and ``--engine`` added."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Start a training script in several processes: by msrun (HCCL) on Ascend, else by mpiexec (MPI).",
    )
    for names, default, text in _VALUES:
        variable = "PET_" + names[-1].lstrip("-").replace("-", "_").upper()
        parser.add_argument(*names, default=os.environ.get(variable, default), help=text)
    restarts = int(os.environ.get("PET_MAX_RESTARTS", "0"))
    text = "how often all processes are started again after a failure"
    parser.add_argument("--max-restarts", "--max_restarts", type=int, default=restarts, help=text)
    text = "accepted; failures are seen at once"
    parser.add_argument("--monitor-interval", "--monitor_interval", type=float, default=0.1, help=text)
    for names, text in _SWITCHES:
        parser.add_argument(*names, action="store_true", help=text)
    engine = os.environ.get("MINDTORCHRUN_ENGINE", "auto")
    text = "what starts the processes (default: msrun where there is an NPU, else mpiexec)"
    parser.add_argument("--engine", choices=("auto", "mpiexec", "msrun"), default=engine, help=text)
    parser.add_argument("training_script", help="script, module or program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def parse_args(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse; a flag that is not known ends with 2 and the nearest one that is.

    Raises:
        SystemExit: with code 2.
    """
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        flag = unknown[0].partition("=")[0]
        known = [name for action in parser._actions for name in action.option_strings]
        near = difflib.get_close_matches(flag.replace("_", "-"), known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        parser.exit(2, f"{parser.prog}: error: unknown flag {flag}{hint} (flags of the script come after its name)\n")
    return parsed
