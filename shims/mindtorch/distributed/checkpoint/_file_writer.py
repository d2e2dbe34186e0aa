"""``filesystem.FileSystemWriter``."""

from __future__ import annotations

import os
import queue
import threading
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import replace
from io import UnsupportedOperation
from typing import Any

from mindtorch.distributed.checkpoint._extension import StreamTransformExtension
from mindtorch.distributed.checkpoint._files import FileSystem
from mindtorch.distributed.checkpoint._metadata_file import dump_metadata
from mindtorch.distributed.checkpoint.filesystem import (
    CURRENT_DCP_VERSION,
    DEFAULT_SUFFIX,
    SerializationFormat,
    _metadata_fn,
    _split_by_size_and_type,
    _StoragePrefix,
    _StorageWriterTransforms,
    _write_item,
)
from mindtorch.distributed.checkpoint.metadata import STATE_DICT_TYPE, Metadata, StorageMeta
from mindtorch.distributed.checkpoint.planner import SavePlan, SavePlanner, WriteItem, WriteItemType
from mindtorch.distributed.checkpoint.staging import BlockingAsyncStager
from mindtorch.distributed.checkpoint.storage import StorageWriter, WriteResult
from mindtorch.futures import Future

__all__ = ["FileSystemWriter"]

_Job = tuple[Any, str, list[WriteItem]]
"""Path and name of a file, and what is to be in it."""


def _flush(stream: Any) -> None:
    """Wait until the file is on the disk."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, UnsupportedOperation):
        os.sync()
    else:
        stream.flush()
        os.fsync(descriptor)


class _FileSystemWriter(StorageWriter):
    """``FileSystemWriter`` without staging."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        single_file_per_rank: bool = True,
        sync_files: bool = True,
        thread_count: int = 1,
        per_thread_copy_ahead: int = 10_000_000,
        overwrite: bool = True,
        _extensions: Sequence[StreamTransformExtension] | None = None,
        serialization_format: SerializationFormat = SerializationFormat.TORCH_SAVE,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.fs: Any = FileSystem()
        self.path = self.fs.init_path(path)
        self.single_file_per_rank = single_file_per_rank
        self.sync_files = sync_files
        self.thread_count = thread_count
        self.per_thread_copy_ahead = per_thread_copy_ahead
        self.save_id = str(uuid.uuid4())
        self.overwrite = overwrite
        self.transforms = _StorageWriterTransforms(_extensions)
        self.serialization_format = serialization_format
        self.rank: int | None = None
        self.use_collectives = True

    @property
    def checkpoint_id(self) -> str | os.PathLike[str]:
        """The directory."""
        return self.path

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        if checkpoint_id:
            self.path = self.fs.init_path(checkpoint_id)
        self.save_id = str(uuid.uuid4())

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        self.is_coordinator = is_coordinator
        self.rank = kwargs.get("rank")
        self.use_collectives = kwargs.get("use_collectives", True)

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        self.fs.mkdir(self.path)
        if self.fs.exists(self._metadata_path()):
            if not self.overwrite:
                raise RuntimeError(f"Checkpoint already exists and self.overwrite={self.overwrite}.")
            if self.is_coordinator:
                warnings.warn(
                    f"Detected an existing checkpoint in {self.path}, overwriting since "
                    f"self.overwrite={self.overwrite}.",
                    stacklevel=2,
                )
        if self._alone:
            plan = replace(plan, storage_data=_StoragePrefix(f"__{self.rank}_"))
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        return [
            replace(plan, storage_data=_StoragePrefix(f"__{i}_")) if plan.storage_data is None else plan
            for i, plan in enumerate(plans)
        ]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future:
        parts = (
            _split_by_size_and_type(self.thread_count, plan.items)
            if self.single_file_per_rank
            else [[item] for item in plan.items]
        )
        jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        for i, part in enumerate(parts):
            name = f"{plan.storage_data.prefix}{i}{DEFAULT_SUFFIX}"
            jobs.put((self.fs.concat_path(self.path, name), name, part))
        results: list[WriteResult] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                while not errors:
                    results.extend(self._write_file(planner, *jobs.get_nowait()))
            except queue.Empty:
                return
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(1, self.thread_count)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        done = Future()
        done.set_result(results)
        return done

    def _write_file(self, planner: SavePlanner, path: Any, name: str, items: list[WriteItem]) -> list[WriteResult]:
        """Objects first, then tensors; each holds only its own bytes, also when it is a view."""
        written = []
        with self.fs.create_stream(path, "wb") as stream:
            for item in sorted(items, key=lambda item: item.type != WriteItemType.BYTE_IO):
                data = planner.resolve_data(item)
                if item.type != WriteItemType.BYTE_IO:
                    data = data.detach().cpu()
                    if data.untyped_storage().size() != data.nbytes:
                        data = data.clone()
                written.append(_write_item(self.transforms, stream, data, item, name, self.serialization_format))
            if self.sync_files:
                _flush(stream)
        return written

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        metadata.version = CURRENT_DCP_VERSION
        metadata.storage_data = {result.index: result.storage_data for written in results for result in written}
        metadata.storage_meta = self.storage_meta()
        path = self._metadata_path()
        partial = self.fs.concat_path(self.path, f"{os.path.basename(path)}.tmp")
        with self.fs.create_stream(partial, "wb") as stream:
            dump_metadata(metadata, stream)
            if self.sync_files:
                _flush(stream)
        if self.fs.exists(path):
            self.fs.rm_file(path)
        self.fs.rename(partial, path)

    def storage_meta(self) -> StorageMeta | None:
        return StorageMeta(checkpoint_id=self.checkpoint_id, save_id=self.save_id)

    @property
    def _alone(self) -> bool:
        """Whether each rank writes a checkpoint of its own."""
        return self.rank is not None and not self.use_collectives

    def _metadata_path(self) -> Any:
        return self.fs.concat_path(self.path, f"__{self.rank}{_metadata_fn}" if self._alone else _metadata_fn)

    @property
    def metadata_path(self) -> Any:
        """Where the description goes."""
        return self._metadata_path()

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return FileSystem.validate_checkpoint_id(checkpoint_id)


class FileSystemWriter(_FileSystemWriter, BlockingAsyncStager):
    """Writes a checkpoint into a directory, which it makes.

    Args:
        path: the directory.
        single_file_per_rank: a rank's pieces in one file (for each thread), instead of one file for each piece.
        sync_files: wait until the files are on the disk.
        thread_count: how many threads write, and into how many files a rank's pieces go.
        per_thread_copy_ahead: without effect; nothing is copied ahead.
        cache_staged_state_dict: as of ``staging.BlockingAsyncStager``.
        overwrite: False raises RuntimeError when there is a checkpoint already; True warns.
        serialization_format: TORCH_SAVE.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        single_file_per_rank: bool = True,
        sync_files: bool = True,
        thread_count: int = 1,
        per_thread_copy_ahead: int = 10_000_000,
        cache_staged_state_dict: bool = False,
        overwrite: bool = True,
        _extensions: Sequence[StreamTransformExtension] | None = None,
        serialization_format: SerializationFormat = SerializationFormat.TORCH_SAVE,
    ) -> None:
        _FileSystemWriter.__init__(
            self, path, single_file_per_rank, sync_files, thread_count, per_thread_copy_ahead, overwrite, _extensions,
            serialization_format,
        )  # fmt: skip
        BlockingAsyncStager.__init__(self, cache_staged_state_dict=cache_staged_state_dict)

    def stage(self, state_dict: STATE_DICT_TYPE) -> STATE_DICT_TYPE:
        return BlockingAsyncStager.stage(self, state_dict)
