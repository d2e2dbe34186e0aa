"""Python source as text, with what is needed to give back exactly the same bytes.

Python decides the encoding of a file by its byte order mark or by a coding cookie in the first two lines (PEP 263),
and ends a line at ``\\n``, ``\\r\\n`` or a lone ``\\r``.
"""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..edits import Span
from ..errors import SourceError
from ..textfile import BOM, TextFile, not_valid

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class SourceFile(TextFile):
    """Decoded Python source. ``moved`` has the spans of nodes whose own positions are wrong (see :mod:`.fstrings`)."""

    moved: dict[ast.AST, Span] = field(default_factory=dict, compare=False)

    @classmethod
    def from_bytes(cls, raw: bytes) -> SourceFile:
        """Decode ``raw`` as Python would.

        Raises :class:`SourceError` for an unknown or wrong encoding, and for an encoding that does not give the same
        bytes back (stateful ones may not).
        """
        body = raw.removeprefix(BOM)
        try:
            encoding, _ = tokenize.detect_encoding(_head_lines(raw).__next__)
            encoding = "utf-8" if encoding == "utf-8-sig" else encoding
            source = cls(body.decode(encoding), encoding, raw.startswith(BOM))
        except SyntaxError as error:
            raise SourceError(str(error)) from error
        except UnicodeDecodeError as error:
            raise not_valid(error, body) from error
        if source.to_bytes(source.text) != raw:
            raise SourceError(f"encoding {encoding} does not give the same bytes back")
        return source

    def parse(self) -> ast.Module:
        """The syntax tree of the text. Raises :class:`SourceError` with the line for text that is not Python."""
        return parse(self.text)

    def offset(self, line: int, column: int) -> int:
        """Index into ``text`` of a position of the ``ast`` module (line from 1, column in UTF-8 bytes from 0)."""
        start = self.line_starts[line - 1]
        ahead = self.text[start : start + column]
        if ahead.isascii():
            return start + column
        return start + len(ahead.encode()[:column].decode())

    def span(self, node: ast.AST) -> Span:
        """Start and end of ``node``, one that has a position, in ``text``."""
        if node in self.moved:
            return self.moved[node]
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return Span(start, self.offset(node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]


def parse(text: str) -> ast.Module:
    """``ast.parse`` that is quiet about warnings and turns each way to fail into :class:`SourceError`."""
    with _reasons(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def check_compiles(text: str) -> None:
    """Raise :class:`SourceError` unless Python can compile ``text``."""
    with _reasons(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "<converted>", "exec", dont_inherit=True)


class _reasons:
    """Context manager: what the parser and the compiler raise, as :class:`SourceError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SyntaxError):
            raise SourceError(error.msg, error.lineno) from error
        if isinstance(error, ValueError):  # NUL bytes, before Python 3.12; lone surrogates
            raise SourceError(str(error)) from error
        if isinstance(error, (RecursionError, MemoryError)):
            raise SourceError("nested too deeply for Python's parser") from error


def _head_lines(raw: bytes) -> Iterator[bytes]:
    """The lines of ``raw``, as :func:`tokenize.detect_encoding` reads them; a lone carriage return ends a line too."""
    position = 0
    while position < len(raw):
        match = _LINE.match(raw, position)
        assert match is not None
        position = match.end()
        # detect_encoding looks for a line end of \n only when it decides whether the cookie line is a comment.
        yield match.group().rstrip(b"\r\n") + b"\n"
