"""Memory statistics. The CPU's allocator is the operating system's: what it cannot tell is zero."""

from __future__ import annotations

import os
import resource
from collections import OrderedDict
from typing import Any


def memory_allocated(device: Any = None) -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def max_memory_allocated(device: Any = None) -> int:
    """The largest number of resident bytes so far."""
    # The operating system's two counters are not taken at the same moment.
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, memory_allocated())


memory_reserved, max_memory_reserved = memory_allocated, max_memory_allocated


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The statistics that there are, under the names of CUDA's allocator."""
    now, peak = memory_allocated(), max_memory_allocated()
    stats = OrderedDict()
    for kind in ("allocated_bytes", "reserved_bytes", "active_bytes"):
        stats[f"{kind}.all.current"], stats[f"{kind}.all.peak"] = now, peak
    for name in ("allocation.all.current", "num_alloc_retries", "num_ooms"):
        stats[name] = 0
    return stats


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The statistics as text."""
    return "\n".join(f"{name}: {value}" for name, value in memory_stats().items())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the host."""
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")


def empty_cache() -> None:
    """Nothing is cached on a CPU host."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """The operating system's peak cannot be reset."""


reset_max_memory_allocated = reset_peak_memory_stats


def _record_memory_history(*args: Any, **kwargs: Any) -> None:
    raise NotImplementedError("torch.cuda.memory._record_memory_history is not supported by mindtorch")


def _snapshot(device: Any = None) -> dict[str, Any]:
    raise NotImplementedError("torch.cuda.memory._snapshot is not supported by mindtorch")
