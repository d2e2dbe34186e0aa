"""``torch.distributions.multinomial``: where PyTorch has ``Multinomial``."""

from mindtorch.distributions.discrete import Multinomial

__all__ = ["Multinomial"]
