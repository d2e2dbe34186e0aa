"""``torch.distributions.weibull``: where PyTorch has ``Weibull``."""

from mindtorch.distributions.transformed import Weibull

__all__ = ["Weibull"]
