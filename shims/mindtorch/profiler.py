"""``torch.profiler``: there is no profiler here; ranges are accepted."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from ._unsupported import unsupported, unsupported_function
from .autograd.profiler import record_function

__all__ = ["profile", "record_function", "schedule", "tensorboard_trace_handler"]

_HINT = "use MindSpore's profiler (mindspore.profiler.Profiler)"
profile = unsupported("torch.profiler.profile", _HINT)
schedule = unsupported_function("torch.profiler.schedule", _HINT)
tensorboard_trace_handler = unsupported_function("torch.profiler.tensorboard_trace_handler", _HINT)


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
