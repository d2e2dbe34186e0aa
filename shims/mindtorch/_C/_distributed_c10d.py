"""``torch._C._distributed_c10d``: the classes behind ``torch.distributed`` by the name of their extension module."""

from __future__ import annotations

from mindtorch.distributed import (
    Backend,
    DebugLevel,
    FileStore,
    HashStore,
    PrefixStore,
    ProcessGroup,
    ReduceOp,
    Store,
    TCPStore,
    Work,
    get_debug_level,
)

__all__ = [
    "Backend", "DebugLevel", "FileStore", "HashStore", "PrefixStore", "ProcessGroup", "ReduceOp", "Store", "TCPStore",
    "Work", "get_debug_level",
]  # fmt: skip
