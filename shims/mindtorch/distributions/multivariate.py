"""Gaussians of vectors, and mixtures."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mindtorch as torch

from . import constraints
from .discrete import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily", "MultivariateNormal"]


def _triangle_of_precision(precision: Any) -> Any:
    """The lower triangle whose product with its transpose is the inverse of `precision`."""
    upper = torch.linalg.cholesky(torch.flip(precision, (-2, -1)))
    inverse = torch.flip(upper, (-2, -1)).mT
    identity = torch.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return torch.linalg.solve_triangular(inverse, identity, upper=False)


class MultivariateNormal(Distribution):
    """Gaussian of vectors, given by one of its covariance, the inverse of that, or its lower Cholesky factor."""

    arg_constraints: ClassVar = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = torch.broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        self.__dict__[name] = matrix.expand((*batch, *matrix.shape[-2:]))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, loc.shape[-1:], validate_args)
        if name == "scale_tril":
            self._tril = matrix
        else:
            self._tril = (torch.linalg.cholesky if name == "covariance_matrix" else _triangle_of_precision)(matrix)

    def __getattr__(self, name: str) -> Any:
        shape = (*self.__dict__["_batch_shape"], *self.__dict__["_event_shape"] * 2) if "_tril" in self.__dict__ else ()
        if name == "scale_tril" and shape:
            return self._tril.expand(shape)
        if name == "covariance_matrix" and shape:
            return (self._tril @ self._tril.mT).expand(shape)
        if name == "precision_matrix" and shape:
            return torch.cholesky_inverse(self._tril).expand(shape)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    mean = mode = property(lambda self: self.loc)
    variance = property(lambda self: self._tril.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape)))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand((*batch_shape, *self._event_shape * 2))
        return new

    def rsample(self, sample_shape: Any = ()) -> Any:
        eps = self.loc.detach().new_empty(self._extended_shape(sample_shape)).normal_()
        return self.loc + (self._tril @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        away = value - self.loc
        solved = torch.linalg.solve_triangular(self._tril, away.unsqueeze(-1), upper=False).squeeze(-1)
        size = self._event_shape[0]
        return -0.5 * (size * math.log(2 * math.pi) + solved.pow(2).sum(-1)) - self._half_log_det()

    def _half_log_det(self) -> Any:
        return self._tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Any:
        result = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return result.expand(tuple(self._batch_shape))


class MixtureSameFamily(Distribution):
    """One of the last batch dimension's distributions, chosen by a Categorical."""

    arg_constraints: ClassVar = {}

    def __init__(
        self, mixture_distribution: Any, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of torch.distributions.Distribution"
            )
        self._mixture, self._component = mixture_distribution, component_distribution
        batch = component_distribution.batch_shape[:-1]
        self._count = component_distribution.batch_shape[-1]
        for a, b in zip(reversed(mixture_distribution.batch_shape), reversed(batch), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({tuple(mixture_distribution.batch_shape)}) is not compatible "
                    f"with `component_distribution.batch_shape`({tuple(batch)})"
                )
        if mixture_distribution.logits.shape[-1] != self._count:
            raise ValueError(
                f"`mixture_distribution component` ({mixture_distribution.logits.shape[-1]}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({self._count})"
            )
        super().__init__(batch, component_distribution.event_shape, validate_args)

    mixture_distribution = property(lambda self: self._mixture)
    component_distribution = property(lambda self: self._component)
    support = property(lambda self: self._component.support)  # type: ignore[assignment]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        new._component = self._component.expand((*batch_shape, self._count))
        new._mixture = self._mixture.expand(tuple(batch_shape))
        return new

    def _weights(self) -> Any:
        return self._mixture.probs.reshape((*self._mixture.probs.shape, *(1 for _ in self._event_shape)))

    def _over(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Any:
        return (self._weights() * self._component.mean).sum(self._over())

    @property
    def variance(self) -> Any:
        weights, means = self._weights(), self._component.mean
        inner = (weights * self._component.variance).sum(self._over())
        return inner + (weights * (means - self.mean.unsqueeze(self._over())).pow(2)).sum(self._over())

    def cdf(self, x: Any) -> Any:
        return (self._component.cdf(self._padded(x)) * self._mixture.probs).sum(-1)

    def log_prob(self, x: Any) -> Any:
        self._validate_sample(x)
        inner = self._component.log_prob(self._padded(x))
        return torch.logsumexp(inner + torch.log_softmax(self._mixture.logits, -1), -1)

    def sample(self, sample_shape: Any = ()) -> Any:
        with torch.no_grad():
            over = len(tuple(sample_shape)) + len(self._batch_shape)
            chosen = self._mixture.sample(sample_shape)
            drawn = self._component.sample(sample_shape)
            index = chosen.reshape((*chosen.shape, *(1 for _ in range(len(self._event_shape) + 1))))
            index = index.expand((*chosen.shape, 1, *self._event_shape))
            return torch.gather(drawn, over, index).squeeze(over)

    def _padded(self, x: Any) -> Any:
        return x.unsqueeze(self._over())

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture},\n  {self._component})"
