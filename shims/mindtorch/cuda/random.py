"""The devices' generators: each of its own, so that CPU and device draws do not shift each other."""

from __future__ import annotations

from typing import Any

from .. import _device as devices
from .._tensor import Tensor


class _Generators:
    """``default_generators[i]``, made when first asked for. One can be seeded before the device is there."""

    def __init__(self) -> None:
        self._made: list[Any] = []

    def __getitem__(self, i: int) -> Any:
        from ..random import Generator

        while len(self._made) < len(self):
            self._made.append(Generator(f"cuda:{len(self._made)}"))
        return self._made[i]

    def __len__(self) -> int:
        return max(devices.device_count(), 1)


default_generators = _Generators()


def _index(device: Any) -> int:
    index = device if isinstance(device, int) else devices.device(device).index
    return devices.current_index() if index is None else index


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The generator's state, a uint8 tensor on the CPU."""
    return default_generators[_index(device)].get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Continue from a state."""
    default_generators[_index(device)].set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The states of all devices' generators."""
    return [get_rng_state(i) for i in range(len(default_generators))]


def set_rng_state_all(new_states: list[Tensor]) -> None:
    """Continue from the states of all devices."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


def manual_seed(seed: int) -> None:
    """Seed the current device's generator."""
    default_generators[devices.current_index()].manual_seed(int(seed))


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all devices."""
    for i in range(len(default_generators)):
        default_generators[i].manual_seed(int(seed))


def seed() -> None:
    """Seed the current device's generator from the operating system."""
    default_generators[devices.current_index()].seed()


def seed_all() -> None:
    """Seed the generators of all devices with one seed from the operating system."""
    manual_seed_all(default_generators[0].seed())


def initial_seed() -> int:
    """The seed of the current device's generator."""
    return default_generators[devices.current_index()].initial_seed()
