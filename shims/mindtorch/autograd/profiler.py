"""``torch.autograd.profiler``: ranges are accepted and not recorded."""

from __future__ import annotations

import contextlib
from typing import Any


class record_function(contextlib.ContextDecorator):
    """A named range. Nothing records it: mindtorch has no profiler."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *exc: Any) -> None:
        pass


def emit_nvtx(*args: Any, **kwargs: Any) -> Any:
    """Raises: NVTX ranges exist on NVIDIA devices only."""
    raise NotImplementedError("torch.autograd.profiler.emit_nvtx is not supported by mindtorch")
