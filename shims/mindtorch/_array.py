"""Storage and strided arrays: what a tensor's data is, below autograd.

On the CPU a MindSpore tensor and a NumPy array over its memory are two faces of one buffer. An :class:`Array` keeps the
NumPy face always (kernels are waited for, so the bytes are there) and derives the MindSpore face when a kernel asks.
An array on the meta device has :class:`~mindtorch._no_data.NoData` for its NumPy face: all windows, no bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ._device import CPU, META, device
from ._dtype import _BY_NUMPY, dtype
from ._no_data import NO_DATA, NoData

memory: Any = None
"""The module that keeps arrays of 'cuda' and 'npu' in device memory (``kernels.ascend.memory``), where there is one."""


@lru_cache(maxsize=4096)
def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements, as PyTorch reports them (a size-0 dimension counts as 1)."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(shape[i + 1], 1)
    return tuple(strides)


def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the elements lie row-major without gaps; strides of size-1 dimensions do not matter."""
    if strides == contiguous_strides(shape) or 0 in shape:
        return True
    expected = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1:
            if s != expected:
                return False
            expected *= n
    return True


class Storage:
    """The bytes that views share."""

    __slots__ = ("__weakref__", "data", "device")

    def __init__(self, data: np.ndarray, dev: device) -> None:
        self.data = data  # uint8, one dimension; its base keeps the owner of the memory alive
        self.device = dev

    @property
    def nbytes(self) -> int:
        return self.data.size

    @property
    def data_ptr(self) -> int:
        return 0 if self.device is META else self.data.__array_interface__["data"][0]

    def resize(self, nbytes: int) -> None:
        """Reallocate, keeping the common prefix. Arrays made before keep the old memory: re-derive them."""
        if self.device is META:
            self.data = NoData((nbytes,), self.data.dtype)
            return
        new = np.empty(nbytes, np.uint8)
        n = min(nbytes, self.data.size)
        new[:n] = self.data[:n]
        self.data = new


_new = object.__new__
_ndarray = np.ndarray  # the type of the NumPy face where the bytes are the host's, whatever the device is called


class Array:
    """A strided window on a storage: shape and strides in elements, offset in elements."""

    __slots__ = ("_ms", "_storage", "device", "dtype", "np", "offset", "shape", "strides")

    def __init__(self, a: np.ndarray, dev: device = CPU, d: dtype | None = None) -> None:
        """Over a C-contiguous NumPy array (others are copied); shares its memory."""
        if not a.flags.c_contiguous:
            a = np.ascontiguousarray(a)
        self.np = a
        self.dtype = d or _BY_NUMPY[a.dtype]
        self.shape = a.shape
        self.strides = contiguous_strides(a.shape)
        self.offset = 0
        self.device = dev
        self._ms: Any = None
        self._storage: Storage | None = None
        if dev is not CPU and memory is not None:
            memory.place(self)

    @property
    def storage(self) -> Storage:
        s = self._storage
        if s is None:
            s = self._storage = Storage(self.np.reshape(-1).view(np.uint8), self.device)
        return s

    @property
    def in_host_memory(self) -> bool:
        """Whether there are bytes and the host can reach them, as always on a host without an NPU."""
        return type(self.np) is _ndarray

    @property
    def is_contiguous(self) -> bool:
        return is_contiguous(self.shape, self.strides)

    @property
    def is_dense(self) -> bool:
        """Whether the elements fill a block of memory, each once, in some order of the dimensions."""
        if self.is_contiguous:
            return True
        expected = 1
        for s, n in sorted((s, n) for s, n in zip(self.strides, self.shape, strict=True) if n != 1):
            if s != expected:
                return False
            expected *= n
        return True

    def as_strided(
        self, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: dtype | None = None
    ) -> Array:
        """Another window on the same storage. Raises RuntimeError when it would reach outside."""
        d = d or self.dtype
        storage = self._storage or self.storage
        if self.device is not CPU and type(storage) is not Storage:
            return memory.as_strided(self, shape, strides, offset, d)
        item = d.itemsize
        if 0 in shape:
            window = np.empty(shape, d._np)
        else:
            last = offset
            for n, s in zip(shape, strides, strict=True):
                last += (n - 1) * s
            if offset < 0 or (last + 1) * item > storage.data.size:
                raise RuntimeError(
                    f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize "
                    f"{item} requiring a storage size of {(last + 1) * item} are out of bounds for storage of size "
                    f"{storage.data.size}"
                )
            if self.device is META:
                window = NoData(shape, d._np)
            else:
                window = np.ndarray(shape, d._np, storage.data, offset * item, tuple([s * item for s in strides]))
        return self._window(window, shape, strides, offset, d)

    def reshaped(self, shape: tuple[int, ...]) -> Array:
        """The window of another shape on a contiguous array."""
        strides = contiguous_strides(shape)
        if type(self.np) is _ndarray and self.np.size:
            return self._window(self.np.reshape(shape), shape, strides, self.offset, self.dtype)
        return self.as_strided(shape, strides, self.offset)

    def permuted(self, dims: Sequence[int]) -> Array:
        """The window with the dimensions in another order."""
        shape, strides = self.shape, self.strides
        shape, strides = tuple([shape[d] for d in dims]), tuple([strides[d] for d in dims])
        if type(self.np) is _ndarray:
            return self._window(self.np.transpose(dims), shape, strides, self.offset, self.dtype)
        return self.as_strided(shape, strides, self.offset)

    def _window(self, a: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: dtype) -> Array:
        """The window that `a`, a view of the storage's memory, is."""
        out = _new(Array)
        out.np = a
        out.dtype = d
        out.shape = shape
        out.strides = strides
        out.offset = offset
        out.device = self.device
        out._ms = None
        out._storage = self._storage or self.storage
        return out

    def contiguous(self) -> Array:
        if self.is_contiguous:
            return self
        if type(self.np) is not _ndarray:
            return self.clone()
        return Array(np.ascontiguousarray(self.np), self.device, self.dtype)

    def clone(self) -> Array:
        """A contiguous copy with memory of its own."""
        if self.device is not CPU:
            if self.device is META:
                return meta_array(self.shape, self.dtype)
            if memory is not None and memory.on_device(self):
                return memory.clone(self)
        return Array(np.array(self.np, order="C", copy=True), self.device, self.dtype)

    def cast(self, d: dtype) -> Array:
        """Self where the dtype is right already, else a contiguous copy of dtype `d`."""
        if self.dtype is d:
            return self
        if self.device is not CPU:
            if self.device is META:
                return meta_array(self.shape, d)
            if memory is not None and memory.on_device(self):
                return memory.cast(self, d)
        return Array(cast_numpy(self.np, d), self.device, d)

    def write(self, src: Array) -> None:
        """Copy `src` in, broadcast and cast: the one way in which bytes of an existing tensor change."""
        if self.device is not CPU:
            if self.device is META:
                return
            if memory is not None and memory.on_device(self):
                memory.write(self, src)
                return
        s = src.np  # of a meta array it refuses to be copied
        np.copyto(self.np, cast_numpy(s, self.dtype) if s.dtype != self.np.dtype else s, casting="unsafe")

    def on(self, dev: device) -> Array:
        """A copy labelled with another device. Raises NotImplementedError when data is wanted of a meta array."""
        if dev is META:
            return meta_array(self.shape, self.dtype)
        if self.device is META:
            raise NotImplementedError(NO_DATA)
        return Array(np.array(self.np, order="C", copy=True), dev, self.dtype)

    @property
    def size(self) -> int:
        return self.np.size


def meta_array(shape: tuple[int, ...], d: dtype) -> Array:
    """A contiguous array without data."""
    return Array(NoData(shape, d._np), META, d)  # type: ignore[arg-type]


def fresh(a: np.ndarray, dev: device, d: dtype) -> Array:
    """An array over C-contiguous memory that nobody else has: what the constructor gives, for kernels' results."""
    out = _new(Array)
    out.np = a
    out.dtype = d
    shape = out.shape = a.shape
    out.strides = contiguous_strides(shape)
    out.offset = 0
    out.device = dev
    out._ms = out._storage = None
    return out


def cast_numpy(a: np.ndarray, d: dtype) -> np.ndarray:
    """`a` as a C-contiguous array of dtype `d`, values converted as C does."""
    if a.dtype.names is not None and d._np != a.dtype:  # complex32
        wide = np.empty(a.shape, np.complex64)
        wide.real, wide.imag = a["real"], a["imag"]
        a = wide
    if d.category == 0:
        return np.ascontiguousarray(a != 0).reshape(a.shape)
    with np.errstate(all="ignore"):
        if d._np.names is not None and d._np != a.dtype:
            pairs = np.empty(a.shape, d._np)
            pairs["real"], pairs["imag"] = a.real, a.imag
            return pairs
        if a.dtype.kind == "c" and d.category < 3:
            a = a.real
        return a.astype(d._np, order="C")


@lru_cache(maxsize=2048)
def _scalar(value: Any, kind: type, sign: int, d: dtype) -> Array:
    with np.errstate(all="ignore"):
        a = np.asarray(value)
        if a.dtype == object:
            raise OverflowError("value cannot be converted to type int64_t without overflow")
        out = np.array(cast_numpy(a, d))
    out.flags.writeable = False
    return Array(out, CPU, d)


def scalar_array(value: Any, d: dtype) -> Array:
    """A read-only 0-d array of a Python number, cached (signed zeros and bools kept apart)."""
    if isinstance(value, complex):  # two signs of zero: not cached
        return Array(cast_numpy(np.asarray(value), d), CPU, d)
    sign = 0
    if value == 0 and isinstance(value, float):
        sign = 1 if str(value)[0] == "-" else 0
    return _scalar(value, type(value), sign, d)
