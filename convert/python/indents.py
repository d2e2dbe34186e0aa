"""Changes of indentation inside statements that move as a whole."""

from __future__ import annotations

from ..edits import Edit, Span
from .module import PythonModule


class Indents:
    """How lines inside of quoted statements are to be indented: one edit a line, however deep the quotes nest."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[str, str, str]] = {}

    def add(self, rule: str, moves: dict[int, tuple[str, str]]) -> None:
        """Take ``moves`` (where a line starts: indentation before and after) over, on top of those that are there."""
        for start, (old, new) in moves.items():
            first, outer, moved = self._lines.get(start, (rule, "", ""))
            self._lines[start] = (first, old, moved + new[len(outer) :])

    def new_line(self, module: PythonModule, span: Span, new_line: str) -> str:
        """``new_line`` (line end and indentation) of the statement at ``span`` as it will be."""
        line_end = module.source.line_end
        indent = new_line.removeprefix(line_end)
        _, old, new = self._lines.get(span.start - len(indent), ("", "", ""))
        return line_end + new + indent[len(old) :]

    def edits(self, module: PythonModule) -> list[Edit]:
        """The edits that move the lines."""
        return [
            module.edit(rule, Span(start, start + len(old)), new, yields=True)
            for start, (rule, old, new) in self._lines.items()
        ]
