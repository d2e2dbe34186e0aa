"""``torch.distributions.laplace``: where PyTorch has ``Laplace``."""

from mindtorch.distributions.continuous import Laplace

__all__ = ["Laplace"]
