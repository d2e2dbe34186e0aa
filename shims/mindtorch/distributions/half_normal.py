"""``torch.distributions.half_normal``: where PyTorch has ``HalfNormal``."""

from mindtorch.distributions.transformed import HalfNormal

__all__ = ["HalfNormal"]
