"""``torch.distributions``: sampling and densities, written with mindtorch's operators."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from . import (
    bernoulli,
    beta,
    binomial,
    categorical,
    cauchy,
    chi2,
    constraints,
    dirichlet,
    exponential,
    gamma,
    geometric,
    gumbel,
    half_cauchy,
    half_normal,
    inverse_gamma,
    kl,
    laplace,
    log_normal,
    mixture_same_family,
    multinomial,
    multivariate_normal,
    negative_binomial,
    normal,
    one_hot_categorical,
    pareto,
    poisson,
    studentT,
    transformed_distribution,
    transforms,
    uniform,
    weibull,
)
from .continuous import Beta, Chi2, Dirichlet, Exponential, Gamma, Laplace, LogNormal, Normal, Uniform
from .counts import Binomial, NegativeBinomial
from .discrete import Bernoulli, Categorical, Geometric, Multinomial, OneHotCategorical, Poisson
from .distribution import Distribution
from .independent import Independent
from .kl import kl_divergence, register_kl
from .multivariate import MixtureSameFamily, MultivariateNormal
from .tailed import Cauchy, HalfCauchy, InverseGamma, StudentT
from .transformed import Gumbel, HalfNormal, Pareto, TransformedDistribution, Weibull
from .transforms import *  # noqa: F403

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "Dirichlet", "Distribution", "Exponential",
    "Gamma", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent", "InverseGamma", "Laplace", "LogNormal",
    "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal", "OneHotCategorical",
    "Pareto", "Poisson", "StudentT", "TransformedDistribution", "Uniform", "Weibull", "constraints", "kl",
    "kl_divergence", "register_kl", "transforms", *transforms.__all__,
]  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
