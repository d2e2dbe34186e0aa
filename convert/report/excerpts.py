"""Source lines for the report, taken before anything is written. How many is bounded: a report must stay readable."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from ..textfile import LINE_END

# Of one file, and characters of a line; generated code has lines that fill pages.
MAX_LINES = 60
MAX_WIDTH = 240


def source_lines(path: Path, encoding: str, wanted: Iterable[int]) -> dict[int, str]:
    """The lines with these numbers (from 1), without indentation, of a file that could be decoded before."""
    numbers = list(islice(sorted(set(wanted)), MAX_LINES))
    if not numbers:
        return {}
    lines = LINE_END.split(path.read_bytes().decode(encoding, errors="replace"))
    return {number: shorten(lines[number - 1].strip()) for number in numbers if number <= len(lines)}


def shorten(text: str, width: int = MAX_WIDTH) -> str:
    """``text`` with at most ``width`` characters and a mark where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"
