"""``DataParallel`` (``torch.nn.parallel.data_parallel``)."""

from __future__ import annotations

from typing import Any

from mindtorch.nn.modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Several devices in one process: not supported, a MindSpore process drives one device."""

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        raise NotImplementedError(
            "torch.nn.DataParallel is not supported: use one process a device (mindtorchrun) with "
            "torch.nn.parallel.DistributedDataParallel"
        )
