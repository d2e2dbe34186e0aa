"""``torch.distributions.binomial``: where PyTorch has ``Binomial``."""

from mindtorch.distributions.counts import Binomial

__all__ = ["Binomial"]
