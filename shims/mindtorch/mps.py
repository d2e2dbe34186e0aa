"""``torch.mps``: Apple's devices. There are none: what needs one raises RuntimeError, as in PyTorch without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mindtorch._support import missing_attribute

__all__ = [
    "current_allocated_memory", "device_count", "driver_allocated_memory", "empty_cache", "get_rng_state",
    "is_available", "manual_seed", "recommended_max_memory", "seed", "set_per_process_memory_fraction", "set_rng_state",
    "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is such a device: no."""
    return False


def device_count() -> int:
    """How many there are: none."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the device's generator: none has to be."""


def _needs_a_device(call: str) -> Callable[..., Any]:
    def missing(*args: Any, **kwargs: Any) -> Any:
        """RuntimeError: there is no device."""
        raise RuntimeError(f"Cannot execute {call}() without MPS backend.")

    return missing


synchronize = _needs_a_device("deviceSynchronize")
empty_cache = _needs_a_device("emptyCache")
seed = get_rng_state = set_rng_state = _needs_a_device("getDefaultGenerator")
current_allocated_memory = _needs_a_device("getCurrentAllocatedMemory")
driver_allocated_memory = _needs_a_device("getDriverAllocatedMemory")
recommended_max_memory = _needs_a_device("getRecommendedMaxMemory")
set_per_process_memory_fraction = _needs_a_device("setMemoryFraction")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
