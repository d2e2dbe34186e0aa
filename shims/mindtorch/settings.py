"""Process-wide switches."""

from __future__ import annotations

import os


class _Settings:
    deterministic = False
    threads = os.cpu_count() or 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Kernels here are deterministic on the CPU; the switch is remembered."""
    _Settings.deterministic = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` was last told."""
    return _Settings.deterministic


def set_num_threads(n: int) -> None:
    """The number that ``get_num_threads`` answers; MindSpore sizes its own thread pool."""
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _Settings.threads = n


def get_num_threads() -> int:
    """What ``set_num_threads`` was last told, the processor count before."""
    return _Settings.threads
