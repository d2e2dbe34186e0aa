"""The handle that stands for a storage between a tensor and a pickle."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _device as devices
from .._array import Array, Storage
from .._dtype import dtype
from ..storage import TypedStorage, UntypedStorage

__all__ = ["StorageRef", "as_ref", "public_storage"]


class StorageRef:
    """A storage and the dtype that its file entry is to have (None: bytes).

    ``save`` replaces it by a persistent id; plain pickling carries the bytes along.
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


def as_ref(storage: Any) -> StorageRef:
    """The handle of a storage of any sort. Raises TypeError for anything else."""
    if isinstance(storage, StorageRef):
        return storage
    if isinstance(storage, TypedStorage):
        return StorageRef(storage.untyped()._storage, storage.dtype)
    if isinstance(storage, UntypedStorage):
        return StorageRef(storage._storage, None)
    raise TypeError(f"expected a storage, but got {type(storage).__name__}")


def public_storage(ref: StorageRef) -> TypedStorage | UntypedStorage:
    """What users see of a handle: a typed storage, or without a dtype an untyped one."""
    untyped = UntypedStorage.__new__(UntypedStorage)
    untyped._storage, untyped._owner = ref.storage, None
    return untyped if ref.dtype is None else TypedStorage(untyped, ref.dtype)


def _from_bytes(data: bytes, d: dtype | None, device: str) -> StorageRef:
    # bytearray: the memory has to be writable.
    return StorageRef(Storage(np.frombuffer(bytearray(data), np.uint8), devices.resolve(device)), d)
