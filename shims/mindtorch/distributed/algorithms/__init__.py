"""``torch.distributed.algorithms``: communication hooks."""

from mindtorch.distributed.algorithms import ddp_comm_hooks

__all__ = ["ddp_comm_hooks"]
