"""``torch.amp``: automatic mixed precision."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from .._dtype import dtype
from . import autocast_mode, grad_scaler
from .autocast_mode import (
    autocast,
    clear_autocast_cache,
    custom_bwd,
    custom_fwd,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def get_autocast_gpu_dtype() -> dtype:
    """The lower precision of the device."""
    return get_autocast_dtype("cuda")


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
