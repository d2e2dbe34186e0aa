"""Distributions over counts and categories."""

from __future__ import annotations

from typing import Any, ClassVar

import mindtorch as torch

from . import constraints
from .distribution import Distribution, broadcast, logits_to_probs, probs_to_logits

__all__ = ["Bernoulli", "Categorical", "Geometric", "Multinomial", "OneHotCategorical", "Poisson"]


class _ByProbability(Distribution):
    """Given by `probs` or by `logits`; the other is derived when it is asked for."""

    _binary = True

    def _take(self, probs: Any, logits: Any) -> Any:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        if self._binary:
            (value,) = broadcast(value)
        elif value.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        elif name == "probs":
            value = value / value.sum(-1, keepdim=True)
        else:
            value = value - value.logsumexp(dim=-1, keepdim=True)
        self.__dict__[name] = value
        return value

    def __getattr__(self, name: str) -> Any:
        given = self.__dict__
        if name == "logits" and "probs" in given:
            return probs_to_logits(given["probs"], is_binary=self._binary)
        if name == "probs" and "logits" in given:
            return logits_to_probs(given["logits"], is_binary=self._binary)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def param_shape(self) -> Any:
        """Shape of the given parameter."""
        return self.__dict__.get("probs", self.__dict__.get("logits")).size()


class Bernoulli(_ByProbability):
    """1 with probability `probs`, else 0."""

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(self._take(probs, logits).shape, (), validate_args)

    mean = property(lambda self: self.probs)
    mode = property(lambda self: (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, float("nan")))
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Any:
        with torch.no_grad():
            return torch.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        return -torch.nn.functional.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Any:
        values = torch.arange(2, dtype=self.probs.dtype).view(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class Geometric(_ByProbability):
    """Failures before the first success."""

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(self._take(probs, logits).shape, (), validate_args)

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    mode = property(lambda self: torch.zeros_like(self.probs))
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape, tiny = self._extended_shape(sample_shape), torch.finfo(self.probs.dtype).tiny
        with torch.no_grad():
            u = self.probs.new_empty(shape).uniform_(tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        value, probs = torch.broadcast_tensors(value, self.probs)
        return value * (-probs).log1p().masked_fill((probs == 1) & (value == 0), 0) + self.probs.log()

    def entropy(self) -> Any:
        logits = self.logits
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, self.probs, reduction="none") / self.probs


class Categorical(_ByProbability):
    """The number of a category, drawn with given weights along the last dimension."""

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        value = self._take(probs, logits)
        self._num_events = value.size(-1)
        super().__init__(value.shape[:-1], (), validate_args)

    support = property(lambda self: constraints.integer_interval(0, self._num_events - 1))  # type: ignore[assignment]
    mode = property(lambda self: self.probs.argmax(dim=-1))
    mean = property(lambda self: self.probs.new_full(tuple(self._batch_shape), float("nan")))
    variance = property(lambda self: self.probs.new_full(tuple(self._batch_shape), float("nan")))

    def sample(self, sample_shape: Any = ()) -> Any:
        count = torch.Size(sample_shape).numel()
        drawn = torch.multinomial(self.probs.detach().reshape(-1, self._num_events), count, True)
        return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        value, logits = torch.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=torch.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = torch.arange(self._num_events).view(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class OneHotCategorical(Categorical):
    """As :class:`Categorical`, with one-hot vectors for numbers."""

    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, validate_args)
        self._event_shape = torch.Size((self._num_events,))

    mean = property(lambda self: self.probs)
    mode = property(lambda self: torch.nn.functional.one_hot(self.probs.argmax(-1), self._num_events).to(self.probs))
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Any:
        count = torch.Size(sample_shape).numel()
        drawn = torch.multinomial(self.probs.detach().reshape(-1, self._num_events), count, True)
        numbers = drawn.T.reshape((*sample_shape, *self._batch_shape))
        return torch.nn.functional.one_hot(numbers, self._num_events).to(self.probs)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        value, logits = torch.broadcast_tensors(value, self.logits)
        return logits.gather(-1, value.max(-1)[1].unsqueeze(-1)).squeeze(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        n = self._num_events
        values = torch.eye(n, dtype=self.probs.dtype).view(n, *(1 for _ in self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class Multinomial(_ByProbability):
    """Counts of `total_count` draws of categories."""

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _binary = False

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        value = self._take(probs, logits)
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args)

    support = property(  # type: ignore[assignment]
        lambda self: constraints.independent(constraints.integer_interval(0, self.total_count), 1)
    )
    mean = property(lambda self: self.probs * self.total_count)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = (self.total_count, *sample_shape)
        drawn = Categorical(probs=self.probs).sample(shape)
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = self.probs.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add(-1, drawn, torch.ones_like(drawn).to(counts.dtype))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -float("inf")), 0)
        return torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1) + (logits * value).sum(-1)


class Poisson(Distribution):
    """Counts at `rate`."""

    arg_constraints: ClassVar = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast(rate)
        super().__init__(self.rate.shape, (), validate_args)

    mean = variance = property(lambda self: self.rate)
    mode = property(lambda self: self.rate.floor())

    def sample(self, sample_shape: Any = ()) -> Any:
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        rate, value = torch.broadcast_tensors(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()


