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
    return dist.rand(generator._engine, count)


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
    np.testing.assert_array_equal(dist.randn(random.default_generator._engine, 5), torch.randn(5).numpy())
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


def test_clone_goes_on_from_the_same_place() -> None:
    generator = random.Generator().manual_seed(5)
    draw(3, generator)
    clone = generator.clone_state()
    np.testing.assert_array_equal(draw(4, clone), draw(4, generator))


def test_seed_is_returned_and_used() -> None:
    value = random.seed()
    first = draw(5)
    assert random.initial_seed() == value
    random.manual_seed(value)
    np.testing.assert_array_equal(draw(5), first)


def test_set_state_wants_a_tensor() -> None:
    with pytest.raises(TypeError, match="ByteTensor"):
        random.set_rng_state(b"abc")


def test_fork_rng() -> None:
    random.manual_seed(1)
    before = random.get_rng_state().numpy()

    def inside() -> None:
        random.manual_seed(99)
        draw(3)
        raise KeyError

    with pytest.raises(KeyError), random.fork_rng():
        inside()
    np.testing.assert_array_equal(random.get_rng_state().numpy(), before)


def test_fork_rng_disabled_keeps_what_was_drawn() -> None:
    random.manual_seed(1)
    before = random.get_rng_state().numpy()
    with random.fork_rng(enabled=False):
        draw(1)
    assert not np.array_equal(random.get_rng_state().numpy(), before)
