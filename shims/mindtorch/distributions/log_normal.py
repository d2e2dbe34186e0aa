"""``torch.distributions.log_normal``: where PyTorch has ``LogNormal``."""

from mindtorch.distributions.continuous import LogNormal

__all__ = ["LogNormal"]
