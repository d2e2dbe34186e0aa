"""How ``save`` and ``load`` work, for the whole process or for a ``with`` block (``torch.serialization``)."""

from __future__ import annotations

import mmap
from contextvars import ContextVar, Token
from enum import Enum
from typing import Any

__all__ = [
    "LoadEndianness", "get_crc32_options", "get_default_load_endianness", "get_default_mmap_options",
    "set_crc32_options", "set_default_load_endianness", "set_default_mmap_options", "skip_data", "skipping",
]  # fmt: skip

crc32 = True
"""Whether records are written with their checksums."""
default_mmap = mmap.MAP_PRIVATE
"""How files are mapped."""
_endianness: LoadEndianness | None = None
_skip: ContextVar[bool] = ContextVar("mindtorch_skip_data", default=False)


class LoadEndianness(Enum):
    """The order of bytes of files that do not say it."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_crc32_options() -> bool:
    """Whether ``save`` writes checksums."""
    return crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether ``save`` writes checksums: without them it is faster, and damage is not noticed."""
    global crc32
    crc32 = bool(compute_crc32)


def get_default_load_endianness() -> LoadEndianness | None:
    """The order of bytes of files that do not say it; None: little-endian."""
    return _endianness


def set_default_load_endianness(endianness: LoadEndianness) -> None:
    """Set the order of bytes of files that do not say it. Raises TypeError for anything but a LoadEndianness."""
    global _endianness
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _endianness = endianness


def get_default_mmap_options() -> int:
    """How ``load(mmap=True)`` maps: ``mmap.MAP_PRIVATE`` (the default) or ``mmap.MAP_SHARED``."""
    return default_mmap


class set_default_mmap_options:
    """Set how ``load(mmap=True)`` maps, also for a ``with`` block only.

    ``mmap.MAP_SHARED`` writes changes of the tensors into the file; ``mmap.MAP_PRIVATE`` does not. Raises ValueError
    for other flags.
    """

    def __init__(self, flags: int) -> None:
        global default_mmap
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                f"Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                f"mmap.MAP_SHARED, but got {flags}"
            )
        self.prev, default_mmap = default_mmap, flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        global default_mmap
        default_mmap = self.prev


class skip_data:
    """Context manager: ``save`` leaves space for the tensors' data, and ``load`` does not read it.

    Raises NotImplementedError for ``materialize_fake_tensors=True``: there are no fake tensors here.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        if materialize_fake_tensors:
            raise NotImplementedError("torch.serialization.skip_data(materialize_fake_tensors=True) is not supported")
        self.materialize_fake_tensors = materialize_fake_tensors
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(_skip.set(True))

    def __exit__(self, *exc: Any) -> None:
        _skip.reset(self._tokens.pop())


def skipping() -> bool:
    """Whether a ``skip_data`` block is open."""
    return _skip.get()
