"""``torch.distributions.dirichlet``: where PyTorch has ``Dirichlet``."""

from mindtorch.distributions.continuous import Dirichlet

__all__ = ["Dirichlet"]
