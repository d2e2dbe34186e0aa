"""The storage that a checkpoint's name means (``torch.distributed.checkpoint._storage_utils``)."""

from __future__ import annotations

import os
from typing import Any

from mindtorch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter

__all__: list[str] = []


def _storage_setup(storage: Any, checkpoint_id: str | os.PathLike[str] | None, reader: bool = False) -> Any:
    """The given storage, told of the checkpoint's name; or the one for local directories.

    Raises RuntimeError without a storage and a name, or for a name that is no path.
    """
    if storage is not None:
        if checkpoint_id is not None:
            storage.reset(checkpoint_id)
        return storage
    if not checkpoint_id:
        raise RuntimeError("`checkpoint_id` must be specificed if storage_reader/storage_writer is None.")
    kind = FileSystemReader if reader else FileSystemWriter
    if not kind.validate_checkpoint_id(checkpoint_id):
        raise RuntimeError(
            f"Cannot detect which StorageReader or StorageWriter to use for {checkpoint_id}. Please specify the "
            "storage_reader/storage_writer."
        )
    return kind(checkpoint_id)
