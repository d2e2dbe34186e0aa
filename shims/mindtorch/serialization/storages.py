"""The handle that stands for a storage between a tensor and a pickle."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _device as devices
from .._array import Array, Storage
from .._dtype import dtype

__all__ = ["StorageRef"]


class StorageRef:
    """A storage and the dtype that its file entry is to have (None: bytes).

    ``save`` and ``load`` replace it by a persistent id; plain pickling carries the bytes along.
    """

    __slots__ = ("dtype", "storage")

    def __init__(self, storage: Storage, d: dtype | None) -> None:
        self.storage = storage
        self.dtype = d

    def window(self, d: dtype, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        """The strided array of dtype ``d`` on these bytes. Raises RuntimeError when it reaches outside."""
        base = Array(self.storage.data, self.storage.device)
        base._storage = self.storage
        return base.as_strided(tuple(shape), tuple(strides), offset, d)

    def __reduce__(self) -> Any:
        return _from_bytes, (self.storage.data.tobytes(), self.dtype, str(self.storage.device))


def _from_bytes(data: bytes, d: dtype | None, device: str) -> StorageRef:
    # bytearray: the memory has to be writable.
    return StorageRef(Storage(np.frombuffer(bytearray(data), np.uint8), devices.resolve(device)), d)
