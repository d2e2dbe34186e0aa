"""Files of distributed checkpoints (``torch.distributed.checkpoint.filesystem``)."""

from __future__ import annotations

from dataclasses import dataclass

from mindtorch._unsupported import unsupported, unsupported_function

__all__ = ["FileSystemReader", "FileSystemWriter"]

DEFAULT_SUFFIX = ".distcp"
_metadata_fn = ".metadata"


@dataclass
class _StoragePrefix:
    prefix: str


@dataclass
class _StorageInfo:
    """Where a piece is: file, offset and length in bytes."""

    relative_path: str
    offset: int
    length: int


FileSystemReader = unsupported("torch.distributed.checkpoint.FileSystemReader", "load with torch.load")
FileSystemWriter = unsupported("torch.distributed.checkpoint.FileSystemWriter", "save with torch.save")
_write_item = unsupported_function("torch.distributed.checkpoint.filesystem._write_item", "save with torch.save")
