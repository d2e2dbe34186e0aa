"""``torch.autograd.profiler``: named ranges, which ``torch.profiler.profile`` records."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class record_function:
    """A named range: context manager and decorator. Recorded while a profiler runs."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self._open: list[Any] = []

    def __enter__(self) -> record_function:
        from ..profiler import events

        recorder = events.active
        self._open.append(None if recorder is None else (recorder, recorder.begin(self.name, "user_annotation")))
        return self

    def __exit__(self, *exc: Any) -> None:
        opened = self._open.pop()
        if opened is not None:
            recorder, event = opened
            recorder.finish(event)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return func(*args, **kwargs)

        return wrapper


def emit_nvtx(*args: Any, **kwargs: Any) -> Any:
    """Raises: NVTX ranges exist on NVIDIA devices only."""
    raise NotImplementedError("torch.autograd.profiler.emit_nvtx is not supported by mindtorch")
