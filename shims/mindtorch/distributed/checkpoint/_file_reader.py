"""``filesystem.FileSystemReader``."""

from __future__ import annotations

import io
import os
import uuid
from typing import Any

import mindtorch as torch
from mindtorch.distributed._shard._utils import narrow_tensor_by_index
from mindtorch.distributed.checkpoint._extension import ExtensionRegistry
from mindtorch.distributed.checkpoint._files import FileSystem
from mindtorch.distributed.checkpoint._metadata_file import load_metadata
from mindtorch.distributed.checkpoint.filesystem import _metadata_fn, _StorageInfo, _StorageReaderTransforms
from mindtorch.distributed.checkpoint.metadata import Metadata, StorageMeta
from mindtorch.distributed.checkpoint.planner import LoadItemType, LoadPlan, LoadPlanner, ReadItem
from mindtorch.distributed.checkpoint.storage import StorageReader
from mindtorch.distributed.checkpoint.utils import _create_file_view
from mindtorch.futures import Future

__all__ = ["FileSystemReader"]


class FileSystemReader(StorageReader):
    """Reads a checkpoint from a directory.

    Args:
        path: the directory.
        _extension_registry: the extensions that the checkpoint was written through.
    """

    def __init__(self, path: str | os.PathLike[str], _extension_registry: ExtensionRegistry | None = None) -> None:
        super().__init__()
        self.fs: Any = FileSystem()
        self.path = self.fs.init_path(path)
        self.storage_data: dict[Any, _StorageInfo] = {}
        self.load_id = str(uuid.uuid4())
        self.transforms = _StorageReaderTransforms(_extension_registry)
        self.rank: int | None = None
        self.use_collectives = True

    @property
    def checkpoint_id(self) -> str | os.PathLike[str]:
        """The directory."""
        return self.path

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        self.storage_data = {}
        if checkpoint_id:
            self.path = self.fs.init_path(checkpoint_id)
        self.load_id = str(uuid.uuid4())

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        rank = kwargs.get("rank")
        name = _metadata_fn if rank is None else f"__{rank}{_metadata_fn}"
        with self.fs.create_stream(self.fs.concat_path(self.path, name), "rb") as stream:
            metadata = load_metadata(stream)
        # Files of PyTorch before 2.4 have none.
        if getattr(metadata, "storage_meta", None) is None:
            metadata.storage_meta = StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        assert metadata.storage_data is not None
        self.storage_data = metadata.storage_data
        self.rank = kwargs.get("rank")
        self.use_collectives = kwargs.get("use_collectives", True)

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future:
        by_file: dict[str, list[ReadItem]] = {}
        for item in plan.items:
            by_file.setdefault(self.storage_data[item.storage_index].relative_path, []).append(item)
        for name, items in by_file.items():
            if os.path.isabs(name) or os.pardir in name.replace("\\", "/").split("/"):
                raise RuntimeError(f"{self.path}: the description refers to a file outside of the directory, {name!r}")
            with self.fs.create_stream(self.fs.concat_path(self.path, name), "rb") as stream:
                # Pieces one after the other, and each once, also when it fills several parts.
                items.sort(key=lambda item: self.storage_data[item.storage_index].offset)
                last: tuple[Any, Any] = (None, None)
                for item in items:
                    if item.type == LoadItemType.BYTE_IO:
                        planner.load_bytes(item, io.BytesIO(self._piece(stream, item).read()))
                        continue
                    if last[0] != item.storage_index:
                        last = item.storage_index, self._tensor(stream, item)
                    self._fill(planner, item, last[1])
        done = Future()
        done.set_result(None)
        return done

    def _piece(self, stream: Any, item: ReadItem) -> Any:
        info = self.storage_data[item.storage_index]
        # Older files know no extensions.
        descriptors = getattr(info, "transform_descriptors", None) or ()
        view = _create_file_view(stream, info.offset, info.length)
        return self.transforms.transform_load_stream(item, descriptors, view)

    def _tensor(self, stream: Any, item: ReadItem) -> Any:
        piece = self._piece(stream, item)
        if not piece.seekable():
            piece = io.BytesIO(piece.read())
        return torch.load(piece, map_location="cpu", weights_only=True)

    def _fill(self, planner: LoadPlanner, item: ReadItem, stored: Any) -> None:
        part = narrow_tensor_by_index(stored, item.storage_offsets, item.lengths)
        target = planner.resolve_tensor(item).detach()
        if target.size() != part.size():
            raise AssertionError(f"req {item.storage_index} mismatch sizes {target.size()} vs {part.size()}")
        target.copy_(part)
        planner.commit_tensor(item, target)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return FileSystem.validate_checkpoint_id(checkpoint_id)
