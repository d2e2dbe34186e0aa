"""Jobs that go wrong, one per run. Arguments: the case, a directory."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist

CASES: dict[str, Callable[[int, Path], Any]] = {}
SHORT = timedelta(seconds=1)
ME = int(os.environ["PMI_RANK"])


def case(function: Callable[[int, Path], Any]) -> Callable[[int, Path], Any]:
    """Register."""
    CASES[function.__name__] = function
    return function


def message(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The text of the error that a call raises; '' if it raises none."""
    try:
        function(*arguments, **options)
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def write(directory: Path, found: dict[str, Any]) -> None:
    """Results of this rank."""
    (directory / f"{sys.argv[1]}-{ME}.json").write_text(json.dumps(found))


def wait_for(path: Path) -> None:
    """Until another rank made the file."""
    while not path.exists():
        time.sleep(0.01)


def start() -> int:
    """The usual start; the rank."""
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    dist.barrier()
    return dist.get_rank()


@case
def at_the_start(rank: int, directory: Path) -> None:
    """Wrong environments, one after the other; then an exception that nobody catches."""
    found = {}
    os.environ.update(RANK=str(rank), WORLD_SIZE="3", MASTER_ADDR="127.0.0.1", MASTER_PORT="1")
    found["world"] = message(dist.init_process_group, "gloo", timeout=SHORT)
    os.environ["WORLD_SIZE"] = "2"
    if rank == 0:
        with socket.create_server(("", 0)) as taken:
            os.environ["MASTER_PORT"] = str(taken.getsockname()[1])
            found["port"] = message(dist.init_process_group, "gloo", timeout=SHORT)
            found["port number"], found["pid"] = os.environ["MASTER_PORT"], os.getpid()
        os.environ["MASTER_PORT"] = "0"
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=SHORT)
        # Rank 1 does not come.
        start = time.monotonic()
        found["missing"] = message(dist.init_process_group, "gloo", store=store, rank=0, world_size=2, timeout=SHORT)
        found["seconds"] = time.monotonic() - start
    else:
        os.environ["MASTER_PORT"] = "1"
        found["nobody"] = message(dist.init_process_group, "gloo", timeout=SHORT)
    write(directory, found)
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        del os.environ[name]
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    x = torch.ones(1)
    if rank == 1:
        raise LookupError("rank 1 has had enough")
    dist.all_reduce(x)


@case
def one_never_starts(rank: int, directory: Path) -> None:
    """Rank 1 never calls init_process_group: rank 0 gives up, and takes it along."""
    if rank == 1:
        time.sleep(120)
    dist.init_process_group("gloo", timeout=SHORT)


@case
def one_exits(rank: int, directory: Path) -> None:
    """sys.exit(3) on one rank; the other would wait for it."""
    if start() == 1:
        try:
            sys.exit(5)  # caught: of no consequence
        except SystemExit as error:
            print("caught", error.code, flush=True)
        sys.exit(3)
    dist.all_reduce(torch.ones(1))


@case
def one_leaves(rank: int, directory: Path) -> None:
    """A rank that ends in good order, or by an exit code that was not seen, before the other's call."""
    x = torch.ones(1 << 20)
    if start() == 1:
        dist.isend(x, 0)
        raise SystemExit(4)
    # What it sent before is not lost.
    dist.recv(x, 1)
    print("received", float(x[0]), flush=True)
    dist.all_reduce(x)


@case
def one_is_killed(rank: int, directory: Path) -> None:
    """kill -9 while the other is in all_reduce."""
    if start() == 1:
        wait_for(directory / "about to reduce")
        os.kill(os.getpid(), signal.SIGKILL)
    (directory / "about to reduce").touch()
    dist.all_reduce(torch.ones(1 << 20))


@case
def one_is_terminated(rank: int, directory: Path) -> None:
    if start() == 1:
        wait_for(directory / "about to reduce")
        os.kill(os.getpid(), signal.SIGTERM)
    (directory / "about to reduce").touch()
    dist.all_reduce(torch.ones(1 << 20))


@case
def one_is_interrupted(rank: int, directory: Path) -> None:
    """SIGINT to the rank that waits."""
    if start() == 1:
        wait_for(directory / "pid")
        time.sleep(0.1)
        os.kill(int((directory / "pid").read_text()), signal.SIGINT)
        time.sleep(120)
    part = directory / "pid.part"
    part.write_text(str(os.getpid()))
    part.replace(directory / "pid")
    dist.all_reduce(torch.ones(1 << 20))


@case
def one_of_three_differs(rank: int, directory: Path) -> None:
    """Nobody catches the error: each rank reports it before the job ends."""
    start()
    dist.all_reduce(torch.ones(5 if rank == 1 else 4))


@case
def mpiexec_is_killed(rank: int, directory: Path) -> None:
    """kill -9 of mpiexec itself, while the ranks wait for each other."""
    start()
    if rank == 1:
        mpiexec, me = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1], os.getpid()
        print(mpiexec, me, flush=True)
        os.kill(int(mpiexec), signal.SIGKILL)
        time.sleep(120)
    dist.all_reduce(torch.ones(1 << 20))


if __name__ == "__main__":
    CASES[sys.argv[1]](ME, Path(sys.argv[2]))
