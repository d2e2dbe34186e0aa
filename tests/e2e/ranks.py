"""Programs of several processes, none of which outlives its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(_BESIDE) if _BESIDE.exists() else shutil.which("mpiexec") or "mpiexec"
_OF_A_LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def run(command: list[str], environment: dict[str, str], limit: float) -> None:
    """Run a launcher to its end; show its output when it fails.

    Args:
        environment: added to that of this process.
        limit: seconds; after them, or when this process is interrupted, the launcher is killed, and with it the ranks:
            they are in sessions of their own, but end when their launcher does.
    """
    surroundings = {k: v for k, v in os.environ.items() if k not in _OF_A_LAUNCHER} | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=surroundings | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=limit)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, output[-5000:]
