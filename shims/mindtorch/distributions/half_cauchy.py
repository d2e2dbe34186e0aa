"""``torch.distributions.half_cauchy``: where PyTorch has ``HalfCauchy``."""

from mindtorch.distributions.tailed import HalfCauchy

__all__ = ["HalfCauchy"]
