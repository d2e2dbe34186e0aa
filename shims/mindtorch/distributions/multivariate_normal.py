"""``torch.distributions.multivariate_normal``: where PyTorch has ``MultivariateNormal``."""

from mindtorch.distributions.multivariate import MultivariateNormal

__all__ = ["MultivariateNormal"]
