"""Distributions of numbers of successes: binomial and negative binomial."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import mindtorch as torch

from .._rng.binomial import binomial
from . import constraints
from .continuous import Gamma
from .discrete import _ByProbability
from .distribution import broadcast

__all__ = ["Binomial", "NegativeBinomial"]


class _Counts(_ByProbability):
    def _take_counts(self, total_count: Any, probs: Any, logits: Any) -> Any:
        """Set the number of trials and the parameter that is given, of one shape."""
        value = self._take(probs, logits)
        name = "probs" if logits is None else "logits"
        self.total_count, value = broadcast(total_count, value)
        self.total_count = self.total_count.type_as(value)
        self.__dict__[name] = value
        return value.shape


class Binomial(_Counts):
    """Successes in `total_count` trials with probability `probs`."""

    arg_constraints: ClassVar = {
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real,
    }  # fmt: skip
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(self._take_counts(total_count, probs, logits), (), validate_args)

    support = property(lambda self: constraints.integer_interval(0, self.total_count))  # type: ignore[assignment]
    mean = property(lambda self: self.total_count * self.probs)
    mode = property(lambda self: ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count))
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Any:
        from ..ops.random import _engine

        shape = self._extended_shape(sample_shape)
        counts, probs = (v.detach().expand(shape).cpu().numpy() for v in (self.total_count, self.probs))
        drawn = binomial(_engine(None, self.probs.device), np.asarray(counts), np.asarray(probs))
        return torch.as_tensor(drawn).to(self.probs.device, self.probs.dtype)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = torch.lgamma(n + 1) - torch.lgamma(value + 1) - torch.lgamma(n - value + 1)
        # log(1 + exp(logits)) without overflow
        log_norm = n * (logits.clamp(min=0) + torch.log1p(torch.exp(-torch.abs(logits))))
        return value * logits + ways - log_norm

    def entropy(self) -> Any:
        count = int(self.total_count.max())
        if not bool((self.total_count == count).all()):
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        log = self.log_prob(self.enumerate_support(False))
        return -(torch.exp(log) * log).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        count = int(self.total_count.max())
        if not bool((self.total_count == count).all()):
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = torch.arange(1 + count, dtype=self.probs.dtype, device=self.probs.device)
        values = values.view((-1, *(1 for _ in self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


class NegativeBinomial(_Counts):
    """Successes with probability `probs` before `total_count` failures."""

    arg_constraints: ClassVar = {
        "total_count": constraints.greater_than(0, included=True),
        "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real,
    }  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(self._take_counts(total_count, probs, logits), (), validate_args)

    mean = property(lambda self: self.total_count * torch.exp(self.logits))
    mode = property(lambda self: ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0))
    variance = property(lambda self: self.mean / torch.sigmoid(-self.logits))

    def sample(self, sample_shape: Any = ()) -> Any:
        with torch.no_grad():
            rate = Gamma(self.total_count, torch.exp(-self.logits), validate_args=False).sample(sample_shape)
            return torch.poisson(rate)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        n, sigmoid = self.total_count, torch.nn.functional.logsigmoid
        plain = n * sigmoid(-self.logits) + value * sigmoid(self.logits)
        ways = -torch.lgamma(n + value) + torch.lgamma(1.0 + value) + torch.lgamma(n)
        return plain - ways.masked_fill(n + value == 0.0, 0.0)
