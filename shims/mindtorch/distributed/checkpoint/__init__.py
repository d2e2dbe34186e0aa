"""``torch.distributed.checkpoint``: checkpoints in a directory, written and read by many ranks, in PyTorch's format."""

from __future__ import annotations

from mindtorch.distributed.checkpoint import (
    _extension,
    _nested_dict,
    _traverse,
    api,
    default_planner,
    filesystem,
    metadata,
    planner,
    planner_helpers,
    resharding,
    staging,
    state_dict,
    state_dict_loader,
    state_dict_saver,
    stateful,
    storage,
    utils,
)
from mindtorch.distributed.checkpoint.api import CheckpointException
from mindtorch.distributed.checkpoint.default_planner import DefaultLoadPlanner, DefaultSavePlanner
from mindtorch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from mindtorch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorStorageMetadata,
)
from mindtorch.distributed.checkpoint.planner import (
    LoadPlan,
    LoadPlanner,
    ReadItem,
    SavePlan,
    SavePlanner,
    WriteItem,
)
from mindtorch.distributed.checkpoint.state_dict_loader import load, load_state_dict
from mindtorch.distributed.checkpoint.state_dict_saver import async_save, save, save_state_dict
from mindtorch.distributed.checkpoint.storage import StorageReader, StorageWriter

__all__ = [
    "BytesStorageMetadata", "CheckpointException", "ChunkStorageMetadata", "DefaultLoadPlanner", "DefaultSavePlanner",
    "FileSystemReader", "FileSystemWriter", "LoadPlan", "LoadPlanner", "Metadata", "ReadItem", "SavePlan",
    "SavePlanner", "StorageReader", "StorageWriter", "TensorStorageMetadata", "WriteItem", "_extension", "_nested_dict",
    "_traverse", "api", "async_save", "default_planner", "filesystem", "load", "load_state_dict", "metadata",
    "planner", "planner_helpers", "resharding", "save", "save_state_dict", "staging", "state_dict",
    "state_dict_loader", "state_dict_saver", "stateful", "storage", "utils",
]  # fmt: skip
