"""Generators and the default streams, side by side with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from mindtorch import random
from mindtorch._array import Array
from mindtorch._rng import distributions as dist
from mindtorch._tensor import wrap

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _keep_states() -> Iterator[None]:
    state, ours = torch.get_rng_state(), random.get_rng_state()
    yield
    torch.set_rng_state(state)
    random.set_rng_state(ours)


def draw(count: int, generator: random.Generator = random.default_generator) -> np.ndarray:
    return dist.rand(generator.engine, count)


def test_manual_seed_gives_pytorchs_stream() -> None:
    assert random.manual_seed(1234) is random.default_generator
    torch.manual_seed(1234)
    np.testing.assert_array_equal(draw(100), torch.rand(100).numpy())
    assert random.initial_seed() == torch.initial_seed() == 1234
    np.testing.assert_array_equal(random.get_rng_state().numpy(), torch.get_rng_state().numpy())


def test_states_are_interchangeable() -> None:
    torch.manual_seed(7)
    torch.randn(3)
    random.set_rng_state(wrap(Array(torch.get_rng_state().numpy().copy())))
    np.testing.assert_array_equal(dist.randn(random.default_generator.engine, 5), torch.randn(5).numpy())
    torch.set_rng_state(torch.from_numpy(random.get_rng_state().numpy()))
    np.testing.assert_array_equal(draw(5), torch.rand(5).numpy())


def test_a_generator_is_independent_of_the_default() -> None:
    random.manual_seed(0)
    before = random.get_rng_state().numpy()
    generator = random.Generator().manual_seed(3)
    draw(10, generator)
    np.testing.assert_array_equal(random.get_rng_state().numpy(), before)
    assert generator.initial_seed() == 3
    assert generator.device.type == "cpu"


def test_clone_and_graphsafe_state() -> None:
    generator = random.Generator().manual_seed(5)
    draw(3, generator)
    clone = generator.clone_state()
    np.testing.assert_array_equal(draw(4, clone), draw(4, generator))
    other = random.Generator().graphsafe_set_state(generator)
    first, second = draw(2, other), draw(2, generator)
    assert not np.array_equal(first, second)


def test_seed_is_returned_and_used() -> None:
    value = random.seed()
    first = draw(5)
    assert random.initial_seed() == value
    random.manual_seed(value)
    np.testing.assert_array_equal(draw(5), first)


def test_set_state_wants_a_tensor() -> None:
    with pytest.raises(TypeError, match="ByteTensor"):
        random.set_rng_state(b"abc")


def test_device_generators_follow_manual_seed_and_have_their_own_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    random.manual_seed(11)
    device = random.generator_of("cuda")
    assert random.generator_of("npu:0") is device
    assert device is not random.default_generator
    on_device = draw(5, device)
    np.testing.assert_array_equal(draw(5), on_device)
    random.manual_seed(11)
    np.testing.assert_array_equal(draw(5, device), on_device)


@pytest.mark.parametrize("devices", [None, [0], ["cuda:0"]])
def test_fork_rng(devices: list | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    generators = (random.default_generator, random.generator_of("cuda"))
    before = [generator.get_state().numpy() for generator in generators]

    def inside() -> None:
        random.manual_seed(99)
        draw(3)
        raise KeyError

    with pytest.raises(KeyError), random.fork_rng(devices):
        inside()
    for generator, state in zip(generators, before, strict=True):
        np.testing.assert_array_equal(generator.get_state().numpy(), state)


def test_fork_rng_disabled_keeps_what_was_drawn() -> None:
    random.manual_seed(1)
    before = random.get_rng_state().numpy()
    with random.fork_rng(enabled=False):
        draw(1)
    assert not np.array_equal(random.get_rng_state().numpy(), before)
