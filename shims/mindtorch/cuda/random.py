"""The device's generator: of its own, so that CPU and device draws do not shift each other."""

from __future__ import annotations

from typing import Any

from .. import _device as devices
from .._tensor import Tensor


def _make() -> tuple[Any, ...]:
    from ..random import Generator

    return (Generator("cuda"),)


class _Generators:
    """``default_generators[i]``, made when first asked for."""

    def __init__(self) -> None:
        self._made: tuple[Any, ...] = ()

    def __getitem__(self, i: int) -> Any:
        if not self._made:
            self._made = _make()
        return self._made[i]

    def __len__(self) -> int:
        return 1


default_generators = _Generators()


def _index(device: Any) -> int:
    if isinstance(device, int):
        return device
    return devices.device(device).index or 0


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The generator's state, a uint8 tensor on the CPU."""
    return default_generators[_index(device)].get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Continue from a state."""
    default_generators[_index(device)].set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    return [get_rng_state(0)]


def set_rng_state_all(new_states: list[Tensor]) -> None:
    set_rng_state(new_states[0], 0)


def manual_seed(seed: int) -> None:
    """Seed the generator."""
    default_generators[0].manual_seed(int(seed))


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the generator from the operating system."""
    default_generators[0].seed()


seed_all = seed


def initial_seed() -> int:
    return default_generators[0].initial_seed()
