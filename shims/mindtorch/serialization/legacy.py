"""Reading the format before PyTorch 1.6: pickles one after the other, then the storages' bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from .._array import Storage
from .._device import CPU
from .names import StorageType
from .storages import StorageRef

__all__ = ["is_legacy", "load_legacy"]

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_START = pickle.dumps(_MAGIC, 2)


def is_legacy(stream: IO[bytes]) -> bool:
    """Whether a pickle of the format's magic number comes next. The stream stays where it is."""
    position = stream.tell()
    start = stream.read(len(_START))
    stream.seek(position)
    return start == _START


def load_legacy(
    stream: IO[bytes], label: str, unpickler: Callable[[Any], Any], place: Callable[[Storage, str], None]
) -> Any:
    """The object in the stream.

    Args:
        stream: at the file's beginning.
        label: what messages call it.
        unpickler: makes the unpickler of the stream, given the function that makes storages.
        place: puts a storage where it is wanted.

    Raises:
        RuntimeError: not this format's version, or the file ends early.
        NotImplementedError: big-endian data, or views of storages, which PyTorch wrote before 0.4.
    """
    storages: dict[str, tuple[Storage, int]] = {}

    def make(kind: StorageType, key: str, location: str, numel: int, view: Any = None) -> StorageRef:
        if view is not None:
            raise NotImplementedError(f"{label}: views of storages, of PyTorch before 0.4, are not supported")
        if key not in storages:
            item = 1 if kind.dtype is None else kind.dtype.itemsize
            storage = Storage(np.zeros(numel * item, np.uint8), CPU)
            storages[key] = storage, item
            place(storage, location)
        return StorageRef(storages[key][0], kind.dtype)

    def refuse(*pid: Any) -> Any:
        raise pickle.UnpicklingError(f"{label}: a storage where none can be")

    try:
        header = [unpickler(refuse).load() for _ in range(3)]
        magic, protocol, system = header
        if magic != _MAGIC or protocol != _PROTOCOL:
            raise RuntimeError(f"{label}: invalid magic number or protocol version {protocol}; the file is corrupt")
        if not system.get("little_endian", True):
            raise NotImplementedError(f"{label}: in the old format of a big-endian machine, which is not supported")
        result = unpickler(make).load()
        keys = unpickler(refuse).load()
    except EOFError as error:
        raise RuntimeError(f"{label}: ends early; the file is truncated") from error
    if not isinstance(keys, list) or set(keys) != set(storages):
        raise RuntimeError(f"{label}: the list of storages does not match; the file is corrupt")
    for key in keys:
        storage, item = storages[key]
        length = stream.read(8)
        if len(length) != 8 or int.from_bytes(length, "little") * item != storage.nbytes:
            raise RuntimeError(f"{label}: storage {key} has another size than the pickle says; the file is corrupt")
        data = stream.read(storage.nbytes)
        if len(data) != storage.nbytes:
            raise RuntimeError(f"{label}: storage {key} ends early; the file is truncated")
        storage.data[:] = np.frombuffer(data, np.uint8)
    return result
