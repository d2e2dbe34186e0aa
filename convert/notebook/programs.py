"""The programs in a notebook: all code cells together are one, since a later cell uses what an earlier one imports."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ..edits import Span
from ..errors import SourceError
from .document import Cell, Notebook
from .magics import CellCode, read_cell


@dataclass(frozen=True)
class Segment:
    """A part of a program: ``start`` and ``length`` in the program, ``offset`` in the source of ``cell``."""

    start: int
    length: int
    cell: Cell
    offset: int

    @property
    def shift(self) -> int:
        """What to subtract from an index into the program to get one into the cell."""
        return self.start - self.offset

    @property
    def span(self) -> Span:
        """Where it stands in the program."""
        return Span(self.start, self.start + self.length)


@dataclass
class Program:
    """Code to convert: ``kind`` python or shell. ``covered`` are the places of magics, which ``text`` does not have."""

    kind: str
    parts: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    covered: list[Span] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """All of it; nothing can be appended any more."""
        return "".join(self.parts)

    @classmethod
    def of(cls, kind: str, cell: Cell, span: Span) -> Program:
        """A part of one cell as a program of its own."""
        text = cell.source[span.start : span.end]
        return cls(kind, [text], [Segment(0, len(text), cell, span.start)])

    def append(self, cell: Cell, code: CellCode) -> None:
        """Add the Python code of a cell, on lines of its own."""
        assert code.python is not None
        lead = "\n" + code.lead if self.segments else code.lead
        end = self.segments[-1].span.end if self.segments else 0
        segment = Segment(end + len(lead), len(code.python), cell, code.start)
        self.segments.append(segment)
        self.covered += (Span(s.start + segment.shift, s.end + segment.shift) for s in code.covered)
        self.parts += lead, code.python

    def segment(self, span: Span) -> Segment | None:
        """The part in which all of ``span`` stands."""
        found = bisect_right(self.segments, span.start, key=lambda segment: segment.start) - 1
        segment = self.segments[max(found, 0)]
        return segment if segment.start <= span.start and span.end <= segment.span.end else None

    def place(self, index: int) -> tuple[Cell, int]:
        """The cell of an index into the text, and the index into its source; what stands between cells is near one."""
        found = max(bisect_right(self.segments, index, key=lambda segment: segment.start) - 1, 0)
        segment = self.segments[found]
        return segment.cell, segment.offset + min(max(index - segment.start, 0), segment.length)


@dataclass
class Contents:
    """All programs of a notebook. ``broken`` are cells that Python cannot parse, ``unknown`` those of other magics."""

    programs: list[Program] = field(default_factory=list)
    broken: list[tuple[Cell, CellCode, SourceError]] = field(default_factory=list)
    unknown: list[tuple[Cell, str]] = field(default_factory=list)


def read_contents(notebook: Notebook) -> Contents:
    """The programs in the code cells of a notebook."""
    together = Program("python")
    contents = Contents([together])
    for cell in notebook.cells:
        code = read_cell(cell.source)
        if code.python is not None:
            together.append(cell, code)
        if code.error is not None:
            contents.broken.append((cell, code, code.error))
        if code.unknown is not None:
            contents.unknown.append((cell, code.unknown))
        contents.programs += _others(cell, code)
    contents.programs = [program for program in contents.programs if program.segments]
    return contents


def _others(cell: Cell, code: CellCode) -> Iterator[Program]:
    yield from (Program.of("python", cell, span) for span in code.scripts)
    yield from (Program.of("shell", cell, span) for span in code.commands)
