"""``torch.xpu``: Intel's GPUs. There are none: what needs one raises AssertionError, as in PyTorch without them."""

from __future__ import annotations

from typing import Any

from mindtorch._support import missing_attribute

__all__ = [
    "current_device", "current_stream", "device_count", "empty_cache", "get_device_capability", "get_device_name",
    "get_device_properties", "get_rng_state", "get_rng_state_all", "init", "initial_seed", "is_available",
    "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_reserved", "seed", "seed_all", "set_device",
    "set_rng_state_all", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is such a device: no."""
    return False


def device_count() -> int:
    """How many there are: none."""
    return 0


def is_initialized() -> bool:
    """Whether one is in use: no."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether one computes in bfloat16: no."""
    return False


def empty_cache() -> None:
    """Give cached memory back: there is none."""


def manual_seed(seed: int) -> None:
    """Seed the current device's generator: none has to be."""


def manual_seed_all(seed: int) -> None:
    """Seed all devices' generators: none has to be."""


def seed() -> None:
    """Seed the current device's generator with a random number: none has to be."""


def seed_all() -> None:
    """Seed all devices' generators with a random number: none has to be."""


def get_rng_state_all() -> list[Any]:
    """The states of all devices' generators: of none."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of all devices' generators; AssertionError for any state."""
    for _ in new_states:
        init()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use: none."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def init() -> None:
    """AssertionError: there is no device."""
    raise AssertionError("Torch not compiled with XPU enabled")


def _of_a_device(device: Any = None) -> Any:
    """AssertionError: there is no device."""
    init()


current_device = set_device = synchronize = current_stream = mem_get_info = _of_a_device
get_device_name = get_device_capability = get_device_properties = _of_a_device
get_rng_state = initial_seed = _of_a_device


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
