"""The commands of the engines that start one supervisor per rank."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .job import Job, LaunchError

__all__ = ["SUPERVISOR", "engine_command", "find_program", "is_hydra"]

SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))


def find_program(name: str, package: str) -> str:
    """A program of this Python's environment, else of PATH.

    Raises:
        LaunchError: it is not there; names the package that has it.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise LaunchError(f"there is no {name} beside {sys.executable} or on PATH: pip install {package}")
    return found


def is_hydra(mpiexec: str) -> bool:
    """Whether it is MPICH's mpiexec, which can be joined by other hosts."""
    return "hydra" in Path(mpiexec).resolve().name or Path(mpiexec).resolve().with_name("hydra_pmi_proxy").exists()


def engine_command(job: Job, log_dir: str) -> list[str]:
    """The command that this node starts.

    ``process`` is a supervisor itself. Other nodes than the first run no mpiexec but the proxies that the first one
    asks for (`nodes.py`).
    """
    supervisor = [sys.executable, "-S", "-E", SUPERVISOR]
    if job.engine == "process":
        return supervisor
    if job.engine == "msrun":
        return [
            find_program("msrun", "mindspore"),
            f"--worker_num={job.world_size}",
            f"--local_worker_num={job.per_node}",
            f"--master_addr={job.address}",
            f"--master_port={job.launcher_port}",
            f"--node_rank={job.node_rank}",
            f"--log_dir={os.path.join(log_dir, 'msrun')}",
            f"--cluster_time_out={int(job.meeting_timeout)}",
            "--join=True",
            SUPERVISOR,
        ]
    mpiexec = find_program("mpiexec", "'ms-convert[runtime]'")
    if job.nodes == 1:
        return [mpiexec, "-n", str(job.per_node), *supervisor]
    if not is_hydra(mpiexec):
        raise LaunchError(f"several nodes need MPICH's mpiexec, {mpiexec} is another one: pip install 'mpich>=5'")
    hosts = ",".join(f"node{i}" for i in range(job.nodes))
    return [
        mpiexec, "-launcher", "manual", "-hosts", hosts, "-ppn", str(job.per_node), "-n", str(job.world_size),
        *supervisor,
    ]  # fmt: skip
