"""The ``.metadata`` file: a pickle under PyTorch's names, which PyTorch reads, and reading PyTorch's.

As with PyTorch, the file can name any class (planners put their own data in): read checkpoints of trusted sources only.
"""

from __future__ import annotations

import pickle
from typing import IO, Any, NoReturn

from mindtorch.distributed.checkpoint.metadata import Metadata
from mindtorch.serialization.pickling import CheckpointPickler, FullUnpickler

__all__ = ["dump_metadata", "load_metadata"]

_PROTOCOL = 4


class _Pickler(CheckpointPickler):
    def persistent_id(self, obj: Any) -> Any:
        if super().persistent_id(obj) is not None:
            raise NotImplementedError("tensors in a checkpoint's .metadata are not supported: save them as entries")
        return None


def dump_metadata(metadata: Metadata, stream: IO[bytes]) -> None:
    """Write the description. Raises NotImplementedError when it holds a tensor."""
    _Pickler(stream, _PROTOCOL).dump(metadata)


def _refuse(*pid: Any) -> NoReturn:
    raise pickle.UnpicklingError("a .metadata file refers to a storage, which it does not have")


def load_metadata(stream: IO[bytes]) -> Metadata:
    """Read a description, mindtorch's or PyTorch's. Raises pickle.UnpicklingError for anything else."""
    metadata = FullUnpickler(stream, _refuse).load()
    if not isinstance(metadata, Metadata):
        raise pickle.UnpicklingError(f"a .metadata file holds a Metadata, but this one a {type(metadata).__name__}")
    return metadata
