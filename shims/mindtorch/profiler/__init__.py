"""``torch.profiler``: how long operators take, as a table and as a trace for chrome://tracing or Perfetto."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

from ..autograd.profiler import record_function
from .events import Event, Recorder, process
from .table import EventList

__all__ = [
    "ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule", "supported_activities",
    "tensorboard_trace_handler",
]  # fmt: skip


class ProfilerActivity(Enum):
    """What is recorded. Operators run in the calling thread, on every device: CPU covers them all."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3


class ProfilerAction(Enum):
    """What a schedule asks for at a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be recorded."""
    return {ProfilerActivity.CPU, ProfilerActivity.CUDA}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """After `skip_first` steps, `repeat` cycles (0: endless) of `wait` idle, `warmup` and `active` recorded steps."""
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError("Invalid profiler schedule arguments")
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        cycle, place = divmod(step - skip_first, length)
        if (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == length - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Any:
    """For ``on_trace_ready``: writes each trace into `dir_name`, with gzip if told so."""

    def write(profiler: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".pt.trace.json.gz" if use_gzip else ".pt.trace.json"
        profiler.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}{ending}"))

    return write


class profile:
    """Context manager that records the operators called inside.

    Args:
        activities: accepted; operators of all devices are recorded.
        schedule: what to do at each ``step()``; by default everything is recorded.
        on_trace_ready: called with the profiler when a cycle of the schedule, or the block, ends.
        record_shapes: keep the shapes of operands.
        with_stack: keep the lines of Python that called each operator.

    Raises NotImplementedError for ``profile_memory``, ``with_flops`` and ``with_modules``.
    """

    def __init__(
        self, *, activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None, record_shapes: bool = False,
        profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False, with_modules: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        refused = {"profile_memory": profile_memory, "with_flops": with_flops, "with_modules": with_modules}
        for name, wanted in refused.items():
            if wanted:
                raise NotImplementedError(f"torch.profiler.profile({name}=True) is not supported by mindtorch")
        self._schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self._on_trace_ready = on_trace_ready
        self._record_shapes, self._with_stack = record_shapes, with_stack
        self.step_num = 0
        self._recorder: Recorder | None = None
        self._events: list[Event] = []

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with step 0."""
        self._follow(ProfilerAction.NONE, self._schedule(self.step_num))

    def stop(self) -> None:
        """End, and hand over what has been recorded."""
        if self._recorder is not None:
            self._end()
            if self._on_trace_ready is not None:
                self._on_trace_ready(self)

    def step(self) -> None:
        """The next step begins."""
        before = self._schedule(self.step_num)
        self.step_num += 1
        self._follow(before, self._schedule(self.step_num))

    def _follow(self, before: ProfilerAction, now: ProfilerAction) -> None:
        recording = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._recorder is not None and (before is ProfilerAction.RECORD_AND_SAVE or now not in recording):
            self._end()
            if self._on_trace_ready is not None:
                self._on_trace_ready(self)
        if now in recording and self._recorder is None:
            self._recorder = Recorder(self._record_shapes, self._with_stack)
            self._recorder.start()

    def _end(self) -> None:
        assert self._recorder is not None
        self._recorder.stop()
        self._events = self._recorder.events
        self._recorder = None

    def events(self) -> EventList:
        """The spans, in the order in which they ended."""
        return EventList(self._events)

    def key_averages(self, group_by_input_shape: bool = False) -> EventList:
        """Spans added up by name (and shapes)."""
        return EventList(self._events).averages(group_by_input_shape)

    def export_chrome_trace(self, path: str) -> None:
        """Write the trace as JSON: complete events with microseconds. A name that ends in .gz is compressed."""
        opened: Any = gzip.open if path.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            json.dump({"schemaVersion": 1, "traceEvents": [self._trace(e) for e in self._events]}, file)

    def _trace(self, e: Event) -> dict[str, Any]:
        arguments: dict[str, Any] = {"Input Dims": e.shapes} if self._record_shapes else {}
        if self._with_stack:
            arguments["Call stack"] = ";".join(e.stack)
        return {"ph": "X", "cat": e.kind, "name": e.name, "pid": process(), "tid": e.thread, "ts": e.start / 1000,
                "dur": e.cpu_time_total, "args": arguments}  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
