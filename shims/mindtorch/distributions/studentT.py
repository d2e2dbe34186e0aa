"""``torch.distributions.studentT``: where PyTorch has ``StudentT``."""

from mindtorch.distributions.tailed import StudentT

__all__ = ["StudentT"]
