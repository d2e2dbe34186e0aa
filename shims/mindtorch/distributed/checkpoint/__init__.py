"""``torch.distributed.checkpoint``: the vocabulary. Saving and loading are not supported yet, and say so."""

from __future__ import annotations

from mindtorch._unsupported import unsupported_function
from mindtorch.distributed.checkpoint import (
    _nested_dict,
    _traverse,
    api,
    default_planner,
    filesystem,
    metadata,
    planner,
    planner_helpers,
    resharding,
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
from mindtorch.distributed.checkpoint.storage import StorageReader, StorageWriter

_PREFIX = "torch.distributed.checkpoint."

save = unsupported_function(_PREFIX + "save", "save with torch.save")
save_state_dict = unsupported_function(_PREFIX + "save_state_dict", "save with torch.save")
async_save = unsupported_function(_PREFIX + "async_save", "save with torch.save")
load = unsupported_function(_PREFIX + "load", "load with torch.load")
load_state_dict = unsupported_function(_PREFIX + "load_state_dict", "load with torch.load")

__all__ = [
    "BytesStorageMetadata", "CheckpointException", "ChunkStorageMetadata", "DefaultLoadPlanner", "DefaultSavePlanner",
    "FileSystemReader", "FileSystemWriter", "LoadPlan", "LoadPlanner", "Metadata", "ReadItem", "SavePlan",
    "SavePlanner", "StorageReader", "StorageWriter", "TensorStorageMetadata", "WriteItem", "_nested_dict",
    "_traverse", "api", "async_save", "default_planner", "filesystem", "load", "load_state_dict", "metadata",
    "planner", "planner_helpers", "resharding", "save", "save_state_dict", "storage", "utils",
]  # fmt: skip
