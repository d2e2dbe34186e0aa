"""``torch.accelerator``: the MindSpore device under no vendor's name."""

from __future__ import annotations

import warnings
from typing import Any

from mindtorch import _device as devices
from mindtorch import cuda
from mindtorch._support import missing_attribute

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "is_available", "set_device_idx", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a device besides the CPU: an NPU, or 'cuda' served by the CPU's kernels."""
    return cuda.is_available()


def device_count() -> int:
    """How many there are; 0 where there is none."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> devices.device | None:
    """'npu' on a host that has one, 'cuda' where the CPU's kernels serve it, else None. Without an index."""
    if not is_available():
        return None
    return devices.device("npu" if devices.has_npu() else "cuda")


def _require() -> None:
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def _index(device: Any, optional: bool = False) -> int:
    """Of a device or index. ValueError for another type of device, or without an index unless that is optional;
    RuntimeError where there is no device."""
    index = device if isinstance(device, int) else None
    if device is not None and index is None:
        device, accelerator = devices.device(device), current_accelerator()
        if accelerator is None:
            raise RuntimeError("Accelerator expected")
        if device.type != accelerator.type:
            raise ValueError(f"{device.type} doesn't match the current accelerator {accelerator}.")
        index = device.index
    if index is None and not optional:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    _require()
    return cuda.current_device() if index is None else index


def current_device_index() -> int:
    """The index of the current device; RuntimeError where there is none."""
    _require()
    return cuda.current_device()


def set_device_index(device: Any, /) -> None:
    """Make a device current; a negative index changes nothing."""
    cuda.set_device(_index(device))


def current_device_idx() -> int:
    """Old name of :func:`current_device_index`."""
    warnings.warn("Use `current_device_index` instead.", FutureWarning, stacklevel=2)
    return current_device_index()


def set_device_idx(device: Any, /) -> None:
    """Old name of :func:`set_device_index`."""
    warnings.warn("Use `set_device_index` instead.", FutureWarning, stacklevel=2)
    set_device_index(device)


def current_stream(device: Any = None, /) -> Any:
    """The current stream of a device."""
    return cuda.current_stream(_index(device, optional=True))


def set_stream(stream: Any) -> None:
    """Make a stream current."""
    _require()
    cuda.set_stream(stream)


def synchronize(device: Any = None, /) -> None:
    """Wait for all kernels of a device."""
    cuda.synchronize(_index(device, optional=True))


class device_index:
    """Context manager: another current device; None changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            self.prev_idx = current_device_index()
            set_device_index(self.idx)

    def __exit__(self, *exc: Any) -> None:
        if self.idx is not None:
            set_device_index(self.prev_idx)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
