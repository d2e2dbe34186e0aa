"""``torch.distributions.gumbel``: where PyTorch has ``Gumbel``."""

from mindtorch.distributions.transformed import Gumbel

__all__ = ["Gumbel"]
