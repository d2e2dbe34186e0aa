"""Edits: what replaces which part of a text, and how edits are put together.

A replacement may quote parts of the text that it replaces (the captures of a pattern, reordered arguments). Edits
inside a quoted part take effect there, so that one rule may rewrite a call and another one something in its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .errors import ConvertError


class Span(NamedTuple):
    """A part of a text: indices of its first character and of the one after its last."""

    start: int
    end: int


Piece = str | Span


@dataclass(frozen=True)
class Edit:
    """One replacement in a text.

    ``start``/``end`` index the text (an empty span inserts before ``start``). ``line`` and ``column`` of the start
    count from 1, columns in characters. ``pieces`` are new text and quoted spans of the old one. ``rule`` names the
    rule, or several with commas. An edit that ``yields`` is dropped where another one replaces all the text around it.
    ``discards`` are parts of the replaced text that go whatever they are: edits in them are dropped too.
    """

    rule: str
    line: int
    column: int
    start: int
    end: int
    pieces: tuple[Piece, ...]
    yields: bool = False
    discards: tuple[Span, ...] = ()

    @property
    def span(self) -> Span:
        """The part that is replaced."""
        return Span(self.start, self.end)


@dataclass(frozen=True)
class Left:
    """Something that stays as it is although it should not.

    ``reason`` says why; ``line`` (from 1) is None for a whole file; ``text`` is the source in question.
    """

    reason: str
    line: int | None = None
    rule: str | None = None
    text: str | None = None


class Conflict(ConvertError):
    """Two rules rewrite the same text in different ways."""

    def __init__(self, first: Edit, second: Edit, text: str) -> None:
        excerpt = " ".join(text[second.start : second.end].split()) or "the same place"
        super().__init__(f"rules {first.rule} and {second.rule} both rewrite line {second.line}: {excerpt[:120]!r}")


def check_disjoint(text: str, edits: Iterable[Edit]) -> list[Edit]:
    """``edits`` in order of place, duplicates dropped. Raises :class:`Conflict` if two cannot both be made.

    An edit may stand inside another one only in a span that the outer one quotes. Insertions at the same place are
    made in the order given; one that several rules agree on is made once.
    """
    ordered: list[Edit] = []
    around: list[Edit] = []
    inserted: set[tuple[int, tuple[Piece, ...]]] = set()
    for edit in sorted(dict.fromkeys(edits), key=lambda e: (e.start, e.start != e.end, -e.end, not e.discards)):
        if edit.start == edit.end:
            if (edit.start, edit.pieces) in inserted:
                continue
            inserted.add((edit.start, edit.pieces))
        while around and around[-1].end <= edit.start and not _same(around[-1], edit):
            around.pop()
        if around and edit.start < edit.end:
            outer = around[-1]
            if _same(outer, edit) and outer.pieces == edit.pieces:
                continue  # two rules that agree
            if not _quotes(outer, edit):
                if edit.yields or _discards(outer, edit):
                    continue
                raise Conflict(outer, edit, text)
        elif around and around[-1].start < edit.start and not _quotes(around[-1], edit):
            if edit.yields or _discards(around[-1], edit):
                continue
            raise Conflict(around[-1], edit, text)
        ordered.append(edit)
        if edit.start < edit.end:
            around.append(edit)
    return ordered


def _same(first: Edit, second: Edit) -> bool:
    return first.span == second.span


def _quotes(outer: Edit, edit: Edit) -> bool:
    return any(isinstance(p, Span) and p.start <= edit.start and edit.end <= p.end for p in outer.pieces)


def _discards(outer: Edit, edit: Edit) -> bool:
    return any(span.start <= edit.start and edit.end <= span.end for span in outer.discards)


def splice(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with ``edits`` made, which :func:`check_disjoint` has put in order."""
    return _render(text, Span(0, len(text)), edits)


def replacement(text: str, edit: Edit, edits: Sequence[Edit] = ()) -> str:
    """What ``edit`` puts in place of its span, with ``edits`` made inside the spans that it quotes."""
    return "".join(p if isinstance(p, str) else _render(text, p, edits, outer=edit) for p in edit.pieces)


def _render(text: str, span: Span, edits: Sequence[Edit], outer: Edit | None = None) -> str:
    parts: list[str] = []
    position = span.start
    for edit in edits:
        if edit is outer or edit.start < position or edit.end > span.end:
            continue  # elsewhere, or inside one that has been made
        if outer is not None and edit.start == edit.end and edit.start in (outer.start, outer.end):
            continue  # stands beside the outer edit, not in it
        parts += text[position : edit.start], replacement(text, edit, edits)
        position = edit.end
    parts.append(text[position : span.end])
    return "".join(parts)
