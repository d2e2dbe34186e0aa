"""``torch.distributions.transformed_distribution``: where PyTorch has ``TransformedDistribution``."""

from mindtorch.distributions.transformed import TransformedDistribution

__all__ = ["TransformedDistribution"]
