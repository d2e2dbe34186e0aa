"""``torch.distributions.uniform``: where PyTorch has ``Uniform``."""

from mindtorch.distributions.continuous import Uniform

__all__ = ["Uniform"]
