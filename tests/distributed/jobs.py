"""Jobs of ``mpiexec``, started in a session of their own, with a limit; afterwards none of their processes is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_MARK = "MINDTORCH_TEST_JOB"
_LIMIT = 180.0
_END = 5.0  # seconds for processes to be gone after mpiexec has ended


@dataclass
class Job:
    """What came out.

    Args:
        code: mpiexec's exit code.
        out, err: by rank.
        left: pids of processes that outlived mpiexec; they have been killed since.
    """

    code: int
    out: list[str]
    err: list[str]
    left: list[int]

    def __str__(self) -> str:
        parts = [f"exit code {self.code}, left: {self.left}"]
        for rank, (out, err) in enumerate(zip(self.out, self.err, strict=True)):
            parts.append(f"--- rank {rank}\n{out}{err}")
        return "\n".join(parts)


def mpiexec() -> str:
    """Its path."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"


def environment(mark: str, **variables: str) -> dict[str, str]:
    """Of the job's processes; ``mark`` is what they are found by."""
    paths = [str(HERE), str(HERE.parents[1] / "shims"), *(p for p in sys.path if p)]
    ours = {k: v for k, v in os.environ.items() if k not in (
        "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "TORCH_DISTRIBUTED_DEBUG"
    )}  # fmt: skip
    return {**ours, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", _MARK: mark, **variables}


def of_job(mark: str) -> list[int]:
    """The pids of the live processes of a job."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and f"{_MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def end(mark: str) -> list[int]:
    """Give the job's processes a moment to end, kill the rest; the pids of the killed."""
    limit = time.monotonic() + _END
    while (left := of_job(mark)) and time.monotonic() < limit:
        time.sleep(0.02)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return left


def run(program: str, size: int, directory: Path, *arguments: str, **variables: str) -> Job:
    """Run a program of this directory on ``size`` ranks; output goes to files in ``directory``."""
    mark = uuid.uuid4().hex
    command = [
        mpiexec(), "-outfile-pattern", f"{directory}/{mark}-%r.out", "-errfile-pattern", f"{directory}/{mark}-%r.err",
        "-n", str(size), sys.executable, str(HERE / program), *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env=environment(mark, **variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        said = f"mpiexec did not end in {_LIMIT:g} s"
    finally:
        left = end(mark)
        process.kill()
        process.wait()

    def read(rank: int, kind: str) -> str:
        path = directory / f"{mark}-{rank}.{kind}"
        return path.read_text() if path.exists() else ""

    err = [read(rank, "err") for rank in range(size)]
    err[0] += said
    return Job(process.returncode, [read(rank, "out") for rank in range(size)], err, left)
