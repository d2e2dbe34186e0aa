"""A Jupyter notebook as text: where the source of each cell stands in the JSON, and how an edit of it is spelled there.

A source is one JSON string or an array of strings, by habit one a line. Nothing is written back but the strings that
an edit touches, in the way that this notebook spells strings, so that outputs, metadata and layout stay as they are.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..edits import Edit, Piece, Span
from ..errors import SourceError
from ..textfile import TextFile

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
# What one character of the decoded text is in the JSON: a pair of surrogates, an escape, or itself.
_CHARACTER = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]", re.DOTALL)
_ESCAPED_LETTER = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Member(NamedTuple):
    """A value in an object or array, with its key (None in an array) and where it stands in the text."""

    key: str | None
    value: Any
    span: Span


@dataclass(frozen=True)
class JsonString:
    """One string of a source: ``raw`` stands between the quotes, at ``span``; ``start`` is its place in the source."""

    span: Span
    raw: str
    start: int
    value: str

    @cached_property
    def _offsets(self) -> list[int]:
        return [match.start() for match in _CHARACTER.finditer(self.raw)]

    def offset(self, index: int) -> int:
        """Index into ``raw`` of a character of ``value``, or of the end of it."""
        if len(self.raw) == len(self.value):
            return index
        return self._offsets[index] if index < len(self.value) else len(self.raw)


@dataclass(frozen=True, eq=False)
class Cell:
    """A code cell. ``number`` counts all cells of the notebook from 1; ``array`` tells how the source is spelled."""

    number: int
    strings: tuple[JsonString, ...]
    array: bool

    @cached_property
    def source(self) -> str:
        """The decoded text of the cell."""
        return "".join(string.value for string in self.strings)


@dataclass(frozen=True, eq=False)
class Notebook:
    """The code cells of the notebook in ``file``, all of them in ``language`` (in lower case)."""

    file: TextFile
    cells: tuple[Cell, ...]
    language: str

    @cached_property
    def ascii_only(self) -> bool:
        """Whether this notebook escapes what is not ASCII."""
        return not _NOT_ASCII.search(self.file.text) and bool(_ESCAPED_LETTER.search(self.file.text))

    @cached_property
    def between(self) -> str:
        """What stands between two strings of an array, their quotes included."""
        for cell in self.cells:
            for first, second in zip(cell.strings, cell.strings[1:], strict=False):
                return self.file.text[first.span.end : second.span.start]
        for cell in self.cells:
            if cell.array and cell.strings:
                start = cell.strings[0].span.start - 1
                before = self.file.text[:start]
                return '",' + before[len(before.rstrip(" \t\r\n")) :] + '"'
        return '", "'

    def position(self, cell: Cell, index: int, *, end: bool = False) -> int:
        """Where ``index`` into the source of ``cell`` stands in the text of the file.

        Between two strings that is the start of the second; with ``end``, the end of the first.
        """
        starts = [string.start for string in cell.strings]
        found = bisect_left(starts, index) if end else bisect_right(starts, index)
        string = cell.strings[max(found - 1, 0)]
        return string.span.start + string.offset(index - string.start)

    def edit(self, edit: Edit, cell: Cell, shift: int, *, alone: bool) -> Edit:
        """The edit of the file that makes ``edit``, whose indices are those of the cell's source plus ``shift``.

        ``alone``: no other edit touches the same place, so that the edit may be narrowed to the lines that change, and
        strings that it would leave empty, or without the end of their line, may be joined with their neighbours.
        """
        start, end, pieces = edit.start - shift, edit.end - shift, list(edit.pieces)
        if alone and len(pieces) == 1 and isinstance(pieces[0], str):
            start, end, pieces[0] = _narrowed(cell.source, start, end, pieces[0])
        first = self.position(cell, start)
        last = first if start == end else self.position(cell, end, end=True)
        spelled: list[Piece] = []
        text = ""
        for piece in pieces:
            if isinstance(piece, str):
                text += piece
                spelled.append(self._spelled(cell, piece))
            else:
                inner = Span(piece.start - shift, piece.end - shift)
                text += cell.source[inner.start : inner.end]
                at = self.position(cell, inner.start)
                spelled.append(Span(at, max(at, self.position(cell, inner.end, end=True))))
        if cell.array and text.endswith("\n") and isinstance(spelled[-1], str) and self._ends_string(cell, last):
            spelled[-1] = spelled[-1].removesuffix(self.between)
        if cell.array and alone:
            if start == end and start == len(cell.source) and text and cell.source.endswith("\n"):
                spelled.insert(0, self.between)
            elif start < end and _loses_end(cell, start, end, text):
                first, last = self._joined(cell, first, last, empty=not text)
        return self.file.edit(edit.rule, first, last, *spelled, yields=edit.yields)

    def _ends_string(self, cell: Cell, position: int) -> bool:
        return any(string.span.end == position for string in cell.strings)

    def _joined(self, cell: Cell, first: int, last: int, *, empty: bool) -> tuple[int, int]:
        """The part of the file to replace where a line loses its end: up to the next string, if it ends a string."""
        for string, following in zip(cell.strings, cell.strings[1:], strict=False):
            if string.span.end == last:
                return first, following.span.start
        if empty and cell.strings[-1].span.end == last:
            for previous, string in zip(cell.strings, cell.strings[1:], strict=False):
                if string.span.start == first:
                    return previous.span.end, last
        return first, last

    def _spelled(self, cell: Cell, text: str) -> str:
        lines = text.split("\n") if cell.array else [text]
        encoded = [json.dumps(line, ensure_ascii=self.ascii_only)[1:-1] for line in lines]
        return ("\\n" + self.between).join(encoded)


def _loses_end(cell: Cell, start: int, end: int, new: str) -> bool:
    """Whether a line loses its end, or the source its last line."""
    if new.endswith("\n"):
        return False
    return cell.source[end - 1] == "\n" or (not new and end == len(cell.source))


def _narrowed(source: str, start: int, end: int, new: str) -> tuple[int, int, str]:
    """The same replacement without the whole lines that it leaves as they are at its start and its end."""
    old = source[start:end]
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    head = old.rfind("\n", 0, same) + 1
    old, new, start = old[head:], new[head:], start + head
    pairs = enumerate(zip(reversed(old), reversed(new), strict=False))
    same = next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))
    line = old.find("\n", len(old) - same) + 1
    tail = len(old) - line if same and line else 0
    return start, end - tail, new[: len(new) - tail]


def read_notebook(file: TextFile) -> Notebook:
    """Find the code cells in the text of a notebook (nbformat 3 and 4).

    Raises :class:`.SourceError` for what is not JSON or not a notebook.
    """
    text = file.text
    data, span = _value(file, 0)
    if _skip(text, span.end) != len(text):
        raise SourceError("not valid JSON: there is more after the end", file.line_column(span.end)[0])
    top = {m.key: m for m in _members(file, span)} if isinstance(data, dict) else {}
    if "cells" in top:
        groups = [top["cells"]]
    elif "worksheets" in top and isinstance(top["worksheets"].value, list):
        sheets = _members(file, top["worksheets"].span)
        groups = [m for sheet in sheets if isinstance(sheet.value, dict) for m in _members(file, sheet.span)]
        groups = [m for m in groups if m.key == "cells"]
    else:
        raise SourceError("not a notebook: it has no cells")
    cells: list[Cell] = []
    number = 0
    for group in groups:
        for member in _members(file, group.span) if isinstance(group.value, list) else ():
            number += 1
            cell = _cell(file, number, member)
            if cell is not None:
                cells.append(cell)
    return Notebook(file, tuple(cells), _language(data))


def _cell(file: TextFile, number: int, member: Member) -> Cell | None:
    """The cell, if it is code in the language of the notebook and has any."""
    data = member.value
    if not isinstance(data, dict) or data.get("cell_type") != "code":
        return None
    own = _at(data, "metadata", "vscode", "languageId") or data.get("language")
    if isinstance(own, str) and own.lower() != "python":
        return None
    parts = {m.key: m for m in _members(file, member.span)}
    source = parts.get("source") or parts.get("input")
    if source is None:
        return None
    strings = [source] if isinstance(source.value, str) else None
    if isinstance(source.value, list):
        strings = list(_members(file, source.span))
    if strings is None or not all(isinstance(string.value, str) for string in strings):
        raise SourceError(f"the source of cell {number} is no text", file.line_column(source.span.start)[0])
    found: list[JsonString] = []
    start = 0
    for string in strings:
        span = Span(string.span.start + 1, string.span.end - 1)
        found.append(JsonString(span, file.text[span.start : span.end], start, string.value))
        start += len(string.value)
    return Cell(number, tuple(found), isinstance(source.value, list)) if start else None


def _language(data: Any) -> str:
    for path in (("kernelspec", "language"), ("language_info", "name")):
        name = _at(data, "metadata", *path)
        if isinstance(name, str):
            return name.lower()
    return "python"


def _at(data: Any, *path: str) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _value(file: TextFile, at: int) -> tuple[Any, Span]:
    """The JSON value that starts at ``at`` or after blanks."""
    start = _skip(file.text, at)
    try:
        value, end = _DECODER.raw_decode(file.text, start)
    except json.JSONDecodeError as error:
        raise SourceError(f"not valid JSON: {error.msg}", file.line_column(error.pos)[0]) from error
    except ValueError as error:  # a number of thousands of digits
        raise SourceError(f"not valid JSON: {error}", file.line_column(start)[0]) from error
    except RecursionError as error:
        raise SourceError("not a notebook: nested too deeply") from error
    return value, Span(start, end)


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None
    return match.end()


def _members(file: TextFile, span: Span) -> Iterator[Member]:
    """The members of the object or array at ``span``, which is known to be valid."""
    text = file.text
    keyed = text[span.start] == "{"
    at = _skip(text, span.start + 1)
    while at < span.end - 1:
        key = None
        if keyed:
            key, name = _value(file, at)
            at = text.index(":", name.end) + 1
        value, inner = _value(file, at)
        yield Member(key, value, inner)
        at = _skip(text, inner.end) + 1  # past the comma
