"""What the ranks write: to the console, to log files, and the last of it to the report."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import BinaryIO

from .job import Job

__all__ = ["LogDirectory", "RankStreams"]

STDOUT, STDERR = 1, 2
_KEPT = 64 * 1024
_NAMES = {STDOUT: "stdout.log", STDERR: "stderr.log"}


class LogDirectory:
    """``<log dir>/<run id>_<random>/attempt_<n>/<local rank>/{stdout,stderr}.log``, made when it is asked for."""

    def __init__(self, job: Job) -> None:
        self._parent = job.log_dir
        self._name = f"{job.run_id}_{uuid.uuid4().hex[:8]}"
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        """The job's own directory."""
        if self._path is None:
            parent = self._parent or tempfile.mkdtemp(prefix="mindtorchrun-logs-")
            self._path = Path(parent) / self._name
            self._path.mkdir(parents=True)
        return self._path

    def open(self, attempt: int, local_rank: int, stream: int) -> BinaryIO:
        """The log file of one stream of one rank, for writing."""
        folder = self.path / f"attempt_{attempt}" / str(local_rank)
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / _NAMES[stream]).open("wb", buffering=0)


class RankStreams:
    """Where the output of one rank goes.

    A stream that is neither redirected nor teed is the launcher's own (a terminal stays one), but for stderr, which is
    read and passed on at once: its end explains a failure.
    """

    def __init__(self, job: Job, local_rank: int, logs: LogDirectory) -> None:
        self.pipes: dict[int, int] = {}
        """By the end that the launcher reads: the stream."""
        self._given: dict[int, int] = {}
        self._files: dict[int, BinaryIO] = {}
        self._tail = b""
        self._unfinished: dict[int, bytes] = {}
        rank = job.node_rank * job.per_node + local_rank
        self._prefix = f"[{job.role}{rank}]:".encode()
        self._teed = job.tee[local_rank] if job.tee else 0
        self._shown = job.shown is None or local_rank in job.shown
        redirected = job.redirects[local_rank] if job.redirects else 0
        for stream in (STDOUT, STDERR):
            if (redirected | self._teed) & stream:
                self._files[stream] = logs.open(job.restart, local_rank, stream)
            if redirected & ~self._teed & stream:
                self._given[stream] = self._files[stream].fileno()
            elif stream == STDERR or self._teed & stream:
                reader, self._given[stream] = os.pipe()
                os.set_blocking(reader, False)
                self.pipes[reader] = stream
            else:
                self._given[stream] = sys.stdout.fileno()

    def descriptors(self) -> list[int]:
        """stdout and stderr of the rank."""
        return [self._given[STDOUT], self._given[STDERR]]

    def handed_over(self) -> None:
        """The rank has them: close the launcher's copies of the pipes' other ends, so that their end is seen."""
        for stream in self.pipes.values():
            os.close(self._given[stream])

    def pass_on(self, reader: int) -> bool:
        """Take what has come; False at the end of the stream."""
        stream = self.pipes[reader]
        try:
            data = os.read(reader, 1 << 16)
        except BlockingIOError:
            return True
        if stream == STDERR:
            self._tail = (self._tail + data)[-_KEPT:]
        if stream in self._files and data:
            self._files[stream].write(data)
        console = sys.stdout.buffer if stream == STDOUT else sys.stderr.buffer
        if not self._teed & stream:
            console.write(data)
        elif self._shown:
            *lines, rest = (self._unfinished.pop(stream, b"") + data).split(b"\n")
            if not data and rest:
                lines, rest = [rest], b""
            self._unfinished[stream] = rest
            console.write(b"".join(self._prefix + line + b"\n" for line in lines))
        console.flush()
        return bool(data)

    def last_error(self) -> str:
        """The end of stderr, from the last traceback on if there is one."""
        if not self._tail and STDERR in self._files:
            data = Path(self._files[STDERR].name).read_bytes()[-_KEPT:]
        else:
            data = self._tail
        text = data.decode(errors="replace")
        start = text.rfind("Traceback (most recent call last)")
        lines = text[max(start, 0) :].rstrip().splitlines()
        return "\n".join(lines if start >= 0 and len(lines) <= 200 else lines[-30:])

    def close(self) -> None:
        """Close what is open."""
        for reader in self.pipes:
            os.close(reader)
        self.pipes = {}
        for file in self._files.values():
            file.close()
