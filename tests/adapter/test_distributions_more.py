"""Transformed, heavy-tailed, multivariate and counting distributions, transforms, and gradients of Gamma and Dirichlet
samples, side by side with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mindtorch
import mindtorch.distributions
import numpy as np
import pytest
import torch
from mindtorch.distributions import implicit
from scipy import special
from test_distributions import close, p
from test_rng_engine import avx2, not_mkl

LIBRARIES = (mindtorch, torch)
MATRIX = [[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]]


@pytest.fixture(autouse=True)
def _keep_states() -> Iterator[None]:
    state, ours = torch.get_rng_state(), mindtorch.get_rng_state()
    yield
    torch.set_rng_state(state)
    mindtorch.set_rng_state(ours)


def mixture(t: Any) -> Any:
    d = t.distributions
    weights = d.Categorical(p(t, [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]))
    return d.MixtureSameFamily(weights, d.Normal(p(t, [0.0, 1.0, -2.0], [3.0, 0.5, 0.0]), p(t, 1.0, 0.5, 2.0)))


def vector_mixture(t: Any) -> Any:
    d = t.distributions
    parts = d.Independent(d.Normal(p(t, [0.0, 1.0], [2.0, 3.0]), p(t, [1.0, 0.5], [0.3, 2.0])), 1)
    return d.MixtureSameFamily(d.Categorical(p(t, 0.4, 0.6)), parts)


MAKE: dict[str, Callable[[Any], Any]] = {
    "Cauchy": lambda t: t.distributions.Cauchy(p(t, 0.0, 1.0), p(t, 1.0, 2.0)),
    "HalfCauchy": lambda t: t.distributions.HalfCauchy(p(t, 1.0, 2.0)),
    "HalfNormal": lambda t: t.distributions.HalfNormal(p(t, 1.0, 2.0)),
    "StudentT": lambda t: t.distributions.StudentT(p(t, 3.0, 1.5), p(t, 0.5, -1.0), p(t, 1.0, 2.0)),
    "InverseGamma": lambda t: t.distributions.InverseGamma(p(t, 3.5, 1.5), p(t, 0.5, 1.0)),
    "Gumbel": lambda t: t.distributions.Gumbel(p(t, 0.0, 1.0), p(t, 1.0, 2.0)),
    "Weibull": lambda t: t.distributions.Weibull(p(t, 0.5, 1.0), p(t, 1.5, 2.0)),
    "Pareto": lambda t: t.distributions.Pareto(p(t, 0.5, 1.0), p(t, 2.5, 3.0)),
    "MultivariateNormal": lambda t: t.distributions.MultivariateNormal(p(t, 0.0, 1.0, 2.0), p(t, *MATRIX)),
    "of precision": lambda t: t.distributions.MultivariateNormal(
        p(t, [0.0] * 3, [1.0] * 3), precision_matrix=p(t, *MATRIX)
    ),
    "of triangle": lambda t: t.distributions.MultivariateNormal(p(t, 0.0, 1.0, 2.0), scale_tril=p(t, *MATRIX).tril()),
    "Binomial": lambda t: t.distributions.Binomial(p(t, 5.0, 40.0, 200.0), p(t, 0.3, 0.6, 0.2)),
    "Binomial of logits": lambda t: t.distributions.Binomial(12, logits=p(t, 0.3, -0.6)),
    "NegativeBinomial": lambda t: t.distributions.NegativeBinomial(p(t, 5.0, 2.5), p(t, 0.3, 0.6)),
    "MixtureSameFamily": mixture,
    "MixtureSameFamily of vectors": vector_mixture,
    "TransformedDistribution": lambda t: t.distributions.TransformedDistribution(
        t.distributions.Normal(p(t, 0.0, 1.0), p(t, 1.0, 0.5)),
        [t.distributions.AffineTransform(0.5, 2.0), t.distributions.SigmoidTransform()],
    ),
    "stick breaking": lambda t: t.distributions.TransformedDistribution(
        t.distributions.Normal(p(t, [0.0, 1.0], [0.2, -0.3]), p(t, 1.0, 0.5)), t.distributions.StickBreakingTransform()
    ),
}  # fmt: skip
NO_ENTROPY = ("NegativeBinomial", "MixtureSameFamily", "TransformedDistribution", "stick breaking", "Binomial")
NO_MOMENTS = ("TransformedDistribution", "stick breaking")


@avx2
@not_mkl
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("shape", [(), (7,), (3, 20)])
def test_samples_and_their_densities(name: str, shape: tuple[int, ...]) -> None:
    results = []
    for t in LIBRARIES:
        t.manual_seed(2)
        distribution = MAKE[name](t)
        sample = distribution.sample(shape)
        results.append((sample, distribution.log_prob(sample), t.get_rng_state()))
    for a, b in zip(*results, strict=True):
        close(a, b)


@pytest.mark.parametrize("name", MAKE)
def test_moments_and_shapes(name: str) -> None:
    ours, theirs = (MAKE[name](t) for t in LIBRARIES)
    assert (tuple(ours.batch_shape), tuple(ours.event_shape)) == (tuple(theirs.batch_shape), tuple(theirs.event_shape))
    assert ours.has_rsample == theirs.has_rsample
    for attribute in () if name in NO_MOMENTS else ("mean", "variance", "stddev"):
        close(getattr(ours, attribute), getattr(theirs, attribute))
    if not name.startswith(NO_ENTROPY):
        close(ours.entropy(), theirs.entropy())
    if name == "Binomial of logits":
        close(ours.entropy(), theirs.entropy())
        close(ours.enumerate_support(), theirs.enumerate_support())
    wide = tuple(ours.expand((4, *ours.batch_shape)).sample().shape)
    assert wide == tuple(theirs.expand((4, *theirs.batch_shape)).sample().shape)


@pytest.mark.parametrize("name", [n for n in MAKE if n not in ("Binomial", "Binomial of logits", "NegativeBinomial")])
def test_gradients_of_densities_and_samples(name: str) -> None:
    # PyTorch's functions for Gamma samples are fitted ones: see test_gradients_of_gamma_samples.
    rtol = 2e-3 if name in ("StudentT", "InverseGamma") else 1e-8

    def run(t: Any) -> list[Any]:
        t.manual_seed(5)
        places: list[Any] = []
        original = t.tensor

        def leaf(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            if made.is_floating_point() and made.dim():
                places.append(made.requires_grad_())
            return made

        t.tensor = leaf
        try:
            distribution = MAKE[name](t)
        finally:
            t.tensor = original
        with t.no_grad():
            value = distribution.sample((3,))
        found = list(t.autograd.grad(distribution.log_prob(value).sum(), places, retain_graph=True, allow_unused=True))
        if distribution.has_rsample:
            found += t.autograd.grad(distribution.rsample((4,)).sum(), places, allow_unused=True)
        return found

    for a, b in zip(run(mindtorch), run(torch), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=1e-9)


@pytest.mark.parametrize("name", ["Cauchy", "HalfCauchy", "HalfNormal", "Gumbel", "Weibull", "TransformedDistribution"])
def test_cumulative(name: str) -> None:
    for method in ("cdf", "icdf"):
        ours, theirs = (getattr(MAKE[name](t), method)(p(t, 0.3, 0.9)) for t in LIBRARIES)
        close(ours, theirs)


def test_divergences() -> None:
    def run(t: Any) -> list[Any]:
        d = t.distributions
        other = d.MultivariateNormal(p(t, 0.5, 0.5, 0.5), p(t, *MATRIX) * 2)
        return [
            d.kl_divergence(MAKE["HalfNormal"](t), d.HalfNormal(p(t, 1.5))),
            d.kl_divergence(MAKE["Cauchy"](t), d.Cauchy(p(t, 0.5), p(t, 1.5))),
            d.kl_divergence(MAKE["Gumbel"](t), d.Gumbel(p(t, 0.5), p(t, 1.5))),
            d.kl_divergence(MAKE["MultivariateNormal"](t), other),
            d.kl_divergence(MAKE["of precision"](t), other),
        ]

    for a, b in zip(*(run(t) for t in LIBRARIES), strict=True):
        close(a, b)


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "Exp": lambda d, t: d.ExpTransform(), "Power": lambda d, t: d.PowerTransform(p(t, 1.5)),
    "Sigmoid": lambda d, t: d.SigmoidTransform(), "Tanh": lambda d, t: d.TanhTransform(),
    "Softplus": lambda d, t: d.SoftplusTransform(), "Affine": lambda d, t: d.AffineTransform(p(t, 0.5), -2.0),
    "Affine of events": lambda d, t: d.AffineTransform(0.5, p(t, 1.0, 2.0, 3.0), event_dim=1),
    "StickBreaking": lambda d, t: d.StickBreakingTransform(), "Softmax": lambda d, t: d.SoftmaxTransform(),
    "Compose": lambda d, t: d.ComposeTransform(
        [d.AffineTransform(0.1, 2.0), d.ExpTransform(), d.AffineTransform(1, -1)]
    ),
    "Compose with events": lambda d, t: d.ComposeTransform([d.TanhTransform(), d.StickBreakingTransform()]),
    "Independent": lambda d, t: d.IndependentTransform(d.ExpTransform(), 1),
    "Reshape": lambda d, t: d.ReshapeTransform((2, 3), (3, 2)), "inverse": lambda d, t: d.ExpTransform().inv,
    "identity": lambda d, t: d.transforms.identity_transform, "cached": lambda d, t: d.SigmoidTransform(cache_size=1),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str) -> None:
    def run(t: Any) -> list[Any]:
        transform = TRANSFORMS[name](t.distributions, t)
        x = p(t, [0.2, 0.5, 1.1], [0.3, 0.7, 0.9])
        y = transform(x)
        out = [y, transform.inv(y)]
        if name != "Softmax":
            out.append(transform.log_abs_det_jacobian(x, y))
        back = (4, 2, 3) if name == "Affine of events" else (4, 3, 2)
        shapes = tuple(transform.forward_shape((4, 2, 3))), tuple(transform.inverse_shape(back))
        return [*out, t.tensor(shapes[0]), t.tensor(shapes[1]), t.tensor(transform.domain.event_dim),
                t.tensor(transform.codomain.event_dim), t.tensor(bool(transform.bijective))]  # fmt: skip

    for a, b in zip(*(run(t) for t in LIBRARIES), strict=True):
        close(a, b)


def test_gradients_of_gamma_samples() -> None:
    """Against the inverse distribution functions; PyTorch's own gradients are right to three digits."""
    draws = np.random.default_rng(0)
    a, u = np.exp(draws.uniform(-3, 5, 400)), draws.uniform(0.01, 0.99, 400)
    x, h = special.gammaincinv(a, u), 1e-5 * a
    exact = (special.gammaincinv(a + h, u) - special.gammaincinv(a - h, u)) / (2 * h)
    found = implicit.gamma_slope(a, x)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    np.testing.assert_allclose(torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x)).numpy(), found, rtol=1e-3)
    a, b = np.exp(draws.uniform(-1, 3, (2, 400)))
    x, h = special.betaincinv(a, b, u), 1e-5 * a
    exact = (special.betaincinv(a + h, b, u) - special.betaincinv(a - h, b, u)) / (2 * h)
    np.testing.assert_allclose(implicit.beta_slope(a, b, x), exact, rtol=1e-5)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet"])
def test_reparametrised_gamma_samples(name: str) -> None:
    def run(t: Any) -> list[Any]:
        t.manual_seed(4)
        a, b = p(t, [0.5, 2.0, 7.0]).requires_grad_(), p(t, [1.5, 1.0, 0.5]).requires_grad_()
        kind = getattr(t.distributions, name)
        sample = (kind(a) if name == "Dirichlet" else kind(a, b)).rsample((5,))
        sample.square().sum().backward()
        return [sample, a.grad, *(() if name == "Dirichlet" else (b.grad,))]

    for a, b in zip(run(mindtorch), run(torch), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-3, atol=1e-6)


def test_wrong_parameters() -> None:
    for t in LIBRARIES:
        d = t.distributions
        with pytest.raises(ValueError, match="Exactly one of covariance_matrix or precision_matrix or scale_tril"):
            d.MultivariateNormal(p(t, 0.0, 1.0))
        with pytest.raises(ValueError, match="loc must be at least one-dimensional"):
            d.MultivariateNormal(t.tensor(0.0), t.eye(1))
        with pytest.raises(ValueError, match="transforms must be a Transform or a list of Transforms"):
            d.TransformedDistribution(d.Normal(0.0, 1.0), [1])
        with pytest.raises(ValueError, match="Expected parameter df"):
            d.StudentT(p(t, -1.0))
        with pytest.raises(ValueError, match=r"mixture_distribution component. \(2\) does not equal"):
            d.MixtureSameFamily(d.Categorical(p(t, 0.5, 0.5)), d.Normal(p(t, 0.0, 1.0, 2.0), 1.0))
