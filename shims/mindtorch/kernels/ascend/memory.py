"""Arrays in device memory: a MindSpore tensor is the truth, and the host sees copies of it.

A storage begins on the host, with the bytes it was made of, and moves to the device when a kernel first asks for it.
From then on the host reads snapshots, which are read-only, and every write goes to the device's memory. A window of
another dtype than the memory's brings the bytes back to the host first.
"""

from __future__ import annotations

import os
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..._array import Array, Storage, cast_numpy, contiguous_strides
from ..._device import META, device
from ..._dtype import _BY_NAME, complex32, dtype, float8_e4m3fn, float8_e5m2
from ._table import resolve

HOST_ONLY = frozenset({complex32, float8_e4m3fn, float8_e5m2})
"""Dtypes that are stored and moved on the host: MindSpore has none of them, or cannot take them from NumPy."""


@cache
def on_ascend() -> bool:
    """Whether MindSpore's target is the device that this table is for, and not the CPU backend standing in."""
    os.environ.setdefault("GLOG_v", "3")  # MindSpore warns on import about packages that a CPU host does not have
    return resolve("mindspore.get_context")("device_target") == "Ascend"


def upload(a: np.ndarray) -> Any:
    """A MindSpore tensor with a copy of `a`."""
    return resolve("mindspore.Tensor")(np.array(a, order="C", copy=True))


def download(tensor: Any) -> np.ndarray:
    """A copy on the host (on the CPU backend: over the same memory)."""
    a = tensor.asnumpy()
    d = _BY_NAME[a.dtype.name]._np
    return a if a.dtype == d else a.view(np.uint16).view(d)  # MindSpore has a bfloat16 of its own for NumPy


class DeviceStorage(Storage):
    """Bytes on the host, or a contiguous MindSpore tensor."""

    __slots__ = ("_dtype", "_host", "_tensor")

    def __init__(self, dev: device, host: np.ndarray | None = None, tensor: Any = None, d: dtype | None = None) -> None:
        self.device = dev
        self._host = host  # uint8, one dimension; beside a tensor: a snapshot of it
        self._tensor = tensor
        self._dtype = d

    @property
    def data(self) -> np.ndarray:  # type: ignore[override]
        """The bytes: those of the host, or a snapshot of the device's, which is read-only."""
        if self._host is None:
            self._host = download(self._tensor).reshape(-1).view(np.uint8)
            self._host.flags.writeable = False
        return self._host

    @property
    def nbytes(self) -> int:
        if self._tensor is None:
            return self.data.size
        return prod(self._tensor.shape) * self._dtype.itemsize  # type: ignore[union-attr]

    @property
    def data_ptr(self) -> int:
        """The address of the memory, on the host or on the device."""
        if self._tensor is None:
            return self.data.__array_interface__["data"][0]
        return self._tensor.data_ptr()

    def tensor(self, d: dtype) -> Any:
        """The memory as a MindSpore tensor of dtype `d`, from now on where the bytes are."""
        if self._tensor is None or self._dtype is not d:
            host = self.data[: self.data.size // d.itemsize * d.itemsize]
            self._tensor, self._dtype, self._host = upload(host.view(d._np)), d, None
        return self._tensor

    def write(self, window: Array, src: Array) -> None:
        """Copy `src`, broadcast and cast, into a window."""
        if 0 in window.shape:
            return
        d = window.dtype
        if self._tensor is None or d in HOST_ONLY:
            self.to_host()
            np.copyto(window.np.host(), cast_numpy(np.asarray(src.np), d))  # type: ignore[attr-defined]
            return
        if on_ascend():
            source = resolve("mindspore.ops.cast")(face(src), _mindspore_dtype(d))
            view(window).copy_(resolve("mindspore.mint.broadcast_to")(source, window.shape))
        else:  # MindSpore's writes into windows do nothing on the CPU, where the memory is at hand
            memory = self.tensor(d).asnumpy().reshape(-1).view(np.uint8)
            into = _window(memory, window.shape, window.strides, window.offset, d)
            np.copyto(into, cast_numpy(np.asarray(src.np), d))
        self._host = None

    def to_host(self) -> None:
        """Bring the bytes back to the host, where they can be written."""
        if self._tensor is not None:
            self._host = self.data.copy()
            self._tensor = self._dtype = None

    def resize(self, nbytes: int) -> None:
        self.to_host()
        new = np.empty(nbytes, np.uint8)
        n = min(nbytes, self.data.size)
        new[:n] = self.data[:n]
        self._host = new


def _mindspore_dtype(d: dtype) -> Any:
    return resolve("mindspore." + {"bool": "bool_"}.get(d.name, d.name))


def _window(memory: np.ndarray, shape: Any, strides: Any, offset: int, d: dtype) -> np.ndarray:
    if 0 in shape:
        return np.empty(shape, d._np)
    return np.ndarray(shape, d._np, memory, offset * d.itemsize, tuple(s * d.itemsize for s in strides))


class Flags:
    """NumPy's flags of an array that is on the device."""

    c_contiguous = writeable = owndata = True


class HostFace(np.lib.mixins.NDArrayOperatorsMixin):
    """The NumPy face of a device array: shape and dtype are answered at once, everything else from the host's bytes."""

    __slots__ = ("_d", "_offset", "_storage", "_strides", "shape")

    flags = Flags()

    def __init__(
        self, storage: DeviceStorage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: dtype
    ) -> None:
        self._storage, self.shape, self._strides, self._offset, self._d = storage, shape, strides, offset, d

    def host(self) -> np.ndarray:
        return _window(self._storage.data, self.shape, self._strides, self._offset, self._d)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._d._np

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        a = self.host()
        return a if dtype is None else a.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*[x.host() if isinstance(x, HostFace) else x for x in inputs], **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.host(), name)

    def __getitem__(self, key: Any) -> Any:
        return self.host()[key]

    def __len__(self) -> int:
        return len(self.host())

    def __bool__(self) -> bool:
        return bool(self.host())


def _storage(a: Array) -> DeviceStorage:
    assert type(a._storage) is DeviceStorage
    return a._storage


def view(a: Array) -> Any:
    """A device array as a MindSpore tensor that shares the storage's memory."""
    tensor = _storage(a).tensor(a.dtype)
    if tuple(tensor.shape) == a.shape and not a.offset and a.is_contiguous:
        return tensor
    return resolve("mindspore.ops.auto_generate.as_strided")(tensor, a.shape, a.strides, a.offset)


def as_strided(a: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: dtype) -> Array:
    """Another window on the storage of a device array. Raises RuntimeError when it would reach outside."""
    storage = _storage(a)
    if 0 not in shape:
        needed = (offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))) * d.itemsize
        if offset < 0 or needed > storage.nbytes:
            raise RuntimeError(
                f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize "
                f"{d.itemsize} requiring a storage size of {needed} are out of bounds for storage of size "
                f"{storage.nbytes}"
            )
    return _array_on(storage, shape, strides, offset, d)


def clone(a: Array) -> Array:
    """A contiguous copy of a device array."""
    if a.dtype in HOST_ONLY or 0 in a.shape:
        return Array(np.array(a.np, order="C", copy=True), a.device, a.dtype)
    tensor = face(a)
    # MindSpore's clone has no CPU kernel; there a copy is one of the host's.
    copy = resolve("mindspore.mint.clone")(tensor) if on_ascend() else upload(tensor.asnumpy())
    return from_tensor(copy, a.device, a.dtype)


def cast(a: Array, d: dtype) -> Array:
    """A contiguous copy of a device array in another dtype."""
    if {a.dtype, d} & HOST_ONLY or a.dtype.is_complex or d.is_complex or 0 in a.shape:
        return Array(cast_numpy(np.asarray(a.np), d), a.device, d)
    return from_tensor(resolve("mindspore.ops.cast")(face(a), _mindspore_dtype(d)), a.device, d)


def write(a: Array, src: Array) -> None:
    """Copy `src` into a device array."""
    _storage(a).write(a, src)


def _array_on(
    storage: DeviceStorage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: dtype
) -> Array:
    out = Array.__new__(Array)
    out.np = HostFace(storage, shape, strides, offset, d)  # type: ignore[assignment]
    out.dtype, out.shape, out.strides, out.offset = d, shape, strides, offset
    out.device, out._ms, out._storage = storage.device, None, storage
    return out


def from_tensor(tensor: Any, dev: device, d: dtype | None = None) -> Array:
    """The array of a MindSpore tensor that a kernel made."""
    tensor = tensor.contiguous()
    shape = tuple(tensor.shape)
    d = d or _BY_NAME[str(tensor.dtype).lower()]
    return _array_on(DeviceStorage(dev, None, tensor, d), shape, contiguous_strides(shape), 0, d)


def face(a: Array) -> Any:
    """An array's contiguous MindSpore tensor."""
    if type(a.np) is not HostFace:  # a number, or an array of the CPU
        return upload(a.np)
    if not a.is_contiguous:
        return view(a).contiguous()
    tensor = _storage(a).tensor(a.dtype)
    if a.offset or a.size != prod(tensor.shape):
        return view(a).contiguous()
    return tensor if tuple(tensor.shape) == a.shape else tensor.reshape(a.shape)


def on_device(a: Array) -> bool:
    """Whether an array lives in device memory."""
    return type(a.np) is HostFace


def place(a: Array) -> None:
    """Make a fresh array, whose bytes are on the host, one of device memory."""
    if a.device is META or a.device.type == "cpu":
        return
    storage = DeviceStorage(a.device, np.asarray(a.np).reshape(-1).view(np.uint8))
    a._storage, a.np = storage, HostFace(storage, a.shape, a.strides, 0, a.dtype)  # type: ignore[assignment]
