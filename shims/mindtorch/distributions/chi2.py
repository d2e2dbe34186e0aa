"""``torch.distributions.chi2``: where PyTorch has ``Chi2``."""

from mindtorch.distributions.continuous import Chi2

__all__ = ["Chi2"]
