"""``torch.distributions``: sampling and densities, written with mindtorch's operators."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from . import constraints, kl
from .continuous import Beta, Chi2, Dirichlet, Exponential, Gamma, Laplace, LogNormal, Normal, Uniform
from .discrete import Bernoulli, Categorical, Geometric, Multinomial, OneHotCategorical, Poisson
from .distribution import Distribution
from .independent import Independent
from .kl import kl_divergence, register_kl

__all__ = [
    "Bernoulli", "Beta", "Categorical", "Chi2", "Dirichlet", "Distribution", "Exponential", "Gamma", "Geometric",
    "Independent", "Laplace", "LogNormal", "Multinomial", "Normal", "OneHotCategorical", "Poisson", "Uniform",
    "constraints", "kl", "kl_divergence", "register_kl",
]  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
