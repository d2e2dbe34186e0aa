"""Reading PyTorch's checkpoint archive: an uncompressed zip whose records start at multiples of 64 bytes.

Below tensors and pickles: records are a name and bytes. All records lie in one folder, named after the file:
``<name>/data.pkl``, ``<name>/data/0`` ... , ``<name>/version``, ``<name>/byteorder``, ``<name>/.format_version``,
``<name>/.storage_alignment``, ``<name>/.data/serialization_id``.
"""

from __future__ import annotations

import mmap
import os
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from . import options
from .archive_write import LOCAL_HEADER

__all__ = ["ArchiveReader"]



class ArchiveReader:
    """Reads records of an archive from a seekable binary file object.

    Raises RuntimeError, in one line that begins with ``label``, when the file is no archive or not a whole one.
    """

    def __init__(self, stream: IO[bytes], label: str) -> None:
        self._stream = stream
        self._label = label
        try:
            self._zip = zipfile.ZipFile(stream)
        except zipfile.BadZipFile as error:
            raise RuntimeError(
                f"{label}: not a complete PyTorch checkpoint ({error}); the file may be truncated"
            ) from error
        self._records = {info.filename: info for info in self._zip.infolist()}
        first = next(iter(self._records), "")
        folder, slash, _ = first.partition("/")
        if not slash:
            raise RuntimeError(f"{label}: a zip file, but not a PyTorch checkpoint (no archive folder in it)")
        self._folder = folder

    def __contains__(self, record: str) -> bool:
        return f"{self._folder}/{record}" in self._records

    def read(self, record: str) -> bytes:
        """The bytes of a small record."""
        return self.read_array(record).tobytes()

    def read_array(self, record: str) -> np.ndarray:
        """A record as a new, writable uint8 array, its checksum verified."""
        info = self._info(record)
        data = np.empty(info.file_size, np.uint8)
        self._stream.seek(self._data_offset(info))
        if self._read_into(memoryview(data)) != info.file_size:
            raise RuntimeError(f"{self._label}: record {record} ends early; the file is truncated")
        # Without a checksum: torch.serialization.set_crc32_options(False), or space that skip_data left.
        if info.CRC and zlib.crc32(data) != info.CRC:
            raise RuntimeError(f"{self._label}: record {record} is damaged (its checksum does not match)")
        return data

    def map_array(self, record: str, path: str | os.PathLike[str]) -> np.ndarray:
        """A record as a memory map of the file at ``path``; pages are read when they are touched.

        Writing changes a copy, unless ``set_default_mmap_options`` says otherwise.
        """
        info = self._info(record)
        if not info.file_size:
            return np.empty(0, np.uint8)
        mode: Any = "r+" if options.default_mmap == mmap.MAP_SHARED else "c"
        return np.memmap(path, np.uint8, mode, self._data_offset(info), (info.file_size,)).view(np.ndarray)

    def size(self, record: str) -> int:
        """The length of a record in bytes."""
        return self._info(record).file_size

    def _info(self, record: str) -> zipfile.ZipInfo:
        info = self._records.get(f"{self._folder}/{record}")
        if info is None:
            raise RuntimeError(f"{self._label}: the checkpoint has no record {record}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise RuntimeError(f"{self._label}: record {record} is compressed; PyTorch checkpoints are not")
        return info

    def _data_offset(self, info: zipfile.ZipInfo) -> int:
        # The local header's extra field (the padding) is not the one in the directory, so its length is read here.
        self._stream.seek(info.header_offset)
        header = self._stream.read(LOCAL_HEADER.size)
        if len(header) != LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise RuntimeError(f"{self._label}: the zip directory points outside of the records; the file is damaged")
        *_, name_length, extra_length = LOCAL_HEADER.unpack(header)
        return info.header_offset + LOCAL_HEADER.size + name_length + extra_length

    def _read_into(self, target: memoryview) -> int:
        if hasattr(self._stream, "readinto"):
            done = 0
            while done < len(target):
                count = self._stream.readinto(target[done:])
                if not count:
                    break
                done += count
            return done
        data = self._stream.read(len(target))
        target[: len(data)] = data
        return len(data)
