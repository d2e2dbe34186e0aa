"""Plans of what is written and read where (``torch.distributed.checkpoint.planner``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import mul
from typing import Any

from mindtorch._unsupported import unsupported
from mindtorch.distributed.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex, TensorProperties

__all__ = [
    "BytesIOWriteData", "LoadItemType", "LoadPlan", "LoadPlanner", "ReadItem", "SavePlan", "SavePlanner",
    "TensorWriteData", "WriteItem", "WriteItemType",
]  # fmt: skip

_HINT = "save with torch.save"


class WriteItemType(Enum):
    """What an item to write is."""

    TENSOR = auto()
    SHARD = auto()
    BYTE_IO = auto()


class LoadItemType(Enum):
    """What an item to read is."""

    TENSOR = auto()
    BYTE_IO = auto()


@dataclass(frozen=True)
class BytesIOWriteData:
    """Size in bytes of a pickled object."""

    nbytes: int


@dataclass(frozen=True)
class TensorWriteData:
    """A box of a tensor: the box, the tensor's properties and full size."""

    chunk: ChunkStorageMetadata
    properties: TensorProperties
    size: Any


@dataclass(frozen=True)
class WriteItem:
    """One piece to write."""

    index: MetadataIndex
    type: WriteItemType
    bytes_io_data: BytesIOWriteData | None = None
    tensor_data: TensorWriteData | None = None

    def tensor_storage_size(self) -> int | None:
        """Bytes of the whole tensor; None if it is not one."""
        if self.tensor_data is None:
            return None
        return reduce(mul, self.tensor_data.size, 1) * self.tensor_data.properties.dtype.itemsize


@dataclass(frozen=True)
class ReadItem:
    """One piece to read: from where in what is stored to where in what is loaded, and its lengths."""

    type: LoadItemType
    dest_index: MetadataIndex
    dest_offsets: Any
    storage_index: MetadataIndex
    storage_offsets: Any
    lengths: Any


@dataclass(frozen=True)
class SavePlan:
    """What a rank writes."""

    items: list[WriteItem]
    storage_data: Any = None
    planner_data: Any = None
    usable: bool = True


@dataclass
class LoadPlan:
    """What a rank reads."""

    items: list[ReadItem]
    storage_data: Any = None
    planner_data: Any = None


SavePlanner = unsupported("torch.distributed.checkpoint.SavePlanner", _HINT)
LoadPlanner = unsupported("torch.distributed.checkpoint.LoadPlanner", _HINT)
