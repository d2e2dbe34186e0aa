"""FP8 (``transformer_engine.pytorch.fp8``): switched off it is accepted, switched on it raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._missing import module_getattr, unsupported

__all__ = ["FP8GlobalStateManager", "check_fp8_support", "fp8_autocast", "fp8_model_init"]
__getattr__ = module_getattr(__name__)

_REASON = "there is no FP8 arithmetic on mindtorch"


def check_fp8_support() -> tuple[bool, str]:
    """Whether the device has FP8, and why not."""
    return False, _REASON


@contextmanager
def fp8_autocast(
    enabled: bool = True, calibrating: bool = False, fp8_recipe: Any = None, fp8_group: Any = None,
    _graph: bool = False,
) -> Iterator[None]:  # fmt: skip
    """A context without FP8. ``enabled`` or ``calibrating`` raise NotImplementedError when it is entered."""
    if enabled or calibrating:
        raise unsupported("FP8 (transformer_engine.pytorch.fp8_autocast with enabled or calibrating)")
    yield


@contextmanager
def fp8_model_init(
    enabled: bool = True, recipe: Any = None, preserve_high_precision_init_val: bool = False
) -> Iterator[None]:
    """A context in which modules get parameters of their own dtype. ``enabled`` raises NotImplementedError."""
    if enabled:
        raise unsupported("FP8 parameters (transformer_engine.pytorch.fp8_model_init with enabled)")
    yield


class FP8GlobalStateManager:
    """The state of FP8: off."""

    @classmethod
    def reset(cls) -> None:
        """There is no state to reset."""

    @classmethod
    def is_fp8_available(cls) -> tuple[bool, str]:
        """Whether the device has FP8, and why not."""
        return check_fp8_support()

    @classmethod
    def is_mxfp8_available(cls) -> tuple[bool, str]:
        """Whether the device has MXFP8, and why not."""
        return check_fp8_support()

    @classmethod
    def is_fp8_enabled(cls) -> bool:
        """Whether the code runs under :func:`fp8_autocast` with ``enabled``."""
        return False

    @classmethod
    def is_fp8_calibration(cls) -> bool:
        """Whether the code runs under :func:`fp8_autocast` with ``calibrating``."""
        return False

    @classmethod
    def with_fp8_parameters(cls) -> bool:
        """Whether the code runs under :func:`fp8_model_init`."""
        return False
