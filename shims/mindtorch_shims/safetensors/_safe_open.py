"""``safetensors.safe_open`` with mindtorch's tensors.

The format (https://huggingface.co/docs/safetensors): the length of the header in 8 bytes, little-endian; the header,
JSON, with dtype, shape and place of each tensor; the tensors' bytes, row-major and little-endian. The installed package
opens the file first, so that its checks and its errors apply.
"""

from __future__ import annotations

import json
import os
from functools import cache
from types import TracebackType
from typing import Any

import mindtorch as torch
import numpy as np
import safetensors

__all__ = ["safe_open"]

_FRAMEWORKS = ("pt", "torch", "pytorch")
_BYTES = 8  # of the length


@cache
def _types() -> dict[str, Any]:
    from mindtorch_shims.safetensors.torch import _TYPES  # type: ignore[attr-defined]

    return _TYPES


class _Tensors:
    """An open file. Tensors are copies: writing to one does not change the file."""

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu", **options: Any) -> None:
        self._checked = safetensors.safe_open(filename, framework="np", **options)
        self._device = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
        with open(filename, "rb") as file:
            length = int.from_bytes(file.read(_BYTES), "little")
            self._header = json.loads(file.read(length))
        self._header.pop("__metadata__", None)
        start = _BYTES + length
        empty = os.path.getsize(filename) == start
        self._data = np.empty(0, np.uint8) if empty else np.memmap(filename, np.uint8, "r", start)

    def __enter__(self) -> _Tensors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tensors that were taken stay valid."""

    def keys(self) -> list[str]:
        """The names, in the package's order."""
        return list(self._checked.keys())

    def offset_keys(self) -> list[str]:
        """The names in the order of their bytes."""
        return sorted(self._header, key=lambda name: self._header[name]["data_offsets"])

    def metadata(self) -> dict[str, str] | None:
        """What was written beside the tensors."""
        return self._checked.metadata()

    def get_slice(self, name: str) -> _Slice:
        """A tensor of which parts can be read; SafetensorError if there is none of this name."""
        self._checked.get_slice(name)
        entry = self._header[name]
        first, end = entry["data_offsets"]
        return _Slice(self._data[first:end], entry["dtype"], entry["shape"], self._device)

    def get_tensor(self, name: str) -> Any:
        """A whole tensor, on the device; SafetensorError if there is none of this name."""
        return self.get_slice(name)[...]

    def get_tensors(self) -> dict[str, Any]:
        """All of them by name."""
        return {name: self.get_tensor(name) for name in self.keys()}


class _Slice:
    """A tensor in a file: ``[...]`` reads what the index names."""

    def __init__(self, data: np.ndarray, dtype: str, shape: list[int], device: Any) -> None:
        self._dtype, self._shape, self._device = dtype, shape, device
        self._type = _types().get(dtype)
        if self._type is None:
            raise safetensors.SafetensorError(f"mindtorch has no tensors of safetensors' dtype {dtype}")
        # NumPy lacks some of the dtypes: their bytes do for taking parts.
        self._array = data.view(np.dtype(f"V{self._type.itemsize}")).reshape(shape)

    def get_shape(self) -> list[int]:
        """Of the whole tensor."""
        return list(self._shape)

    def get_dtype(self) -> str:
        """As the format names it: ``F32``."""
        return self._dtype

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, torch.Tensor):
            index = index.tolist()
        part = np.array(self._array[index], order="C")
        if not part.size:
            return torch.empty(part.shape, dtype=self._type, device=self._device)
        tensor = torch.frombuffer(bytearray(part.tobytes()), dtype=self._type).reshape(part.shape)
        return tensor.to(self._device)


def safe_open(filename: Any, framework: str, device: Any = "cpu", **options: Any) -> Any:
    """Open a file of tensors; a context manager. Other frameworks than PyTorch: the installed package's own."""
    if framework in _FRAMEWORKS:
        return _Tensors(filename, framework, device, **options)
    return safetensors.safe_open(filename, framework, device, **options)
