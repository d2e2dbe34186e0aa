"""What a distributed checkpoint says about its contents (``torch.distributed.checkpoint.metadata``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import mindtorch as torch

__all__ = [
    "BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta",
    "TensorProperties", "TensorStorageMetadata",
]  # fmt: skip


@dataclass
class ChunkStorageMetadata:
    """A box of a tensor that is stored in one piece: its offsets and sizes."""

    offsets: Any
    sizes: Any


class _MEM_FORMAT_ENCODING(Enum):
    """How a memory format is stored."""

    TORCH_CONTIGUOUS_FORMAT = 0
    TORCH_CHANNELS_LAST = 1
    TORCH_PRESERVE_FORMAT = 2


def _memory_formats() -> list[Any]:
    return [torch.contiguous_format, torch.channels_last, torch.preserve_format]


@dataclass
class TensorProperties:
    """What a tensor needs besides its size to be made anew."""

    dtype: Any = field(default_factory=lambda: torch.get_default_dtype())
    layout: Any = field(default_factory=lambda: torch.strided)
    requires_grad: bool = False
    memory_format: Any = field(default_factory=lambda: torch.contiguous_format)
    pin_memory: bool = False

    def __getstate__(self) -> Any:
        formats = _memory_formats()
        if self.memory_format not in formats:
            raise RuntimeError(f"Invalid torch.memory_format: {self.memory_format}")
        encoded = _MEM_FORMAT_ENCODING(formats.index(self.memory_format))
        return self.dtype, self.layout, self.requires_grad, encoded, self.pin_memory

    def __setstate__(self, state: Any) -> None:
        self.dtype, self.layout, self.requires_grad, encoded, self.pin_memory = state
        self.memory_format = _memory_formats()[encoded.value]

    @staticmethod
    def create_from_tensor(tensor: Any) -> TensorProperties:
        """The properties of ``tensor``."""
        return TensorProperties(
            dtype=tensor.dtype,
            layout=tensor.layout,
            requires_grad=tensor.requires_grad,
            memory_format=torch.contiguous_format,
            pin_memory=tensor.is_pinned(),
        )


@dataclass
class TensorStorageMetadata:
    """A tensor: properties, full size, and the boxes it is stored in."""

    properties: TensorProperties
    size: Any
    chunks: list[ChunkStorageMetadata]


@dataclass
class BytesStorageMetadata:
    """A pickled object."""


STORAGE_TYPES = TensorStorageMetadata | BytesStorageMetadata
STATE_DICT_TYPE = dict[str, Any]


@dataclass
class StorageMeta:
    """Where and when a checkpoint was written."""

    checkpoint_id: str | os.PathLike[str] | None = None
    save_id: str | None = None
    load_id: str | None = None
    modules: list[str] = field(default_factory=list)


@dataclass
class Metadata:
    """A whole checkpoint: what is in it by name, the planner's data and the storage's, the format's version."""

    state_dict_metadata: dict[str, Any]
    planner_data: Any = None
    storage_data: Any = None
    storage_meta: StorageMeta | None = None
    version: str | None = None


@dataclass(frozen=True)
class MetadataIndex:
    """Key of one stored piece: name, and for a tensor the offset of the box; ``index`` only speeds up look-ups."""

    fqn: str
    offset: Any = None
    index: int | None = field(hash=False, compare=False, default=None)

    def __init__(self, fqn: str, offset: Sequence[int] | None = None, index: int | None = None) -> None:
        object.__setattr__(self, "fqn", fqn)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "offset", None if offset is None else torch.Size(offset))
