"""``torch.distributions.negative_binomial``: where PyTorch has ``NegativeBinomial``."""

from mindtorch.distributions.counts import NegativeBinomial

__all__ = ["NegativeBinomial"]
