"""The flight recorder: the last collectives and messages of this process, with where they were called from.

Every call of a process group makes one ``Record``. The last ones are kept (MINDTORCH_FLIGHT_RECORDS or
TORCH_NCCL_TRACE_BUFFER_SIZE, default 1000; 0: none) and written as JSON, one file per rank, when a call times out, when
ranks call different collectives, and on demand. The entries have the keys of PyTorch's flight recorder.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import mindtorch

__all__ = ["Record", "Recorder", "caller", "place", "recorder"]

_PACKAGE = os.path.dirname(os.path.abspath(mindtorch.__file__)) + os.sep
_DEFAULT_SIZE = 1000
_OWN_FRAMES = 4  # Record.__init__, Recorder.add, and at least two that lead there
_ours: dict[CodeType, bool] = {}
_Tensors = tuple[tuple[tuple[int, ...], Any], ...]


def outside(frame: FrameType | None) -> FrameType | None:
    """The innermost frame from ``frame`` on that is not of this package."""
    while frame is not None:
        code = frame.f_code
        known = _ours.get(code)
        if known is None:
            known = _ours[code] = code.co_filename.startswith(_PACKAGE)
        if not known:
            break
        frame = frame.f_back
    return frame


def caller(own: int = 0) -> tuple[CodeType | None, int]:
    """The code and line outside this package that the current call comes from; at least ``own`` frames are inside."""
    frame = outside(sys._getframe(1 + own))
    return (None, 0) if frame is None else (frame.f_code, frame.f_lineno)


def place(code: CodeType | None, line: int) -> str:
    """'file:line in function'."""
    return "an unknown place" if code is None else f"{code.co_filename}:{line} in {code.co_name}"


class Record:
    """One call.

    Args:
        group: the group's name.
        number: of the collective in its group, or of the message among this group's messages; from 1.
        call: its name.
        inputs, outputs: shapes and dtypes.
        op: name of the reduction, or ''.
        peer: group rank of the root, or of the other side of a message.
        p2p: it is a send or a receive.
    """

    __slots__ = (
        "call", "code", "created", "error", "finished", "group", "inputs", "line", "number", "op", "outputs", "p2p",
        "peer", "serial", "started", "timeout",
    )  # fmt: skip

    def __init__(
        self, group: str, number: int, call: str, inputs: _Tensors, outputs: _Tensors, op: str, peer: int | None,
        p2p: bool, timeout: timedelta,
    ) -> None:  # fmt: skip
        self.group, self.number, self.call = group, number, call
        self.inputs, self.outputs = inputs, outputs
        self.op, self.peer, self.p2p, self.timeout = op, peer, p2p, timeout
        self.code, self.line = caller(_OWN_FRAMES)
        self.created = time.time_ns()
        self.started = self.finished = self.serial = 0
        self.error: str | None = None

    @property
    def state(self) -> str:
        """'scheduled', 'started' (data may move), 'completed' or 'failed'."""
        if self.error is not None:
            return "failed"
        return "completed" if self.finished else "started" if self.started else "scheduled"

    def begin(self) -> None:
        """Its data may move from here on."""
        self.started = time.time_ns()

    def end(self, error: BaseException | None = None) -> None:
        """It is over."""
        self.finished = time.time_ns()
        if error is not None:
            self.error = str(error)

    def __str__(self) -> str:
        tensors = self.inputs or self.outputs
        parts = [f"{self.call} #{self.number}"]
        if tensors:
            shapes = ", ".join(str(list(shape)) for shape, _ in tensors[:4])
            parts.append(f"of {str(tensors[0][1]).removeprefix('torch.')} {shapes}{', ...' * (len(tensors) > 4)}")
        if self.op:
            parts.append(f"with {self.op}")
        if self.peer is not None:
            parts.append(("peer " if self.p2p else "root ") + str(self.peer))
        return f"{' '.join(parts)} at {place(self.code, self.line)}"

    def as_entry(self) -> dict[str, Any]:
        """The keys of PyTorch's flight recorder."""
        frames = (
            [] if self.code is None
            else [{"name": self.code.co_name, "filename": self.code.co_filename, "line": self.line}]
        )  # fmt: skip
        return {
            "record_id": self.serial, "pg_id": self.group, "process_group": [self.group, ""],
            "collective_seq_id": 0 if self.p2p else self.number, "p2p_seq_id": self.number if self.p2p else 0,
            "op_id": self.serial, "profiling_name": f"mindtorch:{self.call}", "op": self.op, "peer": self.peer,
            "input_sizes": [list(shape) for shape, _ in self.inputs],
            "input_dtypes": [str(d).removeprefix("torch.") for _, d in self.inputs],
            "output_sizes": [list(shape) for shape, _ in self.outputs],
            "output_dtypes": [str(d).removeprefix("torch.") for _, d in self.outputs],
            "time_created_ns": self.created, "time_discovered_started_ns": self.started or None,
            "time_discovered_completed_ns": self.finished or None, "state": self.state, "error": self.error,
            "retired": bool(self.finished), "timeout_ms": int(self.timeout.total_seconds() * 1000),
            "is_p2p": self.p2p, "frames": frames,
        }  # fmt: skip


def tensors(*given: Any) -> _Tensors:
    """Shapes and dtypes."""
    return tuple([(t._arr.shape, t._arr.dtype) for t in given])


def _size() -> int:
    for name in ("MINDTORCH_FLIGHT_RECORDS", "TORCH_FR_BUFFER_SIZE", "TORCH_NCCL_TRACE_BUFFER_SIZE"):
        if name in os.environ:
            return int(os.environ[name])
    return _DEFAULT_SIZE


class Recorder:
    """The records of this process. ``job`` and ``rank`` name the files they are written to."""

    def __init__(self) -> None:
        self.records: deque[Record] = deque(maxlen=_size())
        self.last: dict[str, Record] = {}
        self.rank = 0
        self.job = f"{os.getpid()}"
        self._serial = 0

    def add(
        self, group: str, number: int, call: str, timeout: timedelta, inputs: _Tensors = (), outputs: _Tensors = (),
        op: str = "", peer: int | None = None, p2p: bool = False,
    ) -> Record:  # fmt: skip
        """A new record of a call that is being made."""
        record = Record(group, number, call, inputs, outputs, op, peer, p2p, timeout)
        record.serial = self._serial
        self._serial += 1
        self.records.append(record)
        if not p2p:
            self.last[group] = record
        return record

    def find(self, group: str, number: int) -> Record | None:
        """The collective ``number`` of ``group``, if it was called here and is still kept."""
        last = self.last.get(group)
        if last is not None and last.number == number:
            return last
        return next((r for r in list(self.records) if r.group == group and r.number == number and not r.p2p), None)

    def active(self) -> list[Record]:
        """What is not over."""
        return [record for record in list(self.records) if not record.finished]

    def forget(self, group: str) -> None:
        """The group is gone; another may get its name."""
        self.last.pop(group, None)

    def trace(self, only_active: bool = False) -> dict[str, Any]:
        """Everything that is kept, for JSON."""
        kept = self.active() if only_active else list(self.records)
        return {
            "version": "2.4",
            "rank": self.rank,
            "pid": os.getpid(),
            "pg_status": {
                group: {
                    "last_enqueued_collective": last.number,
                    "last_started_collective": _last(self.records, group, "started"),
                    "last_completed_collective": _last(self.records, group, "finished"),
                }
                for group, last in list(self.last.items())
            },
            "entries": [record.as_entry() for record in kept],
        }

    def path(self) -> Path:
        """The file of this rank: TORCH_NCCL_DEBUG_INFO_TEMP_FILE and the rank, or one in the system's directory."""
        for name in ("MINDTORCH_FLIGHT_FILE", "TORCH_FR_DUMP_TEMP_FILE", "TORCH_NCCL_DEBUG_INFO_TEMP_FILE"):
            if os.environ.get(name):
                return Path(f"{os.environ[name]}{self.rank}")
        return Path(tempfile.gettempdir()) / f"mindtorch-flight-{self.job}" / f"rank_{self.rank}.json"

    def write(self) -> Path:
        """Write the trace to ``path()``; OSError if that is not possible."""
        path = self.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(self.trace(), indent=1))
        part.replace(path)
        return path


def _last(records: Iterable[Record], group: str, state: str) -> int:
    numbers = (r.number for r in list(records) if r.group == group and not r.p2p and getattr(r, state))
    return max(numbers, default=-1)


recorder = Recorder()
