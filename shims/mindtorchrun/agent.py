"""Start the ranks of this node, watch them, stop them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engines import engine_command
from .job import Job
from .lines import Line
from .report import Failure
from .streams import LogDirectory, RankStreams

__all__ = ["Agent", "Outcome"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_GRACE_AFTER_FAILURE = 5.0
_GRACE_AFTER_SIGTERM = 30.0
_ENGINE_ENDS = 5.0
_PR_SET_PDEATHSIG = 1
_SOCKET_NAME_LIMIT = 90


def _engine_dies_with_launcher() -> None:
    os.setpgid(0, 0)  # a terminal's Ctrl-C is the launcher's to pass on
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


@dataclass
class _Rank:
    local_rank: int
    streams: RankStreams
    line: Line
    pid: int | None = None
    status: int | None = None
    lost: bool = False

    @property
    def ended(self) -> bool:
        return self.status is not None or self.lost


@dataclass
class _Stopping:
    number: int
    kill_at: float
    killed: bool = False


@dataclass
class Outcome:
    """How an attempt ended: `failure` of the first rank that failed, or the `signal` that the launcher got."""

    failure: Failure | None = None
    signal: int | None = None
    stopped: int = 0


@dataclass
class Agent:
    """One attempt of a job on this node.

    Args:
        job: what to start.
        logs: where log files go.
        engine: the command of the engine; None: that of the job.
        on_failure: called when a rank of this node failed (to tell other nodes).
    """

    job: Job
    logs: LogDirectory
    engine: list[str] | None = None
    on_failure: Callable[[Failure], None] | None = None
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _ranks: dict[int, _Rank] = field(default_factory=dict)
    _stopping: _Stopping | None = None
    _outcome: Outcome = field(default_factory=Outcome)
    _started: float = 0.0
    _output: bytes = b""

    # ------------------------------------------------------------------ what others may call
    def watch(self, descriptor: Any, call: Callable[[], None]) -> None:
        """Call when a descriptor is readable."""
        self._selector.register(descriptor, selectors.EVENT_READ, call)

    def unwatch(self, descriptor: Any) -> None:
        """No more."""
        self._selector.unregister(descriptor)

    def stop(self, number: int, grace: float = _GRACE_AFTER_FAILURE) -> None:
        """Send all ranks a signal, and SIGKILL after `grace` seconds."""
        if self._stopping is not None:
            return
        self._outcome.stopped = sum(not rank.ended for rank in self._ranks.values())
        self._stopping = _Stopping(number, time.monotonic() + grace)
        for rank in self._ranks.values():
            rank.line.say({"signal": number})

    def stop_for_others(self, failure: Failure) -> None:
        """A rank of another node failed."""
        if self._outcome.failure is None:
            self._outcome.failure = failure
        self.stop(signal.SIGTERM)

    # ------------------------------------------------------------------ the loop
    def run(self) -> Outcome:
        """Until all ranks of this node have ended and the engine, too.

        Raises:
            LaunchError: the engine is missing.
        """
        self._started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mindtorchrun-", dir=_short_temporary_directory()) as scratch:
            path = str(Path(scratch) / "socket")
            command = self.engine or engine_command(self.job, str(self.logs.path) if self._writes_logs() else scratch)
            with _listening(path) as listener, self._signals(), self._streams():
                self.watch(listener, lambda: self._greet(listener))
                process = self._start(command, path)
                try:
                    self._loop(process)
                finally:
                    self._end(process)
        return self._outcome

    def _writes_logs(self) -> bool:
        return self.job.log_dir is not None

    def _start(self, command: list[str], path: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "MINDTORCHRUN_SOCKET": path}
        if self.job.engine == "process":
            environment["MINDTORCHRUN_LOCAL_RANK"] = "0"
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=_engine_dies_with_launcher,
        )  # fmt: skip
        assert process.stdout is not None
        output = process.stdout
        os.set_blocking(output.fileno(), False)
        self.watch(output, lambda: self._hear_engine(output))
        return process

    def _hear_engine(self, output: Any) -> None:
        data = output.read1(1 << 16)
        if not data:
            self.unwatch(output)
        self._output = (self._output + data)[-(1 << 16) :]

    def _serve(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            if key.fd in self._selector.get_map():  # an earlier one of the same round may have ended it
                key.data()

    def _loop(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            self._serve(0.1)
            if self._stopping and not self._stopping.killed and time.monotonic() > self._stopping.kill_at:
                self._stopping.killed = True
                for rank in self._ranks.values():
                    rank.line.say({"signal": int(signal.SIGKILL)})
            if len(self._ranks) == self.job.per_node and all(rank.ended for rank in self._ranks.values()):
                return
            if process.poll() is not None and all(rank.ended for rank in self._ranks.values()):
                return

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let supervisors and engine go; make sure that they are gone."""
        failed = self._outcome.failure is not None or self._outcome.signal is not None
        for rank in self._ranks.values():
            rank.line.say({"leave": "failed" if failed else "done"})
        limit = time.monotonic() + (_ENGINE_ENDS if failed else 3600.0)
        while process.poll() is None and time.monotonic() < limit:
            self._serve(0.05)
        if process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
        for key in list(self._selector.get_map().values()):
            if key.fileobj is process.stdout:
                self._hear_engine(process.stdout)
        if process.stdout is not None:
            process.stdout.close()
        code = process.returncode
        unknown = len(self._ranks) < self.job.per_node or any(rank.lost for rank in self._ranks.values())
        if unknown and not failed:
            pending = [rank for rank in self._ranks.values() if rank.lost]
            self._outcome.failure = Failure(
                None, None, None, code, time.monotonic() - self._started,
                "\n".join(filter(None, (rank.streams.last_error() for rank in pending))),
                self._output.decode(errors="replace").strip(),
            )  # fmt: skip

    # ------------------------------------------------------------------ ranks
    def _greet(self, listener: socket.socket) -> None:
        line = Line(listener.accept()[0])
        hello = line.expect()
        rank = self._ranks[hello["local_rank"]] = _Rank(
            hello["local_rank"], RankStreams(self.job, hello["local_rank"], self.logs), line
        )
        order = {
            "command": self.job.rank_command(rank.local_rank), "environment": self.job.variables(rank.local_rank)
        }  # fmt: skip
        data = json.dumps(order).encode() + b"\n"
        with _standard_input() as stdin:
            sent = socket.send_fds(line.socket, [data], [stdin, *rank.streams.descriptors()])
        line.socket.sendall(data[sent:])
        rank.streams.handed_over()
        self.watch(line.socket, lambda: self._hear(rank))
        for reader in rank.streams.pipes:
            self.watch(reader, lambda reader=reader: self._pass_on(rank, reader))  # type: ignore[misc]
        if self._stopping is not None:
            rank.line.say({"signal": self._stopping.number})

    def _pass_on(self, rank: _Rank, reader: int) -> None:
        if not rank.streams.pass_on(reader):
            self.unwatch(reader)

    def _hear(self, rank: _Rank) -> None:
        messages = rank.line.hear()
        if messages is None:
            self.unwatch(rank.line.socket)
            rank.lost = rank.status is None
            return
        for message in messages:
            if "child" in message:
                rank.pid = message["child"]
            elif "error" in message:
                self._ended(rank, 127, message["error"])
            elif "status" in message:
                self._ended(rank, message["status"])

    def _ended(self, rank: _Rank, status: int, error: str = "") -> None:
        rank.status = status
        if status == 0 or self._stopping is not None or self._outcome.failure is not None:
            return
        for reader in list(rank.streams.pipes):  # what it said last is on its way
            while reader in self._selector.get_map() and _readable(reader):
                self._pass_on(rank, reader)
        failure = Failure(
            self.job.node_rank * self.job.per_node + rank.local_rank, rank.local_rank, rank.pid, status,
            time.monotonic() - self._started, error or rank.streams.last_error(), "",
        )  # fmt: skip
        self._outcome.failure = failure
        if self.on_failure is not None:
            self.on_failure(failure)
        self.stop(signal.SIGTERM)

    # ------------------------------------------------------------------ signals
    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals are read from a pipe in the loop."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        old = {number: signal.signal(number, lambda number, frame: None) for number in _SIGNALS}
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.watch(reader, lambda: self._signalled(os.read(reader, 64)))
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in old.items():
                signal.signal(number, handler)
            self.unwatch(reader)
            os.close(reader)
            os.close(writer)

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if self._outcome.signal is not None and self._stopping is not None:
                self._stopping.kill_at = 0.0  # asked twice
                continue
            self._outcome.signal = number
            default = _GRACE_AFTER_SIGTERM if number == signal.SIGTERM else _GRACE_AFTER_FAILURE
            self.stop(number, float(os.environ.get("MINDTORCHRUN_GRACE", default)))

    @contextlib.contextmanager
    def _streams(self) -> Iterator[None]:
        try:
            yield
        finally:
            for rank in self._ranks.values():
                for reader in list(rank.streams.pipes):
                    while reader in self._selector.get_map() and _readable(reader):
                        self._pass_on(rank, reader)
                rank.streams.close()
                rank.line.socket.close()


@contextlib.contextmanager
def _standard_input() -> Iterator[int]:
    """The launcher's, or an empty one where it has none."""
    if sys.stdin is not None and not sys.stdin.closed:
        yield sys.stdin.fileno()
        return
    with open(os.devnull, "rb") as nothing:
        yield nothing.fileno()


def _readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def _short_temporary_directory() -> str | None:
    """The name of a Unix socket is at most 107 bytes long."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + 40 < _SOCKET_NAME_LIMIT else "/tmp"


@contextlib.contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1024)
        yield listener
