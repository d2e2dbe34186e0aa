"""``torch.distributions.inverse_gamma``: where PyTorch has ``InverseGamma``."""

from mindtorch.distributions.tailed import InverseGamma

__all__ = ["InverseGamma"]
