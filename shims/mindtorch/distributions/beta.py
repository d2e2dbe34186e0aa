"""``torch.distributions.beta``: where PyTorch has ``Beta``."""

from mindtorch.distributions.continuous import Beta

__all__ = ["Beta"]
