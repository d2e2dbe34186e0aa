"""``torch.distributions.categorical``: where PyTorch has ``Categorical``."""

from mindtorch.distributions.discrete import Categorical

__all__ = ["Categorical"]
