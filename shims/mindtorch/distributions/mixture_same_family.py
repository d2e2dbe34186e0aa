"""``torch.distributions.mixture_same_family``: where PyTorch has ``MixtureSameFamily``."""

from mindtorch.distributions.multivariate import MixtureSameFamily

__all__ = ["MixtureSameFamily"]
