"""``torch.amp``: automatic mixed precision. Autocasting is not there yet: switching it on raises, off is accepted."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

from .._dtype import bfloat16, dtype, float16
from .grad_scaler import GradScaler as GradScaler


class autocast(contextlib.ContextDecorator):
    """Context manager and decorator. Raises NotImplementedError when enabled."""

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if enabled:
            raise NotImplementedError(
                "torch.autocast(enabled=True) is not supported by mindtorch yet: "
                "cast the model with .to(torch.bfloat16)"
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: Any) -> None:
        pass


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocasting is on: never."""
    return False


def get_autocast_dtype(device_type: str = "cuda") -> dtype:
    """The dtype that autocasting would use."""
    return bfloat16 if device_type == "cpu" else float16


def get_autocast_gpu_dtype() -> dtype:
    """The dtype that autocasting would use on the device."""
    return float16


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """Decorator of ``Function.forward``; without autocasting it changes nothing."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    return fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cuda") -> Any:
    """Decorator of ``Function.backward``; without autocasting it changes nothing."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
