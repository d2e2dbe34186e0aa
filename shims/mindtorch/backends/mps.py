"""``torch.backends.mps``: Apple's devices, which are not there."""

from __future__ import annotations

__all__ = ["is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_built() -> bool:
    """Whether there is code for these devices: no."""
    return False


def is_available() -> bool:
    """Whether there is such a device: no."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """RuntimeError: only hosts with such a device tell."""
    raise RuntimeError("Cannot execute isOnMacOSorNewer() without MPS backend.")


def is_macos13_or_newer(minor: int = 0) -> bool:
    """RuntimeError: only hosts with such a device tell."""
    return is_macos_or_newer(13, minor)
