"""Files of distributed checkpoints (``torch.distributed.checkpoint.filesystem``).

A checkpoint is a directory: ``__<rank>_<n>.distcp`` hold pieces one after the other, each in the format of
``torch.save``; ``.metadata`` says what there is and where, and is written last.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import mindtorch as torch
from mindtorch.distributed.checkpoint._extension import ExtensionRegistry, StreamTransformExtension
from mindtorch.distributed.checkpoint._files import FileSystem, FileSystemBase
from mindtorch.distributed.checkpoint.planner import ReadItem, WriteItem, WriteItemType
from mindtorch.distributed.checkpoint.storage import WriteResult

__all__ = ["FileSystem", "FileSystemBase", "FileSystemReader", "FileSystemWriter", "SerializationFormat"]

DEFAULT_SUFFIX = ".distcp"
CURRENT_DCP_VERSION = "1.0.0"
_metadata_fn = ".metadata"


@dataclass
class _StorageInfo:
    """Where a piece is: file, offset and length in bytes, and the extensions that it went through."""

    relative_path: str
    offset: int
    length: int
    transform_descriptors: Sequence[str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if value is not None}


@dataclass
class _StoragePrefix:
    prefix: str


class SerializationFormat(Enum):
    """How pieces are written."""

    TORCH_SAVE = "torch_save"
    SAFETENSORS = "safetensors"


class _KeptOpen(io.RawIOBase):
    """A stream on a stream: closing it leaves the one below open."""

    def __init__(self, below: Any) -> None:
        super().__init__()
        self._below = below

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._below.write(data)


class _StorageWriterTransforms:
    """The extensions that pieces go through on their way to a file."""

    def __init__(self, extensions: Sequence[StreamTransformExtension] | None = None) -> None:
        self.extensions = () if extensions is None else extensions

    def transform_save_stream(self, write_item: WriteItem, raw_stream: Any) -> tuple[Any, list[str]]:
        """A stream to write the piece to, to be closed; and the extensions' descriptors, the last one first."""
        stream: Any = _KeptOpen(raw_stream)
        for extension in self.extensions:
            stream = extension.transform_to(stream)
        return stream, [extension.get_descriptor() for extension in reversed(self.extensions)]


class _StorageReaderTransforms:
    """The extensions that pieces go through on their way from a file."""

    def __init__(self, extension_registry: ExtensionRegistry | None = None) -> None:
        self.extension_registry = ExtensionRegistry() if extension_registry is None else extension_registry

    def transform_load_stream(self, read_item: ReadItem, transform_descriptors: Sequence[str], raw_stream: Any) -> Any:
        """A stream to read the piece from."""
        stream = raw_stream
        for extension in self.extension_registry.from_descriptor_list(transform_descriptors):
            stream = extension.transform_from(stream)
        return stream


def _item_size(item: WriteItem) -> int:
    size = item.tensor_storage_size()
    assert size is not None
    return size


def _split_by_size_and_type(bins: int, items: list[WriteItem]) -> list[list[WriteItem]]:
    """The items in ``bins`` parts: objects in turn, then tensors, the biggest first, each to the smallest part."""
    if bins == 1:
        return [items]
    objects = [item for item in items if item.type == WriteItemType.BYTE_IO]
    tensors = [item for item in items if item.type != WriteItemType.BYTE_IO]
    parts: list[list[WriteItem]] = [objects[i::bins] for i in range(bins)]
    sizes = [0] * bins
    for item in sorted(tensors, key=_item_size, reverse=True):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(item)
        sizes[smallest] += _item_size(item)
    return parts


def _write_item(
    transforms: _StorageWriterTransforms,
    stream: Any,
    data: Any,
    write_item: WriteItem,
    storage_key: str,
    serialization_format: SerializationFormat = SerializationFormat.TORCH_SAVE,
) -> WriteResult:
    """Write a piece at the stream's position: an ``io.BytesIO`` as it is, a tensor (on the CPU) by ``torch.save``."""
    if serialization_format != SerializationFormat.TORCH_SAVE:
        raise NotImplementedError(f"{serialization_format} is not supported: write with SerializationFormat.TORCH_SAVE")
    start = stream.tell()
    target, descriptors = transforms.transform_save_stream(write_item, stream)
    if write_item.type == WriteItemType.BYTE_IO:
        if not isinstance(data, io.BytesIO):
            raise AssertionError(f"an object is written from an io.BytesIO, not from a {type(data).__name__}")
        target.write(data.getbuffer())
    else:
        if not isinstance(data, torch.Tensor) or data.device.type != "cpu":
            raise AssertionError("a piece of a tensor is written from a tensor on the CPU")
        torch.save(data, target)
    target.close()
    length = stream.tell() - start
    info = _StorageInfo(storage_key, start, length, transform_descriptors=descriptors or None)
    return WriteResult(write_item.index, length, info)


# They use what is above.
from mindtorch.distributed.checkpoint._file_reader import FileSystemReader  # noqa: E402
from mindtorch.distributed.checkpoint._file_writer import FileSystemWriter, _FileSystemWriter  # noqa: E402, F401
