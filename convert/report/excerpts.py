"""Source for the report, taken before anything is written. How much is bounded: a report must stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ..outcome import Change
from ..textfile import BOM, LINE_END

# Of one file, and characters of a line and of a whole hunk; generated code has lines that fill pages.
MAX_LINES = 60
MAX_HUNKS = 60
MAX_WIDTH = 240
MAX_TEXT = 2000


class Hunk(NamedTuple):
    """Whole lines as they were and as they became, with the numbers of the first; the ids of the rules behind it."""

    line: int
    after_line: int
    before: str
    after: str
    rules: str


@dataclass(frozen=True)
class Excerpts:
    """Of one file: the lines with unsupported uses by number, and what changes. ``more`` hunks were too many."""

    lines: dict[int, str] = field(default_factory=dict)
    hunks: tuple[Hunk, ...] = ()
    more: int = 0


def excerpts(raw: bytes, encoding: str, wanted: Iterable[int], changes: Sequence[Change]) -> Excerpts:
    """The ``wanted`` lines (from 1) and the ``changes`` of a file that could be decoded before."""
    numbers = list(islice(sorted(set(wanted)), MAX_LINES))
    outer = [change for change in changes if not change.nested]
    if not numbers and not outer:
        return Excerpts()
    text = raw.removeprefix(BOM).decode(encoding)
    lines = LINE_END.split(text) if "\r" in text else text.split("\n")
    shown = {number: shorten(lines[number - 1].strip()) for number in numbers if number <= len(lines)}
    groups = _groups(text, outer)
    hunks: list[Hunk] = []
    shift = 0
    for start, end, group in groups[:MAX_HUNKS]:
        parts: list[str] = []
        position = start
        for change in group:
            parts += text[position : change.start], change.after
            position = change.end
        before, after = text[start:end], "".join([*parts, text[position:end]])
        rules = ",".join(dict.fromkeys(rule for change in group for rule in change.rule.split(",")))
        line = group[0].line
        hunks.append(Hunk(line, line + shift, shorten(before, MAX_TEXT), shorten(after, MAX_TEXT), rules))
        shift += len(LINE_END.findall(after)) - len(LINE_END.findall(before))
    return Excerpts(shown, tuple(hunks), len(groups) - len(hunks))


def _groups(text: str, changes: Iterable[Change]) -> list[tuple[int, int, list[Change]]]:
    """Changes that stand in the same lines together, with the start and the end of those lines."""
    groups: list[tuple[int, int, list[Change]]] = []
    for change in changes:
        start = _line_start(text, change.start)
        match = LINE_END.search(text, change.end)
        end = match.start() if match else len(text)
        if groups and start <= groups[-1][1]:
            groups[-1][2].append(change)
            groups[-1] = (groups[-1][0], max(end, groups[-1][1]), groups[-1][2])
        else:
            groups.append((start, end, [change]))
    return groups


def _line_start(text: str, index: int) -> int:
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def visible(text: str) -> str:
    """``text`` with escapes for characters that do not show, control terminals, or turn the order of others around."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shorten(text: str, width: int = MAX_WIDTH) -> str:
    """``text`` with at most ``width`` characters and a mark where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"
