"""``torch.distributions.geometric``: where PyTorch has ``Geometric``."""

from mindtorch.distributions.discrete import Geometric

__all__ = ["Geometric"]
