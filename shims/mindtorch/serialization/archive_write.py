"""Writing PyTorch's checkpoint archive: the zip file that PyTorch writes, byte for byte.

A zip without compression, times or attributes. Every record's data starts at a multiple of 64 bytes; an extra field
"FB" of the local header is the padding. Sizes and checksum follow the data (if there is any), so nothing is ever
written backwards and any stream with ``write`` will do. A record or position beyond 4 GiB gets zip64 fields.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from hashlib import blake2b
from typing import IO, Any

__all__ = ["ALIGNMENT", "LOCAL_HEADER", "ArchiveWriter"]

ALIGNMENT = 64
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_DIRECTORY_ENTRY = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_UTF8, _SIZES_FOLLOW = 0x0800, 0x0008
_LIMIT = 0xFFFFFFFF
_CHUNK = 64 << 20


class ArchiveWriter:
    """Writes records to a binary stream, each one's data aligned. Close it to write the directory.

    Args:
        stream: where the archive goes, from its present position on. It stays open.
        name: the folder in the archive.
        checked: whether records get their checksum.
    """

    def __init__(self, stream: IO[bytes], name: str, checked: bool = True) -> None:
        self._stream = stream
        self._checked = checked
        self._name = name
        self._position = 0
        self._directory = bytearray()
        self._names: list[str] = []
        self._checksums = bytearray()

    def write(self, record: str, data: Any) -> None:
        """Add a record. ``data`` is bytes or a C-contiguous uint8 array."""
        # A view without elements cannot be cast.
        view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        self._add(record, view.nbytes, (view[at : at + _CHUNK] for at in range(0, view.nbytes, _CHUNK)), self._checked)

    def write_space(self, record: str, size: int) -> None:
        """Add a record of ``size`` zero bytes without a checksum, to be filled in the file later."""
        zeros = memoryview(bytes(min(size, _CHUNK)))
        self._add(record, size, (zeros[: min(_CHUNK, size - at)] for at in range(0, size, _CHUNK)), False)

    def _add(self, record: str, size: int, parts: Iterable[memoryview], checked: bool) -> None:
        name, start = f"{self._name}/{record}".encode(), self._position
        extra = _zip64(size, start, size)
        begin = start + LOCAL_HEADER.size + len(name) + len(extra) + 4
        padding = -begin % ALIGNMENT
        # PyTorch leaves the stored size open here; the directory has it.
        padded = _zip64(size, start, 0) + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        flags = _UTF8 | _SIZES_FOLLOW if size else _UTF8
        self._put(LOCAL_HEADER.pack(b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(name), len(padded)) + name + padded)
        checksum = 0
        for part in parts:
            checksum = zlib.crc32(part, checksum) if checked else 0
            self._put(part)
        if size:
            self._put(struct.pack("<4sIQQ" if extra else "<4sIII", b"PK\7\10", checksum, size, size))
        short, position = min(size, _LIMIT), min(start, _LIMIT)
        self._directory += _DIRECTORY_ENTRY.pack(
            b"PK\1\2", 0, 0, flags, 0, 0, 0, checksum, short, short, len(name), len(extra), 0, 0, 0, 0, position
        )
        self._directory += name + extra
        self._names.append(record)
        self._checksums += checksum.to_bytes(4, "little")

    def close(self) -> None:
        """Write the archive's identity and the zip's directory. The stream stays open."""
        self.write(".data/serialization_id", self._identity())
        count, size, start = len(self._names), len(self._directory), self._position
        self._put(self._directory)
        end64 = self._position
        self._put(_END64.pack(b"PK\6\6", 44, 0x031E, 45, 0, 0, count, count, size, start))
        self._put(_LOCATOR.pack(b"PK\6\7", 0, end64, 1))
        short = min(count, 0xFFFF)
        self._put(_END.pack(b"PK\5\6", 0, 0, short, short, min(size, _LIMIT), min(start, _LIMIT), 0))

    def _put(self, data: Any) -> None:
        self._stream.write(data)
        self._position += len(data)

    def _identity(self) -> bytes:
        """40 digits by which a reader recognises a file: a hash of the records' names, and one of their checksums.

        PyTorch's hashes are others (they come from a C++ hash table's order); nothing compares them.
        """
        return b"".join(_digits(part) for part in ("/".join(self._names).encode(), bytes(self._checksums)))


def _zip64(size: int, start: int, stored: int) -> bytes:
    """The extra field with what does not fit into 32 bits; empty if all does."""
    values = ([size, stored] if size >= _LIMIT else []) + ([start] if start >= _LIMIT else [])
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _digits(data: bytes) -> bytes:
    """A hash as 20 decimal digits."""
    return b"%020d" % int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
