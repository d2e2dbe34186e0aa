"""Remove entries between brackets: what happens to commas, blank space and comments."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..edits import Span
from .model import Child, Node

_BLANKS = re.compile(r"[ \t]*")
# What may follow an entry (and its comma) on its last line if the line is to go with it.
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")


def removals(text: str, node: Node, removed: Collection[Child]) -> Iterator[tuple[Child, Span]]:
    """The spans to delete so that the entries ``removed`` of a flow ``node`` go, each with the entry that it is for.

    An entry alone on its lines goes with its lines and the comment after it. If the last entry had no comma after it,
    the one that is last then has none either.
    """
    children = [child for child in node.children.values() if not child.is_inherited]
    kept = [index for index, child in enumerate(children) if child not in removed]
    last_kept = kept[-1] if kept else -1
    trailing_comma = children[-1].comma is not None
    for index, child in enumerate(children):
        if child not in removed:
            continue
        start, end = child.start, child.end if child.comma is None else child.comma + 1
        whole_lines = _whole_lines(text, start, end)
        if whole_lines is not None:
            start, end = whole_lines
        elif index + 1 < len(children) and child.comma is not None:
            end = _blanks_end(text, end)
        comma = children[last_kept].comma if index == last_kept + 1 and last_kept >= 0 and not trailing_comma else None
        if comma is not None:
            if _BLANKS.fullmatch(text, comma + 1, start):
                start = comma
            else:
                yield child, Span(comma, comma + 1)
        elif whole_lines is None and index and index == last_kept + 1:
            start = _blanks_start(text, start)
        yield child, Span(start, end)


def _whole_lines(text: str, start: int, end: int) -> Span | None:
    """The lines of ``text[start:end]`` if nothing but a comment stands on them besides."""
    first = _blanks_start(text, start)
    rest = _REST_OF_LINE.match(text, end)
    if rest is None or (first and text[first - 1] not in "\r\n"):
        return None
    return Span(first, rest.end())


def _blanks_start(text: str, index: int) -> int:
    while index and text[index - 1] in " \t":
        index -= 1
    return index


def _blanks_end(text: str, index: int) -> int:
    match = _BLANKS.match(text, index)
    return match.end() if match else index
