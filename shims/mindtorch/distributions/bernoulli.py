"""``torch.distributions.bernoulli``: where PyTorch has ``Bernoulli``."""

from mindtorch.distributions.discrete import Bernoulli

__all__ = ["Bernoulli"]
