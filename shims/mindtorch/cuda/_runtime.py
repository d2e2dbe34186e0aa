"""MindSpore's runtime of the device, where the process has one."""

from __future__ import annotations

from typing import Any

from .. import _device as devices


def runtime() -> Any:
    """``mindspore.runtime`` on a host with an NPU; None where CPU kernels stand in for one."""
    if not devices.has_npu():
        return None
    from mindspore import runtime

    return runtime


def properties() -> Any:
    """Name, total_memory and free_memory (bytes) of the process's NPU."""
    from mindspore import hal

    return hal.get_device_properties(0)
