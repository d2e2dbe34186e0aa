"""``torch.distributions.exponential``: where PyTorch has ``Exponential``."""

from mindtorch.distributions.continuous import Exponential

__all__ = ["Exponential"]
