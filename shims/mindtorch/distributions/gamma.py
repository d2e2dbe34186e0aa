"""``torch.distributions.gamma``: where PyTorch has ``Gamma``."""

from mindtorch.distributions.continuous import Gamma

__all__ = ["Gamma"]
