"""``torch.cuda``: the MindSpore device under CUDA's name (``torch.npu`` is this module, too).

On a CPU host it is there when MINDTORCH_CUDA_ALIAS=1 is set: a device for each local process, served by the CPU
kernels, whose streams are synchronous. Without it ``is_available()`` is False, as in PyTorch's CPU build.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from .. import _device as devices
from .._support import missing_attribute
from ..types import NAMES, legacy_type
from . import amp, graphs, memory, nvtx, random
from ._runtime import properties, runtime
from .graphs import CUDAGraph, graph, graph_pool_handle, is_current_stream_capturing, make_graphed_callables
from .memory import (
    MemPool,
    caching_allocator_alloc,
    caching_allocator_delete,
    change_current_allocator,
    empty_cache,
    get_allocator_backend,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .npu_options import (
    check_uce_in_memory,
    config,
    restart_device,
    set_compile_mode,
    set_option,
    stop_device,
)
from .random import (
    default_generators,
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import Event, ExternalStream, Stream, current_stream, default_stream, set_stream, stream
from .telemetry import (
    clock_rate,
    cudart,
    current_blas_handle,
    device_memory_used,
    list_gpu_processes,
    memory_usage,
    power_draw,
    temperature,
    utilization,
)

for _name, _dtype in NAMES.items():
    globals()[_name] = legacy_type(_name, _dtype, "cuda")


def is_available() -> bool:
    """Whether the MindSpore device exists under the name 'cuda'."""
    return devices.cuda_alias()


def device_count() -> int:
    """0 where there is no device, else one for each process that the launcher started on this host."""
    return devices.device_count()


def _require() -> None:
    if not is_available():
        raise RuntimeError(
            "torch.cuda is not available on this host: set MINDTORCH_CUDA_ALIAS=1 to let the CPU kernels serve it"
        )


def init() -> None:
    """Raises RuntimeError where the device is not available."""
    _require()


_lazy_init = init


def is_initialized() -> bool:
    return is_available()


def _lazy_call(callable: Callable[[], Any], **kwargs: Any) -> None:
    callable()


def _index(device: Any) -> int:
    if device is None:
        return devices.current_index()
    if isinstance(device, int):
        return device
    d = devices.device(device)
    return devices.current_index() if d.index is None else d.index


def current_device() -> int:
    """The index of the current device."""
    _require()
    return devices.current_index()


def set_device(device: Any) -> None:
    """Make a device current; a negative index changes nothing. Raises RuntimeError for one that does not exist."""
    _require()
    index = _index(device)
    if index >= 0:
        devices.set_current_index(index)


class device(contextlib.AbstractContextManager):  # type: ignore[type-arg]
    """Context manager: another current device; None and negative indices change nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else _index(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = devices.current_index()
            set_device(self.idx)

    def __exit__(self, *exc: Any) -> None:
        if self.prev_idx >= 0:
            devices.set_current_index(self.prev_idx)


@contextlib.contextmanager
def device_of(obj: Any) -> Iterator[None]:
    """The device of a tensor as the current one."""
    with device(obj.get_device() if obj.is_cuda else None):
        yield


def synchronize(device: Any = None) -> None:
    """Wait for all kernels: on a CPU host each has been waited for."""
    _require()
    if (of := runtime()) is not None:
        of.synchronize()


class _DeviceProperties:
    """What is known of the device, or of the CPU host that stands in for one."""

    def __init__(self) -> None:
        self.major, self.minor = 8, 0
        if runtime() is not None:  # MindSpore does not tell how many processors there are
            found = properties()
            self.name, self.total_memory = found.name, found.total_memory
        else:
            self.name = "MindSpore CPU"
            self.total_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            self.multi_processor_count = os.cpu_count() or 1
        self.warp_size = 32
        self.gcnArchName = ""

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // (1 << 20)}MB)"
        )


def get_device_properties(device: Any = None) -> _DeviceProperties:
    """Name, memory and processor count; compute capability 8.0 for code that asks for one.

    Raises AssertionError for a device that does not exist.
    """
    _require()
    if not 0 <= _index(device) < device_count():
        raise AssertionError("Invalid device id")
    return _DeviceProperties()


def get_device_name(device: Any = None) -> str:
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    properties = get_device_properties(device)
    return properties.major, properties.minor


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """bfloat16 is computed in float32 and rounded."""
    return True


def is_tf32_supported() -> bool:
    """There is no such format here."""
    return False


def get_arch_list() -> list[str]:
    """No CUDA architectures."""
    return []


def get_sync_debug_mode() -> int:
    """0: waiting for the device is never reported."""
    return 0


has_half, has_magma = True, False


def ipc_collect() -> None:
    """No memory is shared with other processes."""


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    return False


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
