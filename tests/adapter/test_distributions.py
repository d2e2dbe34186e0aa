"""``torch.distributions``, side by side with PyTorch: samples from the same seed, densities, moments, divergences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mindtorch
import mindtorch.distributions
import numpy as np
import pytest
from test_rng_engine import avx2, not_mkl

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _keep_states() -> Iterator[None]:
    state, ours = torch.get_rng_state(), mindtorch.get_rng_state()
    yield
    torch.set_rng_state(state)
    mindtorch.set_rng_state(ours)


def p(t: Any, *values: Any) -> Any:
    return t.tensor(values, dtype=t.float64)


MAKE: dict[str, Callable[[Any], Any]] = {
    "Normal": lambda t: t.distributions.Normal(p(t, 0.0, 1.0), p(t, 1.0, 2.0)),
    "LogNormal": lambda t: t.distributions.LogNormal(p(t, 0.0, 1.0), p(t, 1.0, 0.5)),
    "Uniform": lambda t: t.distributions.Uniform(p(t, 0.0, -1.0), p(t, 1.0, 3.0)),
    "Exponential": lambda t: t.distributions.Exponential(p(t, 0.5, 2.0)),
    "Laplace": lambda t: t.distributions.Laplace(p(t, 0.5, 2.0), p(t, 1.0, 0.3)),
    "Gamma": lambda t: t.distributions.Gamma(p(t, 0.5, 2.0), p(t, 1.0, 3.0)),
    "Chi2": lambda t: t.distributions.Chi2(p(t, 0.5, 2.0)),
    "Dirichlet": lambda t: t.distributions.Dirichlet(p(t, [0.5, 2.0, 1.0], [3.0, 0.2, 1.0])),
    "Beta": lambda t: t.distributions.Beta(p(t, 0.5, 2.0), p(t, 1.0, 3.0)),
    "Bernoulli": lambda t: t.distributions.Bernoulli(p(t, 0.2, 0.7)),
    "Bernoulli of logits": lambda t: t.distributions.Bernoulli(logits=p(t, -0.2, 0.7)),
    "Geometric": lambda t: t.distributions.Geometric(p(t, 0.2, 0.7)),
    "Poisson": lambda t: t.distributions.Poisson(p(t, 0.2, 17.0)),
    "Categorical": lambda t: t.distributions.Categorical(p(t, [1.0, 2.0, 3.0], [0.2, 0.2, 0.6])),
    "Categorical of logits": lambda t: t.distributions.Categorical(logits=p(t, 1.0, 2.0, -1.0)),
    "OneHotCategorical": lambda t: t.distributions.OneHotCategorical(p(t, [1.0, 2.0, 3.0], [0.2, 0.2, 0.6])),
    "Multinomial": lambda t: t.distributions.Multinomial(5, p(t, [1.0, 2.0, 3.0], [0.2, 0.2, 0.6])),
    "Independent": lambda t: t.distributions.Independent(t.distributions.Normal(p(t, 0.0, 1.0), p(t, 1.0, 2.0)), 1),
}  # fmt: skip


def close(found: Any, expected: Any) -> None:
    assert (str(found.dtype), tuple(found.shape)) == (str(expected.dtype), tuple(expected.shape))
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-12)


@avx2
@not_mkl
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("shape", [(), (7,), (3, 20)])
def test_samples_and_their_densities(name: str, shape: tuple[int, ...]) -> None:
    found, expected = [], []
    for t, out in ((mindtorch, found), (torch, expected)):
        t.manual_seed(2)
        distribution = MAKE[name](t)
        sample = distribution.sample(shape)
        out += [sample, distribution.log_prob(sample), t.get_rng_state()]
    for a, b in zip(found, expected, strict=True):
        close(a, b)


@pytest.mark.parametrize("name", MAKE)
def test_moments_and_shapes(name: str) -> None:
    ours, theirs = MAKE[name](mindtorch), MAKE[name](torch)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    for attribute in ("mean", "variance", "stddev"):
        close(getattr(ours, attribute), getattr(theirs, attribute))
    if name not in ("Poisson", "Multinomial"):
        close(ours.entropy(), theirs.entropy())


@pytest.mark.parametrize("name", ["Normal", "LogNormal", "Exponential", "Laplace", "Independent"])
def test_reparametrised_samples(name: str) -> None:
    def run(t: Any) -> Any:
        t.manual_seed(5)
        distribution = MAKE[name](t)
        base = getattr(distribution, "base_dist", distribution)
        parameters = [v.requires_grad_() for k, v in base.__dict__.items() if k in base.arg_constraints]
        return t.autograd.grad(distribution.rsample((4,)).sum(), parameters, allow_unused=True)

    for a, b in zip(run(mindtorch), run(torch), strict=True):
        close(a, b)


@pytest.mark.parametrize("name", ["Normal", "LogNormal", "Uniform", "Exponential", "Laplace"])
def test_cumulative(name: str) -> None:
    value = [0.3, 0.9]
    ours, theirs = MAKE[name](mindtorch), MAKE[name](torch)
    close(ours.cdf(p(mindtorch, *value)), theirs.cdf(p(torch, *value)))


@pytest.mark.parametrize(
    "name",
    ["Normal", "Uniform", "Exponential", "Laplace", "Gamma", "Dirichlet", "Beta", "Bernoulli", "Categorical",
     "Geometric", "Poisson", "Independent"],
)  # fmt: skip
def test_divergences(name: str) -> None:
    def run(t: Any) -> Any:
        d = t.distributions
        others = {
            "Normal": lambda: d.Normal(p(t, 0.5), p(t, 1.5)), "Uniform": lambda: d.Uniform(p(t, -2.0), p(t, 2.0)),
            "Exponential": lambda: d.Exponential(p(t, 1.5)), "Laplace": lambda: d.Laplace(p(t, 0.1), p(t, 2.0)),
            "Gamma": lambda: d.Gamma(p(t, 1.5), p(t, 0.5)), "Dirichlet": lambda: d.Dirichlet(p(t, 1.0, 0.5, 2.0)),
            "Beta": lambda: d.Beta(p(t, 1.5), p(t, 0.5)), "Bernoulli": lambda: d.Bernoulli(p(t, 0.4, 0.1)),
            "Categorical": lambda: d.Categorical(p(t, 0.4, 0.1, 0.5)), "Geometric": lambda: d.Geometric(p(t, 0.4)),
            "Poisson": lambda: d.Poisson(p(t, 0.4)),
            "Independent": lambda: d.Independent(d.Normal(p(t, 0.5, 1.0), p(t, 1.5, 2.0)), 1),
        }  # fmt: skip
        return d.kl_divergence(MAKE[name](t), others[name]())

    close(run(mindtorch), run(torch))


def test_wrong_parameters_and_values() -> None:
    for t in (torch, mindtorch):
        d = t.distributions
        with pytest.raises(ValueError, match="Expected parameter scale"):
            d.Normal(t.zeros(1), -t.ones(1))
        with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified, but not both"):
            d.Categorical()
        with pytest.raises(ValueError, match="within the support"):
            d.Bernoulli(t.tensor([0.5])).log_prob(t.tensor([0.3]))
        with pytest.raises(NotImplementedError):
            d.kl_divergence(d.Poisson(t.ones(1)), d.Uniform(t.zeros(1), t.ones(1)))
    with pytest.raises(NotImplementedError, match=r"Poisson\.rsample"):
        mindtorch.distributions.Poisson(mindtorch.ones(1)).rsample()


def test_numbers_for_parameters() -> None:
    for t in (torch, mindtorch):
        assert tuple(t.distributions.Normal(0.0, 1.0).sample((3,)).shape) == (3,)
        assert float(t.distributions.Normal(0, 1).log_prob(t.tensor(0.0))) == pytest.approx(-0.9189385)
