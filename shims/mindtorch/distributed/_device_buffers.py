"""The memory of tensors as a collectives library of the device reads and writes it: contiguous MindSpore tensors."""

from __future__ import annotations

from math import prod
from typing import Any

import mindtorch as torch
from mindtorch._array import Array
from mindtorch.kernels.ascend import memory
from mindtorch.tape import inplace

__all__ = ["DeviceTarget", "device_source", "fresh", "storage_face"]


def fresh(shape: Any, dtype: Any) -> Any:
    """A tensor of device memory of its own."""
    return torch.zeros(tuple(shape), dtype=dtype, device="cuda")


def wire_dtype(tensor: Any) -> Any:
    """The dtype that travels: bool goes as bytes.

    Raises:
        NotImplementedError: the device has no such dtype.
    """
    if tensor.dtype in memory.HOST_ONLY:
        raise NotImplementedError(f"collectives of {tensor.dtype} tensors on the device: convert them first")
    return torch.uint8 if tensor.dtype is torch.bool else tensor.dtype


def _whole(array: Array) -> bool:
    """Whether an array is all of its storage, so that its MindSpore tensor is the storage's own."""
    return (
        memory.on_device(array)
        and array.is_contiguous
        and not array.offset
        and array.storage.nbytes == prod(array.shape) * array.dtype.itemsize
    )


def storage_face(tensor: Any) -> Any:
    """The MindSpore tensor of a tensor that is all of its storage: what is written to it is written to the tensor."""
    return memory.face(tensor._arr)


def device_source(tensor: Any) -> Any:
    """A MindSpore tensor with the elements in row-major order."""
    with torch.no_grad():
        return memory.face(tensor.detach().to("cuda").to(wire_dtype(tensor))._arr)


class DeviceTarget:
    """Where a result goes: ``face`` is the MindSpore tensor to fill; ``finish`` is called when it is filled.

    It is the tensor's own memory where the tensor is all of a storage on the device, else memory that is copied.
    """

    def __init__(self, tensor: Any, shape: Any = None, load: bool = False) -> None:
        inplace.check(tensor, recorded=False)
        tensor._vc[0] += 1
        self._array: Array = tensor._arr
        d = wire_dtype(tensor)
        self.direct = d is tensor.dtype and shape is None and _whole(self._array)
        if self.direct:
            self.tensor = tensor.detach()
        elif load:
            with torch.no_grad():
                self.tensor = fresh(tensor.shape, d).copy_(tensor.detach())
        else:
            self.tensor = fresh(tensor.shape if shape is None else shape, d)
        self.face = storage_face(self.tensor)
        self._forget()

    def _forget(self) -> None:
        """The host's snapshot of the memory is out of date."""
        self.tensor._arr.storage._host = None

    def finish(self) -> None:
        """Bring the result to the tensor."""
        self._forget()
        if not self.direct:
            self._array.write(self.tensor._arr.reshaped(self._array.shape))
