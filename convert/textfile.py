"""A text with its encoding and line ends, exactly as it stands in a file.

Nothing here normalises anything: the text has the line ends that the bytes have, and gives the same bytes back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from .edits import Edit, Left, Piece
from .errors import SourceError

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class TextFile:
    """Decoded text: ``text`` is without the byte order mark, ``bom`` tells whether there was one."""

    text: str
    encoding: str = "utf-8"
    bom: bool = False

    @classmethod
    def from_bytes(cls, raw: bytes) -> TextFile:
        """Decode UTF-8. Raises :class:`SourceError` with the line for anything else."""
        body = raw.removeprefix(BOM)
        try:
            return cls(body.decode(), bom=raw.startswith(BOM))
        except UnicodeDecodeError as error:
            raise not_valid(error, body) from error

    def to_bytes(self, text: str) -> bytes:
        """Encode ``text`` the way this file was encoded."""
        return (BOM if self.bom else b"") + text.encode(self.encoding)

    @cached_property
    def line_starts(self) -> list[int]:
        """Index into ``text`` of the start of each line."""
        if "\r" in self.text:
            return [0, *(match.end() for match in LINE_END.finditer(self.text))]
        # The usual case, three times as fast.
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n")[:-1])]

    @cached_property
    def line_end(self) -> str:
        """What ends the first line, and so what an added line shall end with."""
        match = LINE_END.search(self.text)
        return match.group() if match else "\n"

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column (both from 1, columns in characters) of an index into ``text``."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def edit(self, rule: str, start: int, end: int, *pieces: Piece, yields: bool = False) -> Edit:
        """An edit of ``text[start:end]``."""
        line, column = self.line_column(start)
        return Edit(rule, line, column, start, end, pieces, yields)

    def left(self, rule: str, start: int, end: int, reason: str) -> Left:
        """What stays at ``text[start:end]``, and why."""
        return Left(reason, self.line_column(start)[0], rule, self.text[start:end])


def not_valid(error: UnicodeDecodeError, body: bytes) -> SourceError:
    """The error for bytes that are not in the encoding that they should be in."""
    line = len(LINE_END.findall(body[: error.start].decode("latin-1"))) + 1
    return SourceError(f"not valid {error.encoding}: byte 0x{body[error.start]:02x}", line)
