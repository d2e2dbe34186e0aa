"""Process-wide switches."""

from __future__ import annotations

import os


def _threads_at_start() -> int:
    """OMP_NUM_THREADS or MKL_NUM_THREADS, as PyTorch reads them; else one for each processor this process may use."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        given = os.environ.get(name, "").partition(",")[0].strip()
        if given.isdecimal() and int(given) > 0:
            return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Settings:
    deterministic = False
    threads = _threads_at_start()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Kernels here are deterministic on the CPU; the switch is remembered."""
    _Settings.deterministic = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` was last told."""
    return _Settings.deterministic


def set_num_threads(n: int) -> None:
    """How many threads share a large operand in NumPy's kernels; MindSpore and BLAS size their own pools."""
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _Settings.threads = n


def get_num_threads() -> int:
    """What ``set_num_threads`` was last told; before that, what the environment says, or the processor count."""
    return _Settings.threads
