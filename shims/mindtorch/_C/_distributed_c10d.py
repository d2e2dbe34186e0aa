"""``torch._C._distributed_c10d``: the classes behind ``torch.distributed`` by the name of their extension module."""

from __future__ import annotations

import json
import pickle

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
from mindtorch.distributed._flight import recorder

__all__ = [
    "Backend", "DebugLevel", "FileStore", "HashStore", "PrefixStore", "ProcessGroup", "ReduceOp", "Store", "TCPStore",
    "Work", "_dump_nccl_trace", "_dump_nccl_trace_json", "get_debug_level",
]  # fmt: skip


def _dump_nccl_trace(
    includeCollectives: bool = True, includeStackTraces: bool = True, onlyActive: bool = False
) -> bytes:
    """The flight recorder of this process, pickled; only what is not complete with ``onlyActive``."""
    return pickle.dumps(_trace(includeCollectives, includeStackTraces, onlyActive))


def _dump_nccl_trace_json(includeCollectives: bool = True, onlyActive: bool = False) -> bytes:
    """The flight recorder of this process as JSON."""
    return json.dumps(_trace(includeCollectives, True, onlyActive)).encode()


def _trace(collectives: bool, frames: bool, only_active: bool) -> dict[str, object]:
    trace = recorder.trace(only_active)
    if not collectives:
        del trace["entries"]
    elif not frames:
        for entry in trace["entries"]:
            del entry["frames"]
    return trace
