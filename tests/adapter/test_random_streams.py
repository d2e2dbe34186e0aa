"""Random operators as users call them, side by side with PyTorch: values, and the generator's state afterwards.

float32 normals come from vectorised logarithms, sines and cosines in PyTorch; they are reproduced to the last bit where
the processor is one of those known, and are held to 2e-7 relative here. Everything else is equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mindtorch
import numpy as np
import pytest
from test_rng_engine import avx2, not_mkl

torch = pytest.importorskip("torch")

# Dense where the ways of filling change (16), thin above.
SIZES = (*range(1, 36), *range(37, 100, 9), *(16 * k + d for k in (4, 8, 32, 39, 40, 128) for d in (-1, 0, 1)), 10_000)
DTYPES = ("float32", "float64", "bfloat16")


@pytest.fixture(autouse=True)
def _keep_states() -> Iterator[None]:
    state, ours = torch.get_rng_state(), mindtorch.get_rng_state()
    yield
    torch.set_rng_state(state)
    mindtorch.set_rng_state(ours)


def numpy_of(t: Any) -> np.ndarray:
    if "bfloat16" in str(t.dtype):
        t = t.float()
    return t.detach().numpy()


def both(draw: Callable[[Any], Any], seed: int = 1234, relative: float = 0.0, strides: bool = True) -> None:
    """The same call in both libraries from the same seed."""
    torch.manual_seed(seed)
    mindtorch.manual_seed(seed)
    expected, found = draw(torch), draw(mindtorch)
    assert str(found.dtype) == str(expected.dtype)
    assert tuple(found.shape) == tuple(expected.shape)
    assert not strides or found.stride() == expected.stride()
    if relative:
        np.testing.assert_allclose(numpy_of(found), numpy_of(expected), rtol=relative, atol=0)
    else:
        np.testing.assert_array_equal(numpy_of(found), numpy_of(expected))
    same_state()


def same_state() -> None:
    assert mindtorch.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()


EXACT: dict[str, Callable[[Any, int, str], Any]] = {
    "rand": lambda t, n, d: t.rand(n, dtype=getattr(t, d)),
    "rand_like": lambda t, n, d: t.rand_like(t.empty(n, dtype=getattr(t, d))),
    "uniform_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).uniform_(-0.3, 1.7),
    "randint": lambda t, n, d: t.randint(-5, 100, (n,), dtype=getattr(t, d)),
    "randint_like": lambda t, n, d: t.randint_like(t.empty(n, dtype=getattr(t, d)), 7),
    "random_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).random_(),
    "random_(to)": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).random_(100),
    "random_(from, to)": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).random_(-3, 4),
    "randperm": lambda t, n, d: t.randperm(min(n, 200), dtype=getattr(t, d)),
    "cauchy_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).cauchy_(0.5, 2.0),
    "log_normal_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).log_normal_(0.5, 2.0),
    "geometric_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).geometric_(0.3),
    "bernoulli": lambda t, n, d: t.bernoulli(t.linspace(0, 1, n).to(getattr(t, d))),
    "poisson": lambda t, n, d: t.poisson(t.linspace(0, 30, n).to(getattr(t, d))),
}
NORMAL: dict[str, Callable[[Any, int, str], Any]] = {
    "randn": lambda t, n, d: t.randn(n, dtype=getattr(t, d)),
    "randn_like": lambda t, n, d: t.randn_like(t.empty(n, dtype=getattr(t, d))),
    "normal_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).normal_(0.5, 3.0),
    "normal": lambda t, n, d: t.normal(0.0, 0.02, (n,), dtype=getattr(t, d)),
}
WITH_MKL: dict[str, Callable[[Any, int, str], Any]] = {
    "exponential_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).exponential_(0.5),
    "bernoulli_": lambda t, n, d: t.empty(n, dtype=getattr(t, d)).bernoulli_(0.3),
    "dropout": lambda t, n, d: t.nn.functional.dropout(t.ones(n, dtype=getattr(t, d)), 0.1),
    "alpha_dropout": lambda t, n, d: t.nn.functional.alpha_dropout(t.ones(n, dtype=getattr(t, d)), 0.5, True),
    "dropout2d": lambda t, n, d: t.nn.functional.dropout2d(t.ones(2, n, 1, 2, dtype=getattr(t, d)), 0.4),
    "multinomial": lambda t, n, d: t.multinomial(t.arange(1, n + 1).to(getattr(t, d)), 1),
    "multinomial, replacement": lambda t, n, d: t.multinomial(t.arange(1, 9).to(getattr(t, d)), n, True),
}


@avx2
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_values_and_state(name: str, dtype: str) -> None:
    for n in SIZES:
        both(lambda t, n=n: EXACT[name](t, n, dtype), seed=n)


@avx2
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NORMAL)
def test_normal_values_and_state(name: str, dtype: str) -> None:
    for n in SIZES:
        both(lambda t, n=n: NORMAL[name](t, n, dtype), seed=n, relative=2e-7 if dtype == "float32" else 0.0)


@not_mkl
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WITH_MKL)
def test_values_and_state_where_mkl_is_not_used(name: str, dtype: str) -> None:
    for n in SIZES:
        both(lambda t, n=n: WITH_MKL[name](t, n, dtype), seed=n)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 100])
def test_complex(dtype: str, n: int) -> None:
    both(lambda t: t.rand(n, dtype=getattr(t, dtype)))
    both(lambda t: t.randn(n, dtype=getattr(t, dtype)), relative=3e-7)


WINDOWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda t: t.zeros(7, 12).t(),
    "permuted": lambda t: t.zeros(3, 4, 5).permute(2, 0, 1),
    "every other": lambda t: t.zeros(40, 2)[:, 0],
    "steps": lambda t: t.zeros(10, 10)[::2, 1::3],
    "one long dimension": lambda t: t.zeros(5, 1, 9).permute(1, 2, 0),
    "no dimension": lambda t: t.zeros(()),
}


@avx2
@not_mkl
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "fill", ["uniform_", "normal_", "exponential_", "cauchy_", "log_normal_", "bernoulli_", "random_"]
)
def test_memory_order_of_windows(fill: str, window: str) -> None:
    both(lambda t: getattr(WINDOWS[window](t), fill)(), relative=2e-7)


@avx2
@not_mkl
@pytest.mark.parametrize("window", WINDOWS)
def test_like_and_dropout_of_windows(window: str) -> None:
    both(lambda t: t.rand_like(WINDOWS[window](t)))
    both(lambda t: t.randn_like(WINDOWS[window](t)), relative=2e-7)
    both(lambda t: t.randint_like(WINDOWS[window](t), 10))
    both(lambda t: t.nn.functional.dropout(WINDOWS[window](t).fill_(1), 0.5), strides=False)
    both(lambda t: t.bernoulli(t.full_like(WINDOWS[window](t), 0.4)))


@avx2
def test_normal_of_tensors() -> None:
    for n in (3, 16, 40):
        mean, std = np.linspace(-1, 1, n, dtype=np.float32), np.linspace(0, 2, n, dtype=np.float32)
        both(lambda t, m=mean: t.normal(t.tensor(m), 2.0), relative=2e-6)
        both(lambda t, s=std: t.normal(0.5, t.tensor(s)), relative=2e-6)
        both(lambda t, m=mean, s=std: t.normal(t.tensor(m), t.tensor(s)), relative=2e-6)
        both(lambda t, m=mean, s=std: t.normal(t.tensor(m)[:, None], t.tensor(s)), relative=2e-6)


def test_gradients_of_draws_are_zero() -> None:
    for draw in (lambda t, x: t.bernoulli(x), lambda t, x: t.normal(x, 1.0), lambda t, x: t.poisson(x)):
        for t in (torch, mindtorch):
            x = t.full((5,), 0.5, requires_grad=True)
            out = draw(t, x)
            assert out.requires_grad
            out.sum().backward()
            assert x.grad.tolist() == [0.0] * 5


def test_a_refused_fill_draws_nothing() -> None:
    mindtorch.manual_seed(3)
    before = mindtorch.get_rng_state().numpy().tobytes()
    with pytest.raises(RuntimeError, match="leaf Variable"):
        mindtorch.zeros(3, requires_grad=True).normal_()
    with pytest.raises(RuntimeError, match="more than one element"):
        mindtorch.zeros(1).expand(3).uniform_()
    assert mindtorch.get_rng_state().numpy().tobytes() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.randn(-1), lambda t: t.randint(5, 5, (2,)), lambda t: t.normal(t.zeros(2), -1.0),
        lambda t: t.normal(0.0, t.tensor([-1.0])), lambda t: t.zeros(2).geometric_(1.5),
        lambda t: t.rand(2, generator=t.Generator("meta") if t is torch else t.Generator("cuda")),
        lambda t: t.multinomial(t.tensor([1.0, -1.0]), 1), lambda t: t.bernoulli(t.tensor([1.5])),
        lambda t: t.poisson(t.tensor([-1.0])), lambda t: t.nn.functional.feature_alpha_dropout(t.ones(3), 0.5, True),
        lambda t: t.zeros(2).uniform_(2, 1), lambda t: t.zeros(2).exponential_(0), lambda t: t.randperm(-1),
    ],
)  # fmt: skip
def test_errors(call: Callable[[Any], Any]) -> None:
    for t in (torch, mindtorch):
        with pytest.raises(RuntimeError):
            call(t)


def test_a_generator_of_its_own() -> None:
    ours, theirs = mindtorch.Generator().manual_seed(11), torch.Generator().manual_seed(11)
    default = mindtorch.get_rng_state().numpy().tobytes()
    for n in (1, 5, 16, 100):
        np.testing.assert_array_equal(
            mindtorch.rand(n, generator=ours).numpy(), torch.rand(n, generator=theirs).numpy()
        )
        np.testing.assert_array_equal(
            mindtorch.randperm(n, generator=ours).numpy(), torch.randperm(n, generator=theirs).numpy()
        )
    assert ours.get_state().numpy().tobytes() == theirs.get_state().numpy().tobytes()
    assert mindtorch.get_rng_state().numpy().tobytes() == default
    assert ours.initial_seed() == 11
    assert str(mindtorch.Generator(device="cpu").device) == "cpu"
    assert ours.seed() == ours.initial_seed()


def test_fork_rng_leaves_the_stream_alone() -> None:
    both(lambda t: _forked(t))


def _forked(t: Any) -> Any:
    t.rand(3)
    with t.random.fork_rng(devices=[]):
        t.manual_seed(0)
        t.randn(100)
    return t.randn(7)


@avx2
@not_mkl
def test_a_model_from_its_seed() -> None:
    """Layers draw their weights, and dropout its mask, from one stream."""

    def outputs(t: Any) -> Any:
        model = t.nn.Sequential(t.nn.Linear(20, 33), t.nn.Dropout(0.2), t.nn.LayerNorm(33), t.nn.Linear(33, 5))
        return model(t.rand(6, 20))

    torch.manual_seed(5)
    mindtorch.manual_seed(5)
    expected, found = outputs(torch), outputs(mindtorch)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    same_state()
