"""``torch.distributions.poisson``: where PyTorch has ``Poisson``."""

from mindtorch.distributions.discrete import Poisson

__all__ = ["Poisson"]
