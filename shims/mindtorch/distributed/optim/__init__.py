"""``torch.distributed.optim``: the optimizer whose state is spread over the ranks."""

from mindtorch.distributed.optim.zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
