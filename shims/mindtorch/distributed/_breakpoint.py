"""``torch.distributed.breakpoint``: a debugger on one rank while the others wait."""

from __future__ import annotations

import bdb
import ctypes
import os
import pdb
import sys
import time
from datetime import timedelta
from types import FrameType
from typing import Any, TextIO

from mindtorch.distributed import _progress
from mindtorch.distributed._flight import caller
from mindtorch.distributed._group import default_group, world
from mindtorch.distributed._store import PrefixStore, Store

__all__ = ["breakpoint"]

_FOREVER = timedelta(days=3650)
_PAUSE = 0.02
_calls = [0]
_skipped: dict[Any, int] = {}


class _Relayed:
    """Lines of rank 0's standard input, for a rank that has none: mpiexec gives its input to one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines = 0

    def readline(self) -> str:
        """The next line; '' at the end."""
        self._lines += 1
        self._store.set(f"wanted/{self._lines}", "")
        self._store.wait([f"line/{self._lines}"], _FOREVER)
        return self._store.get(f"line/{self._lines}").decode()


class _Debugger(pdb.Pdb):
    """The end of the input is no reason to end the job: the program goes on."""

    def do_EOF(self, arg: str) -> Any:
        """Go on."""
        self.message("end of input: the program goes on")
        return self.do_continue("")


def _terminal() -> tuple[Any, TextIO] | None:
    """What to read from and write to: MINDTORCH_PDB_TTY, the standard streams, or the controlling terminal."""
    named = os.environ.get("MINDTORCH_PDB_TTY")
    if named is not None:
        return open(named), open(named, "w")
    if sys.stdin is not None and sys.stdin.isatty():
        return sys.stdin, sys.stdout
    try:
        return open("/dev/tty"), open("/dev/tty", "w")
    except OSError:  # there is none
        return None


def _stop(frame: FrameType, streams: tuple[Any, TextIO], rank: int) -> _Debugger:
    debugger = _Debugger(stdin=streams[0], stdout=streams[1], skip=["mindtorch", "mindtorch.*"])
    debugger.reset()
    debugger.message(f"rank {rank} stops here; the other ranks wait until it goes on ('c')")
    debugger.interaction(frame, None)
    if sys.version_info < (3, 13):
        # Outside of a trace function nobody else brings back what was assigned to the frame's variables.
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    return debugger


def _go_on(debugger: _Debugger, frame: FrameType | None) -> None:
    """After 'continue' nothing is left to do; after 'next', 'step' and the like the caller is traced."""
    if debugger.quitting:
        raise bdb.BdbQuit
    if debugger.stoplineno == -1 and not debugger.breaks:
        return
    while frame is not None:
        frame.f_trace = debugger.trace_dispatch
        debugger.botframe = frame
        frame = frame.f_back
    sys.settrace(debugger.trace_dispatch)


def _relay(store: Store) -> None:
    """Hand the lines of this process's standard input on until the other rank goes on."""
    wanted = 1
    while not store.check(["done"]):
        if store.check([f"wanted/{wanted}"]):
            store.set(f"line/{wanted}", sys.stdin.readline() if sys.stdin is not None else "")
            wanted += 1
        _progress.progress()
        time.sleep(_PAUSE)


def breakpoint(rank: int = 0, skip: int = 0, timeout_s: int = 3600) -> None:
    """Stop in Python's debugger on global ``rank``, in the caller; the others wait, without a limit, until it goes on.

    All ranks have to call. The debugger uses the terminal that MINDTORCH_PDB_TTY names, else the process's own, else
    the standard input of rank 0.

    Args:
        skip: pass this place so many times before stopping.
        timeout_s: of the barrier in PyTorch; here the others wait as long as it takes.

    Raises:
        bdb.BdbQuit: 'q' was typed.
    """
    if skip > 0:
        place = caller()
        _skipped[place] = _skipped.get(place, 0) + 1
        if _skipped[place] <= skip:
            return
    frame = sys._getframe(1)
    if world.default_pg is None or world.default_pg.size() == 1:
        streams = _terminal() or (sys.stdin, sys.stdout)
        _go_on(_stop(frame, streams, 0), frame)
        return
    pg = default_group()
    if not 0 <= rank < pg.size():
        raise ValueError(f"rank {rank} does not exist in a world of size {pg.size()}")
    _calls[0] += 1
    store = PrefixStore(f"breakpoint/{_calls[0]}", world.pg_map[pg][1])
    if pg.rank() != rank:
        if pg.rank() == 0:
            _relay(store)
        store.wait(["done"], _FOREVER)
        return
    streams = _terminal() or (sys.stdin if rank == 0 else _Relayed(store), sys.stdout)
    debugger = _stop(frame, streams, rank)
    store.set("done", "")
    if isinstance(streams[0], _Relayed) and not debugger.quitting:
        # From here on rank 0 runs its own program and hands no lines on.
        if debugger.stoplineno != -1:
            debugger.message("stepping needs a terminal of this rank (MINDTORCH_PDB_TTY): the program goes on")
        return
    _go_on(debugger, frame)
