"""Meeting at the start: within the time limit, and naming who did not come."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from mindtorch.distributed._store import Store
from mindtorch.distributed._types import DistBackendError, DistError, DistStoreError

__all__ = ["all_here", "end_roll_call", "host_roll_call", "port_holder"]

_PAUSE = 0.005
_GRACE = timedelta(seconds=1)


def _seconds(timeout: timedelta) -> str:
    return f"{timeout.total_seconds():g} s"


def _ranks(ranks: list[int]) -> str:
    shown = ", ".join(map(str, ranks[:32]))
    return f"{shown}, ... ({len(ranks)} ranks)" if len(ranks) > 32 else shown


def all_here(store: Store, rank: int, ranks: list[int], timeout: timedelta, what: str, first: int = 0) -> None:
    """Wait at ``store`` until all of the global ``ranks`` have come to ``what``.

    Args:
        first: the rank that serves the store: the last to give up, so that the others can ask who is missing.

    Raises:
        DistStoreError: not all came within ``timeout``; the message names those missing.
    """
    keys = {peer: f"{what}/{peer}" for peer in ranks}
    try:
        me = f"process {os.getpid()} of host {socket.gethostname()}"
        holder = store.compare_set(keys[rank], "", me).decode()
        if holder != me:
            raise ValueError(f"two processes have rank {rank}: {holder} and {me}: RANK has to differ")
        store.wait(list(keys.values()), timeout)
        return
    except DistStoreError:
        missing = [peer for peer, key in keys.items() if not store.check([key])]
    except DistError as error:
        raise DistStoreError(
            f"rank {rank}: {what}: the store cannot be reached any more: rank {first}, which serves it, has ended "
            f"({error})"
        ) from error
    if not missing:
        return
    there = len(ranks) - len(missing)
    given_up = store.add(f"{what}/given up", 1)
    if rank == first:
        _last_to_go(store, f"{what}/given up", given_up, there)
    raise DistStoreError(
        f"rank {rank}: {what} timed out after {_seconds(timeout)}: {there} of {len(ranks)} ranks joined; "
        f"missing: {_ranks(missing)}"
    )


def _last_to_go(store: Store, key: str, count: int, there: int) -> None:
    limit = time.monotonic() + _GRACE.total_seconds()
    while count < there and time.monotonic() < limit:
        time.sleep(_PAUSE)
        count = store.add(key, 0)


def port_holder(port: int) -> str:
    """Which process of this host listens at TCP ``port``: ' (pid 123: python train.py)'; '' if that cannot be told."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:  # no such file system here
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(os.readlink(file) in inodes for file in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f" (pid {process.name}: {command[:200]})"
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return ""


def _starter() -> str | None:
    """What names mpiexec's process on this host, an ancestor of this one: its pid and the time it was started."""
    pid = os.getppid()
    while pid > 1:
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # no such file system here
            return None
        fields = rest.split()
        if name.startswith("hydra_pmi"):
            return f"{pid}-{fields[19]}"
        pid = int(fields[1])
    return None


def _marks() -> Path | None:
    starter = _starter()
    return None if starter is None else Path(tempfile.gettempdir()) / f"mindtorch-{os.getuid()}-{starter}"


def host_roll_call(timeout: timedelta) -> None:
    """Wait until all processes of this host's part of the MPI job have come here, before MPI is initialised.

    MPI's initialisation waits for all processes, without a limit and deaf to signals. Does nothing where the job cannot
    be told (another MPI than MPICH, no /proc).

    Raises:
        DistBackendError: not all came within ``timeout``; the message names those missing.
    """
    size, local = int(os.environ.get("MPI_LOCALNRANKS", 1)), int(os.environ.get("MPI_LOCALRANKID", 0))
    place = _marks()
    if size == 1 or place is None:
        return
    place.mkdir(mode=0o700, exist_ok=True)
    mine = place / str(local)
    mine.touch()
    atexit.register(mine.unlink, missing_ok=True)
    limit = time.monotonic() + timeout.total_seconds()
    while missing := [peer for peer in range(size) if not (place / str(peer)).exists()]:
        if time.monotonic() > limit:
            first = int(os.environ["PMI_RANK"]) - local
            raise DistBackendError(
                f"rank {first + local}: init_process_group timed out after {_seconds(timeout)}: {size - len(missing)} "
                f"of {size} ranks of this host joined; missing: {_ranks([first + peer for peer in missing])}"
            )
        time.sleep(_PAUSE)


def end_roll_call() -> None:
    """After MPI's initialisation, which all processes have come to: nobody looks at the marks any more."""
    place = _marks()
    if os.environ.get("MPI_LOCALRANKID") == "0" and place is not None:
        shutil.rmtree(place, ignore_errors=True)
