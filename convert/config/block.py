"""Edit YAML that is laid out by indentation."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..edits import Span
from .model import CannotEdit, Child, Node

_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)")
# From the end of an entry to the next one if no comment of its own stands between them.
_TO_NEXT = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)\s*")
_BEFORE_FIRST = re.compile(r"[ -]*")


def removals(text: str, node: Node, removed: Collection[Child]) -> Iterator[tuple[Child, Span, str]]:
    """What to replace so that the entries ``removed`` of a block ``node`` go, each with the entry that it is for.

    An entry goes with its lines and the comment after it. Raises :class:`CannotEdit` where it shares its lines.
    """
    children = [child for child in node.children.values() if not child.is_inherited]
    if all(child in removed for child in children):
        span, blank = value_place(text, node)
        yield children[0], span, blank + ("{}" if node.is_mapping else "[]")
        return
    starts = [child.start if node.is_mapping else _dash(text, child) for child in children]
    # The first entry of a list in a list, or of a mapping in a list, stands behind the dash of the outer one.
    in_line = not _before(text, starts[0]).isspace() and _before(text, starts[0]) != ""
    for index, child in enumerate(children):
        if child not in removed:
            in_line = False
            continue
        start, end = starts[index], max(child.end, child.keys[0].end if child.keys else 0)
        if in_line:
            following = starts[index + 1]
            if not _BEFORE_FIRST.fullmatch(_before(text, starts[0])) or not _TO_NEXT.fullmatch(text, end, following):
                raise CannotEdit("shares its line with something else; edit it by hand")
            yield child, Span(start, following), ""
            continue
        rest = _REST_OF_LINE.match(text, end)
        if rest is None or _before(text, start).strip(" \t"):
            raise CannotEdit("shares its line with something else; edit it by hand")
        yield child, Span(start - len(_before(text, start)), rest.end()), ""


def value_place(text: str, node: Node) -> tuple[Span, str]:
    """Where a value in one line takes the place of ``node``, and the blank that has to stand before it."""
    span = node.span
    if span.start == span.end:
        return span, " " if span.start and not text[span.start - 1].isspace() else ""
    colon = span.start
    while colon and text[colon - 1].isspace():
        colon -= 1
    # Onto the line of the key, unless a comment follows that.
    if node.style == "block" and text[colon - 1 : colon] == ":" and "#" not in _before(text, colon):
        return Span(colon, span.end), " "
    return span, ""


def _before(text: str, index: int) -> str:
    start = text.rfind("\n", 0, index) + 1
    return text[max(start, text.rfind("\r", start, index) + 1) : index]


def _dash(text: str, child: Child) -> int:
    """The dash before an item. A comment may stand between them."""
    index = child.start - 1
    while index >= 0 and text[index] != "-":
        if text[index] in "\r\n":
            comment = text.find("#", index - len(_before(text, index)), index)
            index = comment if comment >= 0 and _BEFORE_FIRST.fullmatch(_before(text, comment)) else index
        elif not text[index].isspace():
            break
        index -= 1
    if index < 0 or text[index] != "-":
        raise CannotEdit("stands in an unusual place; edit it by hand")
    return index
