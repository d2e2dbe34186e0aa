"""A requirement somewhere in a file: what it asks for, and what becomes of it when another takes its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..edits import Span

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_FILE_OF_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*?)-\d")


def normalised(name: str) -> str:
    """The name of a package as PEP 503 compares it; stars stay."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Place:
    """One requirement at ``span``, spelled ``text``.

    ``name`` is normalised, or None if the text is not understood; ``mentions`` are names that such a text has in it.
    ``fixed`` says why nothing can take its place, though it can be removed; ``stays`` why it can be neither.
    ``group`` is the list that it is in. An ``is_entry`` is the entry of a table, with the package as its key.
    """

    text: str
    span: Span
    name: str | None
    mentions: frozenset[str] = frozenset()
    fixed: str = ""
    stays: str = ""
    group: str = ""
    is_entry: bool = False


class Listing(Protocol):
    """The requirements of a file, in order of place."""

    places: list[Place]

    def is_result(self, place: Place, new: str) -> bool:
        """Whether ``place`` asks for what ``new`` does, however it is spelled and with any marker if that has none."""

    def cannot(self, place: Place, new: str) -> str:
        """Why ``new`` cannot take the place; nothing if it can."""

    def replaced(self, place: Place, new: str) -> str:
        """The text that ``place`` has once ``new`` takes its place: as ``Place.text`` of the changed file says."""

    def edits(self, changes: Mapping[int, str | None]) -> list[tuple[int, Span, str]]:
        """By index of the place, the spans to replace, and by what. ``changes``: the new requirement; None removes."""


def parsed(text: str) -> Requirement | None:
    """The requirement that ``text`` is (PEP 508), or None."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def place(text: str, span: Span, fixed: str = "", group: str = "") -> Place:
    """The place of the requirement ``text``, understood or not."""
    requirement = parsed(text)
    if requirement is None:
        return Place(text, span, None, _mentions(text), stays="not a requirement as in PEP 508", group=group)
    return Place(text, span, normalised(requirement.name), fixed=fixed, group=group)


def _mentions(text: str) -> frozenset[str]:
    egg = _EGG.search(text)
    if egg:
        return frozenset({normalised(egg[1])})
    names: set[str] = set()
    for word in _NOT_NAME.split(text):
        names.add(normalised(word.removesuffix(".git")))
        file = _FILE_OF_PACKAGE.match(word)
        if file:
            names.add(normalised(file[1]))
    return frozenset(names)


def head_end(text: str) -> int:
    """Where a valid requirement ends apart from its marker."""
    requirement = parsed(text)
    if requirement is None or requirement.marker is None:
        return len(text)
    # In a URL, a semicolon is part of it unless blank space stands before.
    found = re.search(r"\s;" if requirement.url else r"\s*;", text)
    return found.start() if found else len(text)


def with_marker_of(old: str, new: str) -> str:
    """``new`` in place of ``old``: with the marker of the old one unless it brings its own."""
    requirement = parsed(new)
    if requirement is None or requirement.marker is not None:
        return new
    marker = old[head_end(old) :]
    blank = " " if marker and requirement.url and not marker[0].isspace() else ""
    return new + blank + marker


def is_result(text: str, new: str) -> bool:
    """See :meth:`Listing.is_result`; ``text`` is a requirement as in PEP 508."""
    old, wanted = parsed(text), parsed(new)
    if old is None or wanted is None or normalised(old.name) != normalised(wanted.name):
        return False
    if (old.extras, old.specifier, old.url) != (wanted.extras, wanted.specifier, wanted.url):
        return False
    return wanted.marker is None or old.marker == wanted.marker


@dataclass
class Lines:
    """Requirements that stand in a text as they are: one a line, or after a key. See :class:`Listing`.

    ``whole`` has for each place what goes when it is removed, ``heads`` where its marker begins (or it ends).
    """

    places: list[Place] = field(default_factory=list)
    whole: list[Span] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)

    def add(self, indices: Sequence[int], text: str, whole: Span, fixed: str = "", group: str = "") -> None:
        """Add the requirement ``text``, whose characters stand at ``indices`` of the file."""
        self.places.append(place(text, Span(indices[0], indices[-1] + 1), fixed, group))
        self.whole.append(whole)
        self.heads.append(indices[head_end(text) - 1] + 1)

    def is_result(self, place: Place, new: str) -> bool:
        return is_result(place.text, new)

    def cannot(self, place: Place, new: str) -> str:
        return place.fixed

    def replaced(self, place: Place, new: str) -> str:
        return with_marker_of(place.text, new)

    def edits(self, changes: Mapping[int, str | None]) -> list[tuple[int, Span, str]]:
        return [
            (index, self.whole[index], "") if new is None else (index, *self._rewritten(index, new))
            for index, new in changes.items()
        ]

    def _rewritten(self, index: int, new: str) -> tuple[Span, str]:
        place = self.places[index]
        after = with_marker_of(place.text, new)
        marker = place.text[head_end(place.text) :]
        if marker and after.endswith(marker):  # not rewritten: it may be continued over several lines
            return Span(place.span.start, self.heads[index]), after.removesuffix(marker)
        return place.span, after
