"""``torch.distributions.pareto``: where PyTorch has ``Pareto``."""

from mindtorch.distributions.transformed import Pareto

__all__ = ["Pareto"]
