"""Streams and events. Kernels run in program order, on the device in its one stream: streams have nothing to order, and
waiting for one waits for all. On a CPU host each kernel has been waited for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, ClassVar

from .. import _device as devices
from ._runtime import runtime


class Stream:
    """A stream of kernels, which here run in program order."""

    cuda_stream = 0

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        self.device = devices.resolve("cuda" if device is None else device)
        self.device_index = self.device.index or 0
        self.priority = priority
        self.stream_id = id(self)

    def wait_stream(self, stream: Stream) -> None:
        """Nothing to wait for: its kernels are done."""

    def wait_event(self, event: Event) -> None:
        """Nothing to wait for: it has happened."""

    def synchronize(self) -> None:
        """Wait until the kernels are done."""
        if (of := runtime()) is not None:
            of.synchronize()

    def query(self) -> bool:
        """Whether the kernels are done: on a device, whether those of its stream are."""
        of = runtime()
        return True if of is None else of.current_stream().query()

    def record_event(self, event: Event | None = None) -> Event:
        """Record an event, a new one by default."""
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self) -> Stream:
        self._previous = current_stream(), current_stream(self.device)
        set_stream(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        set_stream(self._previous[1])
        set_stream(self._previous[0])


class ExternalStream(Stream):
    """A stream made elsewhere: does not exist on a CPU host."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("torch.cuda.ExternalStream is not supported by mindtorch")


class Event:
    """A point in time on a stream."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        self.enable_timing = enable_timing
        self._time: float | None = None
        of = runtime()
        self._event = None if of is None else of.Event(enable_timing=enable_timing, blocking=blocking)

    def record(self, stream: Stream | None = None) -> None:
        self._time = time.perf_counter()
        if self._event is not None:
            self._event.record()

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing to wait for: later kernels run later."""

    def synchronize(self) -> None:
        """Wait until it has happened."""
        if self._event is not None:
            self._event.synchronize()

    def query(self) -> bool:
        """Whether it has happened."""
        return True if self._event is None else self._event.query()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to `end_event`. Raises RuntimeError for events that were not recorded."""
        if self._time is None or end_event._time is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if self._event is not None:
            return self._event.elapsed_time(end_event._event)
        return (end_event._time - self._time) * 1e3


class _Streams:
    """By the index of the device."""

    default: ClassVar[dict[int, Stream]] = {}
    current: ClassVar[dict[int, Stream]] = {}


def _index(device: Any) -> int:
    index = device if device is None or isinstance(device, int) else devices.device(device).index
    return devices.current_index() if index is None else index


def default_stream(device: Any = None) -> Stream:
    """The device's default stream."""
    index = _index(device)
    if index not in _Streams.default:
        _Streams.default[index] = Stream(index)
    return _Streams.default[index]


def current_stream(device: Any = None) -> Stream:
    """The stream of the device that kernels go to."""
    return _Streams.current.get(_index(device)) or default_stream(device)


def set_stream(stream: Stream | None) -> None:
    """Make a stream the current one, and its device the current device."""
    if stream is not None:
        devices.set_current_index(stream.device_index)
        _Streams.current[stream.device_index] = stream


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[Stream | None]:
    """Context manager: another current stream, on its device."""
    if stream is None:
        yield None
        return
    previous, previous_there = current_stream(), current_stream(stream.device)
    set_stream(stream)
    try:
        yield stream
    finally:
        set_stream(previous_there)
        set_stream(previous)
