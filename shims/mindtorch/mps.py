"""``torch.mps``: Apple's devices. There are none: what needs one raises RuntimeError, as in PyTorch without them."""

from __future__ import annotations

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


def _needs_a_device(call: str) -> RuntimeError:
    return RuntimeError(f"Cannot execute {call}() without MPS backend.")


def synchronize() -> None:
    """RuntimeError: there is no device."""
    raise _needs_a_device("deviceSynchronize")


def empty_cache() -> None:
    """RuntimeError: there is no device."""
    raise _needs_a_device("emptyCache")


def seed() -> None:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getDefaultGenerator")


def get_rng_state(device: Any = "mps") -> Any:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getDefaultGenerator")


def set_rng_state(new_state: Any, device: Any = "mps") -> None:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getDefaultGenerator")


def current_allocated_memory() -> int:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getCurrentAllocatedMemory")


def driver_allocated_memory() -> int:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getDriverAllocatedMemory")


def recommended_max_memory() -> int:
    """RuntimeError: there is no device."""
    raise _needs_a_device("getRecommendedMaxMemory")


def set_per_process_memory_fraction(fraction: float) -> None:
    """RuntimeError: there is no device."""
    raise _needs_a_device("setMemoryFraction")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
