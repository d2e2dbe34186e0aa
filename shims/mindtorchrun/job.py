"""What is to be started: the flags, checked and made plain."""

from __future__ import annotations

import argparse
import glob
import os
import re
import socket
import sys
import uuid
from dataclasses import dataclass, field, replace

__all__ = ["Job", "LaunchError", "free_port", "job_from"]

_RUN_PATH = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
_MEETING_TIMEOUT = 600.0


class LaunchError(Exception):
    """What cannot be started, and what to do."""


@dataclass(frozen=True)
class Job:
    """One job of ``nodes * per_node`` ranks.

    Attributes:
        command: of one rank.
        numbered_at: where in it ``--local-rank=N`` goes (torch.distributed.launch).
        redirects, tee: streams (bit 1 stdout, bit 2 stderr) of each local rank.
        shown: local ranks whose teed output is shown; None: all.
        meeting_timeout: seconds that nodes wait for each other.
    """

    command: tuple[str, ...]
    nodes: int
    per_node: int
    node_rank: int
    address: str
    port: int
    engine: str
    run_id: str
    role: str = "default"
    restarts: int = 0
    restart: int = 0
    log_dir: str | None = None
    redirects: tuple[int, ...] = ()
    tee: tuple[int, ...] = ()
    shown: frozenset[int] | None = None
    meeting_timeout: float = _MEETING_TIMEOUT
    local_address: str | None = None
    numbered_at: int | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def world_size(self) -> int:
        """The number of ranks."""
        return self.nodes * self.per_node

    @property
    def launcher_port(self) -> int:
        """Where launchers of several nodes meet, or msrun's scheduler listens."""
        return self.port + 1

    def again(self) -> Job:
        """The next attempt."""
        return replace(self, restart=self.restart + 1)

    def variables(self, local_rank: int) -> dict[str, str]:
        """What torchrun sets for a rank, and how the rank knows its launcher."""
        rank = self.node_rank * self.per_node + local_rank
        return {
            "LOCAL_RANK": str(local_rank),
            "RANK": str(rank),
            "GROUP_RANK": str(self.node_rank),
            "ROLE_RANK": str(rank),
            "ROLE_NAME": self.role,
            "LOCAL_WORLD_SIZE": str(self.per_node),
            "WORLD_SIZE": str(self.world_size),
            "GROUP_WORLD_SIZE": str(self.nodes),
            "ROLE_WORLD_SIZE": str(self.world_size),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "TORCHELASTIC_RESTART_COUNT": str(self.restart),
            "TORCHELASTIC_MAX_RESTARTS": str(self.restarts),
            "TORCHELASTIC_RUN_ID": self.run_id,
            "TORCHELASTIC_USE_AGENT_STORE": "False",
            "MINDTORCHRUN": "1",
            **self.extra,
        }

    def rank_command(self, local_rank: int) -> list[str]:
        """The command of a rank."""
        command = list(self.command)
        if self.numbered_at is not None:
            command.insert(self.numbered_at, f"--local-rank={local_rank}")
        return command


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _npus() -> int:
    """How many NPUs this process may use: the driver's device files, less what ASCEND_RT_VISIBLE_DEVICES hides."""
    found = [name for name in glob.glob("/dev/davinci*") if re.fullmatch(r"/dev/davinci\d+", name)]
    visible = os.environ.get("ASCEND_RT_VISIBLE_DEVICES")
    return len(found) if visible is None else min(len(found), len([v for v in visible.split(",") if v.strip()]))


def _processes(value: str) -> int:
    npus = _npus()
    if value == "cpu" or (value == "auto" and not npus):
        return os.cpu_count() or 1
    if value in ("gpu", "npu", "auto"):
        if not npus:
            raise LaunchError(f"--nproc_per_node={value}: there is no NPU on this host; give a number or 'cpu'")
        return npus
    if not value.isdigit() or int(value) < 1:
        raise LaunchError(f"Unsupported nproc_per_node value: {value}; give a number, 'auto', 'cpu', 'gpu' or 'npu'")
    return int(value)


def _nodes(value: str) -> int:
    least, _, most = value.partition(":")
    if not least.isdigit() or not (most or least).isdigit() or int(least) < 1:
        raise LaunchError(f"--nnodes={value}: a number, or <n>:<n>, is expected")
    if most and most != least:
        raise LaunchError(f"--nnodes={value}: the number of nodes cannot change while a job runs; give one number")
    return int(least)


def _number(value: str, flag: str, least: int = 0, most: int = 1 << 30) -> int:
    if not value.isdigit() or not least <= int(value) <= most:
        raise LaunchError(f"{flag}={value}: a number from {least} to {most} is expected")
    return int(value)


def _streams(value: str, count: int, flag: str) -> tuple[int, ...]:
    """torchrun's stream sets: one digit for all local ranks, or <local rank>:<digit>,..."""
    if re.fullmatch("[0-3]", value):
        return (int(value),) * count
    chosen = [0] * count
    for part in value.split(","):
        matched = re.fullmatch(r"(\d+):([0-3])", part.strip())
        if not matched or int(matched[1]) >= count:
            raise LaunchError(f"{flag}={value}: 0, 1, 2, 3 or <local rank>:<0..3>,... with ranks below {count}")
        chosen[int(matched[1])] = int(matched[2])
    return tuple(chosen)


def _command(args: argparse.Namespace) -> tuple[str, ...]:
    rest = [args.training_script, *args.training_script_args]
    if args.no_python:
        if args.module:
            raise LaunchError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        return tuple(rest)
    if args.run_path:
        return (sys.executable, "-u", "-c", _RUN_PATH, *rest)
    if not args.module and not os.path.exists(args.training_script):
        raise LaunchError(f"there is no script {args.training_script} in {os.getcwd()}")
    return (sys.executable, "-u", *(["-m"] if args.module else []), *rest)


def _settings(text: str) -> dict[str, str]:
    """``--rdzv-conf``."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {key.strip(): value.strip() for key, _, value in pairs}


def job_from(args: argparse.Namespace) -> Job:
    """What the flags ask for.

    Raises:
        LaunchError: flags that contradict each other, or ask for what is not there.
    """
    command = _command(args)
    nodes, per_node = _nodes(args.nnodes), _processes(args.nproc_per_node)
    if args.logs_specs:
        raise LaunchError("--logs-specs is not supported: use --log-dir, --redirects and --tee")
    if args.rdzv_backend not in ("static", "c10d"):
        raise LaunchError(f"--rdzv-backend={args.rdzv_backend} is not supported: use 'static' or 'c10d'")
    address, port = args.master_addr, args.master_port
    if args.rdzv_endpoint and not args.standalone:
        host, _, endpoint_port = args.rdzv_endpoint.partition(":")
        address, port = host, endpoint_port or port
    if args.standalone or (nodes == 1 and args.rdzv_backend == "c10d" and not args.rdzv_endpoint):
        if nodes > 1:
            raise LaunchError(f"--standalone means one node, --nnodes={args.nnodes}")
        address, port = "127.0.0.1", str(free_port())
    node_rank = _number(args.node_rank or "0", "--node_rank")
    if node_rank >= nodes:
        raise LaunchError(f"--node_rank={node_rank} does not exist among --nnodes={nodes} (the first is 0)")
    if nodes > 1 and args.node_rank is None:
        raise LaunchError(f"--nnodes={nodes} needs --node_rank on each node (0 on the node of {address})")
    if nodes > 1 and args.max_restarts:
        raise LaunchError("--max-restarts is supported on one node only")
    conf = _settings(args.rdzv_conf)
    timeout = conf.get("join_timeout", conf.get("timeout", str(_MEETING_TIMEOUT)))
    shown = frozenset(int(part) for part in args.local_ranks_filter.split(",") if part.strip())
    single = nodes * per_node == 1
    # As torchrun does: processes of one host share its cores.
    extra = {} if single or "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": "1"}
    return Job(
        command=command,
        nodes=nodes,
        per_node=per_node,
        node_rank=node_rank,
        address=address,
        port=_number(port, "--master_port", 1, 65534),
        engine=_engine(args.engine, single),
        run_id=str(uuid.uuid4()) if args.standalone and args.rdzv_id == "none" else args.rdzv_id,
        role=args.role,
        restarts=args.max_restarts,
        log_dir=args.log_dir,
        redirects=_streams(args.redirects, per_node, "--redirects"),
        tee=_streams(args.tee, per_node, "--tee"),
        shown=shown or None,
        meeting_timeout=float(timeout),
        local_address=args.local_addr,
        extra=extra,
        numbered_at=None if getattr(args, "use_env", True) else len(command) - len(args.training_script_args),
    )


def _engine(asked: str, single: bool) -> str:
    if single:
        return "process"
    if asked != "auto":
        return asked
    return "msrun" if _npus() else "mpiexec"
