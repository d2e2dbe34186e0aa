"""``torch.distributions.one_hot_categorical``: where PyTorch has ``OneHotCategorical``."""

from mindtorch.distributions.discrete import OneHotCategorical

__all__ = ["OneHotCategorical"]
