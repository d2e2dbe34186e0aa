"""Memory statistics: those of MindSpore's allocator on a device; on a CPU host those of the operating system, and
what it cannot tell is zero."""

from __future__ import annotations

import os
import resource
from collections import OrderedDict
from typing import Any

from .._unsupported import unsupported, unsupported_function
from ._runtime import properties, runtime


def memory_allocated(device: Any = None) -> int:
    """Bytes of the device that tensors hold; on a CPU host the resident bytes of this process."""
    if (of := runtime()) is not None:
        return of.memory_allocated()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def max_memory_allocated(device: Any = None) -> int:
    """The largest number of such bytes so far."""
    if (of := runtime()) is not None:
        return of.max_memory_allocated()
    # The operating system's two counters are not taken at the same moment.
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, memory_allocated())


def memory_reserved(device: Any = None) -> int:
    """Bytes of the device that the allocator holds; on a CPU host the resident bytes of this process."""
    of = runtime()
    return memory_allocated() if of is None else of.memory_reserved()


def max_memory_reserved(device: Any = None) -> int:
    """The largest number of such bytes so far."""
    of = runtime()
    return max_memory_allocated() if of is None else of.max_memory_reserved()


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The statistics that there are, under the names of CUDA's allocator."""
    allocated = memory_allocated(), max_memory_allocated()
    reserved = memory_reserved(), max_memory_reserved()
    stats = OrderedDict()
    for kind, (now, peak) in {
        "allocated_bytes": allocated, "reserved_bytes": reserved, "active_bytes": allocated
    }.items():  # fmt: skip
        stats[f"{kind}.all.current"], stats[f"{kind}.all.peak"] = now, peak
    for name in ("allocation.all.current", "num_alloc_retries", "num_ooms"):
        stats[name] = 0
    return stats


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The statistics as text."""
    return "\n".join(f"{name}: {value}" for name, value in memory_stats().items())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the device; on a CPU host those of its memory."""
    if runtime() is not None:
        found = properties()
        return found.free_memory, found.total_memory
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")


def empty_cache() -> None:
    """Give memory that no tensor holds back to the device. Nothing is cached on a CPU host."""
    if (of := runtime()) is not None:
        of.empty_cache()


def reset_peak_memory_stats(device: Any = None) -> None:
    """The largest numbers count from here on. The operating system's peak cannot be reset."""
    if (of := runtime()) is not None:
        of.reset_peak_memory_stats()


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def _record_memory_history(*args: Any, **kwargs: Any) -> None:
    raise NotImplementedError("torch.cuda.memory._record_memory_history is not supported by mindtorch")


def _snapshot(device: Any = None) -> dict[str, Any]:
    raise NotImplementedError("torch.cuda.memory._snapshot is not supported by mindtorch")


def get_allocator_backend() -> str:
    """The allocator is MindSpore's."""
    return "native"


_HINT = "MindSpore's allocator decides; see mindspore.runtime.set_memory"
MemPool = unsupported("torch.cuda.MemPool", _HINT)
CUDAPluggableAllocator = unsupported("torch.cuda.memory.CUDAPluggableAllocator", _HINT)
NPUPluggableAllocator = unsupported("torch.npu.memory.NPUPluggableAllocator", _HINT)
change_current_allocator = unsupported_function("torch.cuda.memory.change_current_allocator", _HINT)
set_per_process_memory_fraction = unsupported_function("torch.cuda.set_per_process_memory_fraction", _HINT)
caching_allocator_alloc = unsupported_function("torch.cuda.caching_allocator_alloc", _HINT)
caching_allocator_delete = unsupported_function("torch.cuda.caching_allocator_delete", _HINT)
memory_snapshot = unsupported_function("torch.cuda.memory_snapshot", "the allocator keeps no history")
_dump_snapshot = unsupported_function("torch.cuda.memory._dump_snapshot", "the allocator keeps no history")
reset_accumulated_memory_stats = unsupported_function(
    "torch.cuda.reset_accumulated_memory_stats", "no sums over time are kept"
)
