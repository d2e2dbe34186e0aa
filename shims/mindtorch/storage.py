"""``torch.UntypedStorage`` and ``torch.TypedStorage``: the bytes below tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Array, Storage
from ._device import CPU, device
from ._dtype import dtype
from ._tensor import Tensor


class UntypedStorage:
    """A block of bytes. Equal identity is equal memory: compare ``data_ptr()``."""

    def __init__(self, nbytes: int = 0, *, device: Any = None) -> None:
        self._storage = Storage(np.empty(nbytes, np.uint8), CPU)
        self._owner: Tensor | None = None

    @classmethod
    def _of(cls, t: Tensor) -> UntypedStorage:
        self = cls.__new__(cls)
        self._storage, self._owner = t._arr.storage, t
        return self

    def _array(self) -> Array:
        """The bytes as an array that shares this storage."""
        a = Array(self._storage.data, self._storage.device)
        a._storage = self._storage
        return a

    def data_ptr(self) -> int:
        """The address of the first byte; 0 when there is none."""
        return self._storage.data_ptr if self._storage.nbytes else 0

    _cdata = property(lambda self: id(self._storage))

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._storage.nbytes

    size = nbytes
    __len__ = nbytes

    def element_size(self) -> int:
        return 1

    @property
    def device(self) -> device:
        return self._storage.device

    @property
    def is_cuda(self) -> bool:
        return self.device.type in ("cuda", "npu")

    def resize_(self, nbytes: int) -> UntypedStorage:
        """Reallocate. Only the tensor that this was taken from sees the new memory: others must have let go."""
        self._storage.resize(nbytes)
        if self._owner is not None:
            a = self._owner._arr
            fits = 0 in a.shape or nbytes >= (
                a.offset + 1 + sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True))
            ) * a.dtype.itemsize
            if fits:
                self._owner._arr = a.as_strided(a.shape, a.strides, a.offset)
            else:
                a._ms, a.np = None, np.broadcast_to(np.zeros((), a.dtype._np), a.shape)
        return self

    def tolist(self) -> list[int]:
        return self._storage.data.tolist()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, UntypedStorage) and other._storage is self._storage

    def __hash__(self) -> int:
        return id(self._storage)


class TypedStorage:
    """A storage seen as elements of one dtype."""

    def __init__(self, untyped: UntypedStorage, d: dtype) -> None:
        self._untyped_storage = untyped
        self.dtype = d

    @classmethod
    def _of(cls, t: Tensor) -> TypedStorage:
        return cls(UntypedStorage._of(t), t.dtype)

    def untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    _data_ptr = data_ptr

    def size(self) -> int:
        """The number of elements."""
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    _size = size
    __len__ = size

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        return self.dtype.itemsize

    @property
    def device(self) -> device:
        return self._untyped_storage.device

    def resize_(self, size: int) -> TypedStorage:
        """Reallocate to `size` elements."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    _resize_ = resize_
