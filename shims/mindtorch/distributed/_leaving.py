"""How a process of an MPI job ends: without leaving others waiting for it.

- An exception that nobody catches, and ``sys.exit`` with a code other than 0, end all processes with that code: by
  MPI_Abort, or by mindtorchrun, which sees the rank end.
- A process that ends in order says goodbye to the others and waits for their goodbyes. A rank that then waits for a
  collective that the other never called, or for its message, learns that it will not come.
- A process whose parent dies (mpiexec, killed) is killed.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import fcntl
import os
import pickle
import signal
import stat
import sys
import termios
import time
import traceback
from types import FunctionType, TracebackType
from typing import Any

from mindtorch.distributed._types import DistError

__all__ = ["departed", "groups", "install", "open_channel", "watch_over"]

_FAREWELL, _FAILED = 1, 2
_PAUSE = 0.005
_GRACE = 1.0  # seconds for other ranks to report the same failure
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_INTERRUPTED = 130

groups: list[Any] = []
"""Every backend of several processes that was made; what it has called goes into the goodbye."""
departed: dict[int, dict[str, int]] = {}
"""Of each global rank that said goodbye: how many collectives of each group it has called."""
_failed: set[int] = set()
_channel: Any = None
_module: Any = None
_exit_code = 0


class _Exit(SystemExit):
    """What ``sys.exit`` raises: tells when the interpreter itself, with no code below it, asks for the exit code."""

    @property
    def code(self) -> Any:  # type: ignore[override]
        """The exit code."""
        value = SystemExit.code.__get__(self)  # type: ignore[attr-defined]
        if sys._getframe().f_back is None:
            global _exit_code
            _exit_code = 0 if value is None else value & 0xFF if isinstance(value, int) else 1
        return value


_Exit.__name__ = _Exit.__qualname__ = "SystemExit"


def _exit(status: Any = None, /) -> Any:
    """Exit the interpreter by raising SystemExit(status)."""
    raise _Exit(status)


def watch_over() -> None:
    """From the import on: a process that mpiexec started and that fails ends the job, also before MPI is there."""
    size = next((int(os.environ[name]) for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE") if name in os.environ), 1)
    if size == 1 or isinstance(sys.exit, FunctionType):
        return
    previous = sys.excepthook
    sys.exit = builtins.exit = builtins.quit = _exit

    def report_and_abort(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if previous is sys.__excepthook__:
            _print(kind, value, trace)
        else:
            previous(kind, value, trace)
        if isinstance(value, DistError):
            _let_others_report()
        _abort(_INTERRUPTED if issubclass(kind, KeyboardInterrupt) else 1)

    sys.excepthook = report_and_abort
    atexit.register(_leave_early)


def install(module: Any) -> None:
    """``module`` is ``mpi4py.MPI``, which has just been initialised."""
    global _module
    _module = module
    watch_over()
    if sys.platform == "linux":
        # mpiexec's own clean-up does not happen when it is killed itself.
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    atexit.register(_leave)  # after mpi4py's own registration: runs before MPI is finalised


def _rank() -> int:
    if _module is None:
        return int(os.environ.get("RANK", os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0"))))
    return (_channel or _module.COMM_WORLD).rank


def _print(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    """The traceback with the rank before each line, in one piece: other ranks write to the same stream."""
    text = "".join(traceback.format_exception(kind, value, trace))
    sys.stderr.write("".join(f"[rank{_rank()}]: {line}\n" for line in text.splitlines()))


def _deliver() -> None:
    """Wait until what was printed has been read: at MPI_Abort mpiexec throws away what its pipes still hold."""
    limit = time.monotonic() + _GRACE
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # a program put something in its place that is no file
            continue
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            continue
        while any(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))) and time.monotonic() < limit:
            time.sleep(_PAUSE)


def _abort(code: int) -> None:
    if "MINDTORCHRUN" in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the launcher sees which rank failed first, and stops the others
    _deliver()
    if _module is not None:
        if not _module.Is_finalized():
            _module.COMM_WORLD.Abort(code)
    elif "PMI_FD" in os.environ:
        # What MPI_Abort says to MPICH's process manager, which does not care how a process ends before MPI_Init.
        os.write(int(os.environ["PMI_FD"]), f"cmd=abort exitcode={code}\n".encode())


def open_channel(rank: int) -> None:
    """Make the communicator that goodbyes travel on, in which this process has its global rank. All processes call."""
    global _channel
    if _channel is None:
        _channel = _module.COMM_WORLD.Split(0, rank)


def _tell(tag: int, content: Any) -> list[Any]:
    data = pickle.dumps(content)
    return [_channel.Isend([data, _module.BYTE], peer, tag) for peer in range(_channel.size) if peer != _channel.rank]


def hear() -> None:
    """Take what other ranks said."""
    if _channel is None:
        return
    status = _module.Status()
    while _channel.Iprobe(_module.ANY_SOURCE, _module.ANY_TAG, status):
        data = bytearray(status.Get_count(_module.BYTE))
        _channel.Recv([data, _module.BYTE], status.Get_source(), status.Get_tag())
        if status.Get_tag() == _FAREWELL:
            departed[status.Get_source()] = pickle.loads(data)
        else:
            _failed.add(status.Get_source())


def _let_others_report() -> None:
    """All ranks meet with the same failure at nearly the same time; the first to abort would silence the others."""
    if _channel is None:
        return
    limit = time.monotonic() + _GRACE
    sent = _tell(_FAILED, None)
    while time.monotonic() < limit and len(_failed | departed.keys()) < _channel.size - 1:
        hear()
        time.sleep(_PAUSE)
    _module.Request.Testall(sent)


def _leave_early() -> None:
    """At the end of a process in which MPI was not initialised."""
    if _module is None and _exit_code:
        _end_all()


def _end_all() -> None:
    print(f"[rank{_rank()}]: exit code {_exit_code}: ends all ranks", file=sys.stderr)
    _abort(_exit_code)


def _leave() -> None:
    """At the end of the process, before MPI is finalised."""
    if _module.Is_finalized():
        return
    if _exit_code:
        _end_all()
    from mindtorch.distributed._mpi import drain

    left = drain()
    if left:
        print(f"[rank{_rank()}]: mindtorch.distributed: unfinished at exit: {'; '.join(left)}", file=sys.stderr)
        _abort(1)
    if _channel is None:
        return
    sent = _tell(_FAREWELL, {group.identity: group.number for group in groups})
    while not (_module.Request.Testall(sent) and len(departed) == _channel.size - 1):
        hear()
        time.sleep(_PAUSE)


def never_comes(group: Any, number: int, peers: list[int]) -> list[int]:
    """Which of the global ranks ``peers`` ended without calling collective ``number`` of ``group`` (0: any message)."""
    return [
        peer for peer in peers if peer in departed and (not number or departed[peer].get(group.identity, 0) < number)
    ]
