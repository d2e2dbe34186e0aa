"""``torch.distributions.cauchy``: where PyTorch has ``Cauchy``."""

from mindtorch.distributions.tailed import Cauchy

__all__ = ["Cauchy"]
