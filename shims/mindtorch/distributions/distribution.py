"""The base of all distributions (``torch.distributions.distribution``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mindtorch as torch

from . import constraints

__all__ = ["Distribution", "broadcast", "clamp_probs", "logits_to_probs", "probs_to_logits"]


def broadcast(*values: Any) -> tuple[Any, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the tensors' dtype."""
    like = next((v for v in values if isinstance(v, torch.Tensor)), None)
    options = {"dtype": torch.get_default_dtype()} if like is None else {"dtype": like.dtype, "device": like.device}
    return tuple(torch.broadcast_tensors(
        *(v if isinstance(v, torch.Tensor) else torch.tensor(v, **options) for v in values)
    ))  # fmt: skip


def clamp_probs(probs: Any) -> Any:
    """Probabilities away from 0 and 1 by the dtype's epsilon."""
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log-odds of probabilities; of several categories, their logarithms."""
    clamped = clamp_probs(probs)
    return torch.log(clamped) - torch.log1p(-clamped) if is_binary else torch.log(clamped)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """The inverse of :func:`probs_to_logits`."""
    return torch.sigmoid(logits) if is_binary else torch.nn.functional.softmax(logits, dim=-1)


class Distribution:
    """A batch of distributions of shape ``batch_shape`` over events of shape ``event_shape``."""

    has_rsample = False
    has_enumerate_support = False
    _validate_args: ClassVar[bool] = __debug__
    arg_constraints: ClassVar[Mapping[str, constraints.Constraint]] = {}
    support: Any = None

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether arguments are checked unless a distribution is told otherwise."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = torch.Size(batch_shape), torch.Size(event_shape)
        self._checks = Distribution._validate_args if validate_args is None else validate_args
        if not self._checks:
            return
        for name, constraint in self.arg_constraints.items():
            # Of probs and logits only the given one is there; the other is derived, and not checked.
            if name not in self.__dict__ or constraints.is_dependent(constraint):
                continue
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    @property
    def batch_shape(self) -> Any:
        """Shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """Shape of one sample of one distribution."""
        return self._event_shape

    @property
    def mean(self) -> Any:
        """Expected value."""
        raise NotImplementedError

    @property
    def mode(self) -> Any:
        """Most likely value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Any:
        """Variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Any:
        """Square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Any:
        """Samples without gradients: shape ``sample_shape + batch_shape + event_shape``."""
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Samples that gradients with respect to the parameters flow through, where there is a way."""
        raise NotImplementedError(f"{type(self).__name__}.rsample: there is no reparametrised sampling")

    def sample_n(self, n: int) -> Any:
        """`n` samples."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Any:
        """Logarithm of the density or probability at `value`."""
        raise NotImplementedError

    def cdf(self, value: Any) -> Any:
        """Probability of at most `value`."""
        raise NotImplementedError

    def icdf(self, value: Any) -> Any:
        """The inverse of ``cdf``."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values, along a new first dimension."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """Entropy in nats."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """Exponential of the entropy."""
        return torch.exp(self.entropy())

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same with its parameters expanded to another batch shape."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._batch_shape = torch.Size(batch_shape)
        for name, value in self.__dict__.items():
            constraint = self.arg_constraints.get(name)
            if constraint is not None and isinstance(value, torch.Tensor):
                event = value.shape[value.dim() - self._parameter_event_dim(name):]
                new.__dict__[name] = value.expand((*batch_shape, *event))
        return new

    def _parameter_event_dim(self, name: str) -> int:
        return self.arg_constraints[name].event_dim

    def _extended_shape(self, sample_shape: Any = ()) -> Any:
        return torch.Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError for a value of the wrong shape or outside of the support."""
        if not self._checks:
            return
        if not isinstance(value, torch.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if tuple(value.shape[start:]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        for i, j in zip(reversed(value.shape), reversed((*self._batch_shape, *self._event_shape)), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs "
                    f"{(*self._batch_shape, *self._event_shape)}."
                )
        support = self.support
        if support is None:
            raise NotImplementedError(f"{type(self).__name__} has no support to check values against")
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = [k for k in self.arg_constraints if k in self.__dict__]
        parts = [f"{k}: {v if (v := self.__dict__[k]).numel() == 1 else v.size()}" for k in shown]
        return f"{type(self).__name__}({', '.join(parts)})"
