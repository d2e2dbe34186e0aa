"""``torch.nn.parallel``."""

from __future__ import annotations

from mindtorch.nn.parallel.data_parallel import DataParallel
from mindtorch.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel"]
