"""DLPack: tensors handed to and taken from other array libraries without copying."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._tensor import Tensor
from ._registry import op
from .creation import from_numpy

_CPU = (1, 0)  # kDLCPU, device 0


def _exported(t: Tensor) -> np.ndarray:
    """The memory to hand out. Raises BufferError where the protocol cannot carry the tensor."""
    if t.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if t.dtype.is_low and t.dtype.name != "float16":
        raise BufferError(f"{t.dtype} tensors cannot be exported through DLPack by mindtorch")
    return t._arr.np


def _dlpack(self: Tensor, **options: Any) -> Any:
    """The tensor as a DLPack capsule; `options` are the protocol's (stream, max_version, dl_device, copy)."""
    if options.get("stream") in (None, -1):
        options.pop("stream", None)
    return _exported(self).__dlpack__(**options)


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """Device type and index: host memory, which is where the tensors of a CPU host lie."""
    return _CPU


Tensor.__dlpack__ = _dlpack  # type: ignore[attr-defined]
Tensor.__dlpack_device__ = _dlpack_device  # type: ignore[attr-defined]


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule over the tensor's memory."""
    return tensor.__dlpack__()  # type: ignore[attr-defined]


class _Producer:
    """A bare capsule as an object with the protocol's methods."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU


@op(method=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach().clone() if copy else ext_tensor.detach()
    producer = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Producer(ext_tensor)
    a = np.from_dlpack(producer)
    if not a.flags.writeable and not copy:  # NumPy takes memory of older producers for read-only; PyTorch does not
        a = _writable(a)
    t = from_numpy(a)
    t = t.clone() if copy else t
    return t if device is None else t.to(device)


class _Memory:
    """An array's memory offered again, without the read-only mark; keeps the owner alive."""

    def __init__(self, a: np.ndarray) -> None:
        self.owner = a
        self.__array_interface__ = {**a.__array_interface__, "data": (a.__array_interface__["data"][0], False)}


def _writable(a: np.ndarray) -> np.ndarray:
    return np.asarray(_Memory(a)) if a.size else a.copy()
