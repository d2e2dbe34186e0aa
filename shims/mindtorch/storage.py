"""``torch.UntypedStorage`` and ``torch.TypedStorage``: the bytes below tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _dtype as dtypes
from ._array import Array, Storage
from ._device import CPU, META, device, resolve
from ._dtype import dtype
from ._no_data import NoData
from ._tensor import Tensor, wrap
from .ops._registry import type_name


def _checked(index: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} out of range for storage of size {size}")
    return index


class UntypedStorage:
    """A block of bytes. Equal identity is equal memory: compare ``data_ptr()``."""

    filename: str | None = None

    def __init__(self, nbytes: int = 0, *, device: Any = None) -> None:
        where = CPU if device is None else resolve(device)
        data = NoData((nbytes,), np.dtype(np.uint8)) if where is META else np.empty(nbytes, np.uint8)
        self._storage = Storage(data, where)  # type: ignore[arg-type]
        self._owner: Tensor | None = None

    @classmethod
    def _of(cls, t: Tensor) -> UntypedStorage:
        self = cls.__new__(cls)
        self._storage, self._owner = t._arr.storage, t
        return self

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first ``nbytes`` of a file, mapped into memory: pages are read when they are touched.

        Changes go to the file if ``shared``, which is made or grown to the size that is wanted; else they stay here.
        Raises RuntimeError when the file cannot be opened, or is shorter.
        """
        try:
            with open(filename, "ab" if shared else "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size < nbytes and not shared:
                    raise RuntimeError(
                        f"unable to mmap {nbytes} bytes from file <{filename}>: it has {size}"
                    )
                if size < nbytes:
                    stream.truncate(nbytes)
        except OSError as error:
            raise RuntimeError(f"unable to open file <{filename}>: {error.strerror} ({error.errno})") from error
        self = cls(0)
        if nbytes:
            mapped = np.memmap(filename, np.uint8, "r+" if shared else "c", 0, (nbytes,))
            self._storage = Storage(mapped.view(np.ndarray), CPU)
        self.filename = os.fspath(filename) if shared else None
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
            elif a.device is not META:
                a._ms, a.np = None, np.broadcast_to(np.zeros((), a.dtype._np), a.shape)
        return self

    def tolist(self) -> list[int]:
        """The bytes as Python ints."""
        return self._storage.data.tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(f"Trying to slice with a step of {index.step}, but only a step of 1 is supported")
            out = UntypedStorage()
            out._storage = Storage(self._storage.data[index], self._storage.device)  # shares the memory
            return out
        return int(self._storage.data[_checked(index, self._storage.nbytes)])

    def __setitem__(self, index: Any, value: int) -> None:
        self._storage.data[index if isinstance(index, slice) else _checked(index, self._storage.nbytes)] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def fill_(self, value: int) -> UntypedStorage:
        """Set every byte."""
        if self._storage.device is not META:
            self._storage.data[:] = value
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> UntypedStorage:
        """Copy the bytes of another storage of the same size. Raises RuntimeError for another size."""
        other = source.untyped() if isinstance(source, TypedStorage) else source
        if other.nbytes() != self.nbytes():
            raise RuntimeError(f"size mismatch: {self.nbytes()} bytes and {other.nbytes()} bytes")
        if self._storage.device is not META:
            self._storage.data[:] = np.asarray(other._storage.data)  # one of a meta tensor refuses
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage(self.nbytes(), device=self.device).copy_(self)

    def new(self) -> UntypedStorage:
        """An empty storage."""
        return UntypedStorage()

    def cpu(self) -> UntypedStorage:
        """The storage itself where it is on the CPU already, else a copy there."""
        return self if self.device.type == "cpu" else UntypedStorage(self.nbytes()).copy_(self)

    def untyped(self) -> UntypedStorage:
        return self

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def is_shared(self) -> bool:
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]

    def __repr__(self) -> str:
        lines = "..." if self.device is META else " " + "\n ".join(str(v) for v in self.tolist())
        return f"{lines}\n[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"

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

    def _flat(self) -> Tensor:
        """The elements as a tensor that shares the memory."""
        n = self._untyped_storage.nbytes() // self.dtype.itemsize
        return wrap(self._untyped_storage._array().as_strided((n,), (1,), 0, self.dtype))

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._flat().tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._flat()[_checked(index, self.size())].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat()[index if isinstance(index, slice) else _checked(index, self.size())] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def fill_(self, value: Any) -> TypedStorage:
        """Set every element."""
        self._flat().fill_(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool | None = None) -> TypedStorage:
        """Copy the elements of another storage, converted."""
        self._flat().copy_(source._flat())
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(self._untyped_storage.clone(), self.dtype)

    def cpu(self) -> TypedStorage:
        return TypedStorage(self._untyped_storage.cpu(), self.dtype)

    def type(self, dtype: Any = None) -> Any:
        """'torch.FloatStorage', or the elements converted to `dtype`."""
        if dtype is None:
            return f"torch.{self.pickle_storage_type()}"
        return TypedStorage._of(self._flat().to(dtype))

    def pickle_storage_type(self) -> str:
        """The name of the storage's legacy class, as in files."""
        return type_name(self.dtype) + "Storage"

    @property
    def is_cuda(self) -> bool:
        return self._untyped_storage.is_cuda

    def is_shared(self) -> bool:
        return False

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> TypedStorage:
        return TypedStorage(self._untyped_storage.__deepcopy__(memo), self.dtype)

    def __eq__(self, other: Any) -> bool:
        same = isinstance(other, TypedStorage) and other.dtype is self.dtype
        return same and other._untyped_storage == self._untyped_storage

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def __repr__(self) -> str:
        lines = "..." if self.device is META else " " + "\n ".join(str(v) for v in self.tolist())
        what = f"dtype={self.dtype}, device={self.device}"
        return f"{lines}\n[torch.storage.TypedStorage({what}) of size {self.size()}]"

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


def _convert_method(name: str, d: dtype) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        return self if self.dtype is d else self.type(d)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The elements as {d}."
    setattr(TypedStorage, name, convert)


for _name, _d in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool,
}.items():  # fmt: skip
    _convert_method(_name, _d)
