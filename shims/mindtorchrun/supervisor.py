"""One rank: what the engine starts, and what runs the training script.

A program of its own that imports only the standard library. It asks the launcher, over a Unix socket, for the command,
the variables and the streams of its rank; runs the command in a process group of its own; tells how it ended; and
leaves only when it is told, so that the engine, which would kill the other ranks at once, does not see a failure
before the launcher has. If the launcher is gone, the command is stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1
_GRACE = 5.0


def _die_with_parent() -> None:
    """In the child before exec: SIGKILL when the supervisor dies, however it dies."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _local_rank() -> int:
    """Which rank of this node the engine made this process."""
    for name in ("MINDTORCHRUN_LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "DEVICE_ID"):
        if name in os.environ:
            return int(os.environ[name])
    raise RuntimeError("no engine started this process: it belongs to mindtorchrun")


def _serve_scheduler() -> None:
    """msrun starts the same program once more, as the scheduler of the cluster."""
    import mindspore.communication

    mindspore.communication.init()


class Rank:
    """The command of one rank and its line to the launcher."""

    def __init__(self) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(os.environ["MINDTORCHRUN_SOCKET"])
        self._say({"local_rank": _local_rank(), "pid": os.getpid()})
        message, streams, _, _ = socket.recv_fds(self._line, 1 << 20, 3)
        while not message.endswith(b"\n"):
            message += self._line.recv(1 << 20)
        told = json.loads(message)
        environment = {**os.environ, **told["environment"]}
        for name in ("MINDTORCHRUN_SOCKET", "MINDTORCHRUN_LOCAL_RANK"):
            environment.pop(name, None)
        try:
            # MPI's process manager talks to the rank over a descriptor that it inherits.
            self._child = subprocess.Popen(
                told["command"], env=environment, stdin=streams[0], stdout=streams[1], stderr=streams[2],
                close_fds=False, preexec_fn=_die_with_parent,
            )  # fmt: skip
        except OSError as error:
            self._say({"error": f"cannot start {told['command'][0]}: {error.strerror}"})
            self.status = 127
            return
        finally:
            for stream in streams:
                os.close(stream)
        self._say({"child": self._child.pid})
        threading.Thread(target=self._report, daemon=True).start()
        self._obey()

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the launcher is gone, which ends _obey, too
            self._line.sendall(json.dumps(message).encode() + b"\n")

    def _report(self) -> None:
        self._say({"status": self._child.wait()})

    def _obey(self) -> None:
        """Pass signals on until the launcher says that it is over, or is gone."""
        pending = b""
        while True:
            try:
                data = self._line.recv(4096)
            except OSError:
                data = b""
            if not data:
                self._stop()
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if "signal" in order:
                    self._signal(order["signal"])
                if "leave" in order:
                    if order["leave"] == "failed":
                        self._signal(signal.SIGKILL)  # what the command left running in its process group
                    self.status = self._child.wait()
                    return
        self.status = self._child.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(self._child.pid, number)

    def _stop(self) -> None:
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE)
        self._signal(signal.SIGKILL)


def main() -> int:
    """Run the rank; its exit code."""
    if os.environ.get("MS_ROLE") == "MS_SCHED":
        _serve_scheduler()
        return 0
    # The launcher stops the rank; a signal from the engine or the terminal must not end the supervisor before it.
    # (A handler, not SIG_IGN, which the command would inherit.)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: None)
    status = Rank().status
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
