"""What the launcher says about a failure."""

from __future__ import annotations

import signal
import socket
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Failure", "describe", "exit_code"]


@dataclass(frozen=True)
class Failure:
    """The first rank that failed.

    Attributes:
        rank: None when the engine ended without telling which rank it was, or when it was no rank (`cause`).
        status: as of ``subprocess``: negative for a signal.
        after: seconds since the start.
        error: the end of its stderr.
        engine_output: what the engine said.
    """

    rank: int | None
    local_rank: int | None
    pid: int | None
    status: int | None
    after: float
    error: str
    engine_output: str
    host: str = ""
    cause: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For other nodes."""
        return {**asdict(self), "host": self.host or socket.gethostname()}


def _how(status: int | None) -> str:
    if status is None:
        return "ended without a status"
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (kill -9, or out of memory: see dmesg)" if -status == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


def exit_code(status: int | None) -> int:
    """As shells give it: 128 + the signal's number; never 0."""
    if status is None:
        return 1
    return (128 - status) if status < 0 else (status or 1)


def describe(failure: Failure, stopped: int, restarting: str = "") -> str:
    """Some lines: who, how, when, the traceback."""
    if failure.cause:
        lines = [f"mindtorchrun: {failure.cause}; {stopped} rank(s) stopped here"]
    elif failure.rank is None:
        lines = [f"mindtorchrun: the engine {_how(failure.status)} after {failure.after:.1f} s"]
    else:
        where = f" on {failure.host}" if failure.host else ""
        lines = [
            f"mindtorchrun: rank {failure.rank}{where} (local rank {failure.local_rank}, pid {failure.pid}) failed "
            f"first: it {_how(failure.status)} after {failure.after:.1f} s; {stopped} other rank(s) stopped here"
            f"{restarting}"
        ]
    if failure.error:
        lines += [f"--- the end of its stderr, rank {failure.rank if failure.rank is not None else '?'} ---",
                  failure.error, "---"]  # fmt: skip
    if failure.engine_output:
        lines += ["--- the engine said ---", failure.engine_output, "---"]
    return "\n".join(lines)
