"""Starts launchers in tests, and finds what they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import mindtorchrun

LIMIT = 60


class Launcher:
    """Starts launchers whose processes, and theirs, carry a mark."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = f"MINDTORCHRUN_TEST={uuid.uuid4().hex}"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *args: str, script: str | None = None, **kwargs: Any) -> subprocess.Popen[str]:
        if script is not None:
            (self.directory / "train.py").write_text(script)
        name, value = self.mark.split("=")
        paths = [str(Path(mindtorchrun.__file__).parents[1]), *(p for p in sys.path if p)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), name: value, **kwargs.pop("env", {})}
        for variable in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS"):
            environment.pop(variable, None)
        kwargs.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen(
            [sys.executable, "-m", "mindtorchrun", *args], cwd=self.directory, env=environment,
            stderr=subprocess.PIPE, stdin=kwargs.pop("stdin", subprocess.DEVNULL), text=True, **kwargs,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *args: str, script: str | None = None, **kwargs: Any) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.start(*args, script=script, **kwargs)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    def left(self) -> list[str]:
        """Command lines of the processes that carry the mark and still run."""
        found = []
        for folder in self._running():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def _running(self) -> list[Path]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            # It may end meanwhile, or be somebody else's.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if self.mark.encode() in (folder / "environ").read_bytes() and _state(folder) != "Z":
                    found.append(folder)
        return found

    def end(self) -> list[str]:
        """Kill the launchers that still run, wait for their processes, kill the rest; what that rest was."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
        deadline = os.times().elapsed + 15
        while self.left() and os.times().elapsed < deadline:
            os.sched_yield()
        left = self.left()
        for folder in self._running():
            os.kill(int(folder.name), signal.SIGKILL)
        return left


def _state(folder: Path) -> str:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0]
