"""What the profiler records: a span for each operator and each named range, by thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..ops import _interpose
from ..ops._prim import Prim

__all__ = ["Event", "Recorder", "active"]


@dataclass
class Event:
    """One span of time, in nanoseconds of the monotonic clock."""

    name: str
    kind: str  # cpu_op or user_annotation
    start: int
    thread: int
    end: int = 0
    children: int = 0  # nanoseconds spent in spans inside of this one
    shapes: list[Any] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)  # the caller first; empty unless stacks are recorded

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from beginning to end."""
        return (self.end - self.start) / 1000

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds without the spans inside."""
        return (self.end - self.start - self.children) / 1000


class _Local(threading.local):
    def __init__(self) -> None:
        self.open: list[Event] = []


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _callers() -> list[str]:
    """The lines of Python that led here, the innermost first, without those of mindtorch."""
    found = []
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            found.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return found


class Recorder:
    """Collects events while it runs; one at a time."""

    def __init__(self, record_shapes: bool, with_stack: bool = False) -> None:
        self.events: list[Event] = []
        self.record_shapes = record_shapes
        self.with_stack = with_stack
        self._local = _Local()

    def begin(self, name: str, kind: str, args: tuple[Any, ...] = ()) -> Event:
        """Open a span."""
        shapes = [list(getattr(a, "shape", ())) for a in args] if self.record_shapes else []
        stack = _callers() if self.with_stack else []
        event = Event(name, kind, time.perf_counter_ns(), threading.get_native_id(), shapes=shapes, stack=stack)
        self._local.open.append(event)
        return event

    def finish(self, event: Event) -> None:
        """Close a span."""
        event.end = time.perf_counter_ns()
        stack = self._local.open
        while stack and stack.pop() is not event:
            pass
        if stack:
            stack[-1].children += event.end - event.start
        self.events.append(event)

    def inside(self, name: str) -> bool:
        """Whether the innermost open span has this name."""
        return bool(self._local.open) and self._local.open[-1].name == name

    # ------------------------------------------------------------------ switching on and off
    def start(self) -> None:
        """Record from now on. Raises RuntimeError while another recorder does."""
        global active
        if active is not None:
            raise RuntimeError("Profiler is already enabled on this thread")
        active = self
        _interpose.add(_operator)
        Prim.__call__ = _primitive  # type: ignore[method-assign]

    def stop(self) -> None:
        """Record no more."""
        global active
        active = None
        Prim.__call__ = _PLAIN  # type: ignore[method-assign]
        _interpose.remove(_operator)


active: Recorder | None = None
_PLAIN = Prim.__call__


def _operator(name: str, module: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    recorder = active
    if recorder is None:
        return call(*args, **kwargs)
    event = recorder.begin(f"aten::{name}", "cpu_op", args)
    try:
        return call(*args, **kwargs)
    finally:
        recorder.finish(event)


def _primitive(prim: Prim, tensors: tuple[Any, ...], *params: Any) -> Any:
    """A primitive that Python's operators reach directly; not when it is the whole of an operator recorded already."""
    recorder, name = active, f"aten::{prim.name}"
    if recorder is None or recorder.inside(name):
        return _PLAIN(prim, tensors, *params)
    event = recorder.begin(name, "cpu_op", tensors)
    try:
        return _PLAIN(prim, tensors, *params)
    finally:
        recorder.finish(event)


def process() -> int:
    """The number of this process, for traces."""
    return os.getpid()
