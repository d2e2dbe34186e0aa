"""``torch.distributed.algorithms.ddp_comm_hooks``: the default hooks."""

from mindtorch.distributed.algorithms.ddp_comm_hooks import default_hooks

__all__ = ["default_hooks"]
