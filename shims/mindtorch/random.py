"""``torch.random``: generators and the default generator of the CPU, equal to PyTorch's word for word."""

from __future__ import annotations

import contextlib
from collections.abc import Generator as PyGenerator
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import _device as devices
from ._array import Array
from ._rng import MT19937Engine
from ._tensor import Tensor, wrap


class Generator:
    """A source of random numbers with a state of its own. The same on every device: MT19937, as PyTorch on the CPU."""

    def __init__(self, device: Any = "cpu") -> None:
        self._device = devices.device(device)
        self._engine = MT19937Engine()

    @property
    def device(self) -> devices.device:
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Restart from `seed`."""
        self._engine.manual_seed(int(seed))
        return self

    def seed(self) -> int:
        """Restart from a seed taken from the operating system, which is returned."""
        return self._engine.seed()

    def initial_seed(self) -> int:
        """The seed that the generator was started from."""
        return self._engine.initial_seed()

    def get_state(self) -> Tensor:
        """The state: uint8 of 5056 elements, interchangeable with PyTorch's."""
        return wrap(Array(self._engine.get_state()))

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue from a state. Raises TypeError or RuntimeError for what is not one."""
        if not isinstance(new_state, Tensor) or new_state.dtype.name != "uint8":
            raise TypeError("expected a torch.ByteTensor, but got " + type(new_state).__name__)
        self._engine.set_state(np.ascontiguousarray(new_state._arr.np))
        return self

    def clone_state(self) -> Generator:
        """A second generator in the same state."""
        out = Generator(self._device)
        out.set_state(self.get_state())
        return out

    def __reduce__(self) -> Any:
        return Generator, (self._device,), (self.initial_seed(), None, self.get_state())

    def __setstate__(self, state: tuple[int, int | None, Tensor]) -> None:
        self.set_state(state[2])


default_generator = Generator()


def manual_seed(seed: Any) -> Generator:
    """Seed the default generators of the CPU and of the MindSpore device."""
    from .cuda import random as cuda_random

    seed = int(seed)
    cuda_random.manual_seed_all(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generators from the operating system; the seed is returned."""
    from .cuda import random as cuda_random

    value = default_generator.seed()
    cuda_random.manual_seed_all(value)
    return value


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default CPU generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the state of the default CPU generator."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> PyGenerator[None, None, None]:  # fmt: skip
    """Leave the generators as they were when the block ends: the CPU's, and those of `devices` (default: all)."""
    if not enabled:
        yield
        return
    from . import cuda

    indices = list(range(cuda.device_count())) if devices is None else list(devices)
    cpu_state = get_rng_state()
    device_states = [cuda.get_rng_state(d) for d in indices]
    try:
        yield
    finally:
        set_rng_state(cpu_state)
        for d, state in zip(indices, device_states, strict=True):
            cuda.set_rng_state(state, d)
