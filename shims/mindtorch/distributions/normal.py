"""``torch.distributions.normal``: where PyTorch has ``Normal``."""

from mindtorch.distributions.continuous import Normal

__all__ = ["Normal"]
