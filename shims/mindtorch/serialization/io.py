"""``save`` and ``load``."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from .._array import Storage
from .._device import CPU
from .._dtype import dtype
from . import options
from .archive import ArchiveReader
from .archive_write import ALIGNMENT, ArchiveWriter
from .legacy import is_legacy, load_legacy
from .locations import MapLocation, placer
from .names import StorageType
from .pickling import CheckpointPickler, FullUnpickler, WeightsUnpickler
from .storages import StorageRef

__all__ = ["FILE_LIKE", "MAP_LOCATION", "load", "save"]

FILE_LIKE = str | os.PathLike[str] | IO[bytes]
MAP_LOCATION = MapLocation
DEFAULT_PROTOCOL = 2

_FORMAT_VERSION = "1"
_ARCHIVE_VERSION = "3\n"
_TRUE = ("1", "y", "yes", "true")


def save(
    obj: object,
    f: FILE_LIKE,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save ``obj`` to a path or a binary file object in PyTorch's zip format; PyTorch can load the file.

    Tensors that share a storage share it in the file. A path is replaced only when the new file is complete.
    Raises NotImplementedError for the format before PyTorch 1.6 and for pickle modules other than ``pickle``,
    AttributeError when ``f`` is neither a path nor a file object.
    """
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "torch.save(_use_new_zipfile_serialization=False) is not supported: PyTorch reads zip since 1.6"
        )
    if pickle_protocol < 2:
        raise ValueError(f"torch.save needs a pickle protocol of 2 or higher, but got {pickle_protocol}")
    if pickle_module is not pickle and getattr(pickle_module, "Pickler", None) is not pickle.Pickler:
        raise NotImplementedError(
            f"torch.save with pickle_module={pickle_module.__name__} is not supported: use pickle"
        )
    buffer = io.BytesIO()
    pickler = CheckpointPickler(buffer, pickle_protocol)
    pickler.dump(obj)
    with _opened_for_writing(f) as (stream, name):
        writer = ArchiveWriter(stream, name, options.get_crc32_options())
        writer.write("data.pkl", buffer.getbuffer())
        writer.write(".format_version", _FORMAT_VERSION.encode())
        writer.write(".storage_alignment", str(ALIGNMENT).encode())
        if not _disable_byteorder_record:
            writer.write("byteorder", b"little")
        for key, storage in pickler.storages.items():
            if options.skipping():
                writer.write_space(f"data/{key}", storage.nbytes)
            else:
                writer.write(f"data/{key}", storage.data)
        writer.write("version", _ARCHIVE_VERSION.encode())
        writer.close()


def load(
    f: FILE_LIKE,
    map_location: MAP_LOCATION = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load what ``save`` here or in PyTorch has written.

    ``weights_only`` (the default) reads tensors, containers and numbers, and of other things only what
    ``add_safe_globals`` allows; ``weights_only=False`` runs any code that the file names. ``mmap=True`` maps the file
    instead of reading it (paths only; changes are not written back). ``map_location`` as in ``locations.placer``.
    Files in the format before PyTorch 1.6 are read, too (not mapped). Raises pickle.UnpicklingError for refused
    content, RuntimeError for damaged files, ValueError for contradicting arguments.
    """
    weights_only = _weights_only(weights_only, pickle_module)
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file name in order to use the mmap argument")
    unpickler_type: Callable[..., Any] = WeightsUnpickler if weights_only else FullUnpickler
    pickle_load_args.setdefault("encoding", "utf-8")
    place = placer(map_location)
    with _opened_for_reading(f) as (stream, label), _refusals(label, weights_only):
        if is_legacy(stream):
            if mmap:
                raise RuntimeError(
                    f"{label}: mmap can only be used with files saved with "
                    "torch.save(_use_new_zipfile_serialization=True); this one is in the format before PyTorch 1.6"
                )
            return load_legacy(stream, label, lambda make: unpickler_type(stream, make, **pickle_load_args), place)
        reader = ArchiveReader(stream, label)
        if "constants.pkl" in reader:
            raise RuntimeError(f"{label}: a TorchScript archive; mindtorch has no torch.jit.load")
        load_storage = _storage_loader(reader, place, os.fspath(f) if mmap else None, _is_swapped(reader, label))
        return unpickler_type(io.BytesIO(reader.read("data.pkl")), load_storage, **pickle_load_args).load()


@contextmanager
def _refusals(label: str, weights_only: bool) -> Iterator[None]:
    """Errors of the unpickler name the file, and the ways out."""
    try:
        yield
    except pickle.UnpicklingError as error:
        if not weights_only:
            raise pickle.UnpicklingError(f"{label}: {error}") from None
        raise pickle.UnpicklingError(
            f"{label}: Weights only load failed. If you trust the source of the file, load it with weights_only=False, "
            f"which runs whatever code it names. WeightsUnpickler error: {error}"
        ) from None


def _is_swapped(reader: ArchiveReader, label: str) -> bool:
    """Whether the numbers are big-endian. Raises ValueError when the file says something else."""
    if "byteorder" not in reader:
        return options.get_default_load_endianness() == options.LoadEndianness.BIG
    order = reader.read("byteorder").decode("ascii", "replace")
    if order not in ("little", "big"):
        raise ValueError(f"{label}: Unknown endianness type: {order}")
    return order == "big"


def _swapped(data: np.ndarray, d: dtype | None) -> np.ndarray:
    """Bytes of numbers in the other order. Raises NotImplementedError when their size is not known."""
    if d is None:
        raise NotImplementedError(
            "a big-endian checkpoint with storages without a dtype (of uint16, uint32, uint64, float8) is not supported"
        )
    size = d.itemsize // 2 if d.is_complex else d.itemsize
    return np.ascontiguousarray(data.reshape(-1, size)[:, ::-1]).reshape(-1)


def _weights_only(weights_only: bool | None, pickle_module: Any) -> bool:
    """The mode; PyTorch's environment variables override it."""
    if pickle_module is not None and pickle_module is not pickle:
        raise NotImplementedError(
            f"torch.load with pickle_module={pickle_module.__name__} is not supported: use pickle"
        )
    force_on = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    force_off = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    if force_on and force_off:
        raise RuntimeError(
            "only one of TORCH_FORCE_WEIGHTS_ONLY_LOAD and TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD may be set, but both are"
        )
    if force_on:
        return True
    if weights_only is None:
        return not force_off and pickle_module is None
    return weights_only


def _storage_loader(
    reader: ArchiveReader, place: Callable[[Storage, str], None], mapped: str | None, swap: bool
) -> Callable[[StorageType, str, str, int], StorageRef]:
    """Reads each storage of the archive once; later references to its key share it."""
    loaded: dict[str, Storage] = {}

    def load_storage(kind: StorageType, key: str, location: str, numel: int) -> StorageRef:
        storage = loaded.get(key)
        if storage is None:
            record = f"data/{key}"
            data: np.ndarray
            if options.skipping():
                data = np.empty(reader.size(record), np.uint8)
            else:
                data = reader.read_array(record) if mapped is None else reader.map_array(record, mapped)
            if swap:
                data = _swapped(data, kind.dtype)
            storage = loaded[key] = Storage(data, CPU)
            place(storage, location)
        item = 1 if kind.dtype is None else kind.dtype.itemsize
        if storage.nbytes < numel * item:
            raise pickle.UnpicklingError(
                f"storage {key} has {storage.nbytes} bytes, but {numel} elements of {kind} need {numel * item}"
            )
        return StorageRef(storage, kind.dtype)

    return load_storage


def _archive_name(path: str) -> str:
    """The folder in the archive: the file's name without its extension, as PyTorch has it."""
    name = os.path.basename(path)
    stem = name.rpartition(".")[0] or name
    return stem if stem.isascii() else "archive"


@contextmanager
def _opened_for_writing(f: FILE_LIKE) -> Iterator[tuple[IO[bytes], str]]:
    if not isinstance(f, (str, os.PathLike)):
        if not hasattr(f, "write"):
            raise AttributeError(
                "expected 'f' to be string, path, or a file-like object with a 'write' attribute, but got "
                f"{type(f).__name__}"
            )
        yield f, "archive"
        return
    path = os.fspath(f)
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe or a device cannot be replaced.
        with open(path, "wb") as stream:
            yield stream, _archive_name(path)
        return
    target = os.path.realpath(path)
    partial = f"{target}.partial-{os.getpid()}"
    try:
        with open(partial, "wb") as stream:
            yield stream, _archive_name(path)
        os.replace(partial, target)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise


@contextmanager
def _opened_for_reading(f: FILE_LIKE) -> Iterator[tuple[IO[bytes], str]]:
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as stream:
            yield stream, os.fspath(f)
        return
    if not hasattr(f, "read") or not hasattr(f, "seek") or not hasattr(f, "tell"):
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only torch.load from a path or a file that "
            "is seekable. Read it into an io.BytesIO first"
        )
    yield f, getattr(f, "name", None) or "the file object"
