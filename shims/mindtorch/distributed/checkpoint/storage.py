"""Storage of distributed checkpoints (``torch.distributed.checkpoint.storage``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mindtorch._unsupported import unsupported
from mindtorch.distributed.checkpoint.metadata import MetadataIndex

__all__ = ["StorageReader", "StorageWriter", "WriteResult"]


@dataclass(frozen=True)
class WriteResult:
    """What writing one piece gave: its key, size in bytes, and where the storage put it."""

    index: MetadataIndex
    size_in_bytes: int
    storage_data: Any


StorageReader = unsupported("torch.distributed.checkpoint.StorageReader", "load with torch.load")
StorageWriter = unsupported("torch.distributed.checkpoint.StorageWriter", "save with torch.save")
