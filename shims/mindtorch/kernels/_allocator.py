"""Keeping the memory of large arrays for the next ones.

glibc gives large blocks back to the system as soon as they are free, and the system hands out pages filled with zeros,
one fault after the other: a training step, which makes and drops the same large arrays again and again, spent a tenth
of its time there. So blocks of any size stay in the process (its peak is what it was). MINDTORCH_KEEP_MEMORY=0 leaves
the allocator alone, and so does a user's own MALLOC_... or GLIBC_TUNABLES setting.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
_LARGE = 1 << 30


def keep_memory() -> bool:
    """Tell the C library; whether it is one that can be told."""
    if os.environ.get("MINDTORCH_KEEP_MEMORY") == "0" or "malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    if any(name.startswith("MALLOC_") and name.endswith("_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl, macOS
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE) and mallopt(_M_TRIM_THRESHOLD, _LARGE))
