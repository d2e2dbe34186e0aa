"""Requirement rules: which packages a project asks pip for, in requirements files, pyproject.toml and setup.cfg."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from ..config.requirement_lines import requirements_file, setup_cfg
from ..config.requirement_place import Listing, Place, normalised, parsed
from ..config.requirement_toml import PyProject
from ..edits import Conflict, Edit, splice
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..ignores import Ignores
from ..language.model import Rule, Where
from ..settings import Settings
from ..textfile import TextFile

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

# Each further star multiplies the time that matching can take by the length of the name.
_MOST_STARS = 3
# The files of a rule that has no paths: other text files may be prose.
_PATHS = (
    *("*requirements*.txt", "*requirements*.in", "*constraints*.txt", "*constraints*.in"),
    *("requirements/", "constraints/", "pyproject.toml", "setup.cfg"),
)


@dataclass(frozen=True)
class RequirementRule(Rule):
    """A package that a project requires.

    ``names`` are normalised (PEP 503), with ``*`` for any characters. What becomes of an entry:
    ``replacement`` takes its place, ``unsupported`` is told to the user; else it is removed.
    """

    kind: ClassVar[str] = "requirement"
    file_names: ClassVar[tuple[str, ...]] = ("*.txt", "*.in", "pyproject.toml", "setup.cfg")
    example_path: ClassVar[str] = "requirements.txt"

    names: tuple[str, ...] = ()
    replacement: str | None = None
    unsupported: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> RequirementRule:
        for number, name in enumerate(match["name"]):
            if name.count("*") > _MOST_STARS:
                message = f"{head['id']}: {name!r} has too many stars: at most {_MOST_STARS}"
                raise RuleError(where("match", "name", number), message)
        replacement = action.get("replace")
        if replacement is not None and parsed(replacement) is None:
            message = f"{head['id']}: {replacement!r} is not a requirement, such as 'mindspore==2.10.0'"
            raise RuleError(where("action", "replace"), message)
        if "remove" in action and head["expect"] and head["expect"][0] > 0:
            message = f"{head['id']}: a second run would not find what is removed; leave out expect, or its min"
            raise RuleError(where("expect"), message)
        unsupported = action.get("unsupported")
        return cls(
            **{**head, "paths": head["paths"] or _PATHS},
            names=tuple(normalised(name) for name in match["name"]),
            replacement=replacement,
            unsupported=unsupported.strip() if unsupported is not None else None,
        )

    @property
    def sought(self) -> str:
        return self.names[0]

    def matches(self, name: str) -> bool:
        """Whether the rule is about the package ``name``, which is normalised."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
    """Every requirement that a rule is about. Raises :class:`SourceError` for a pyproject.toml that is not TOML."""
    findings = Findings()
    listing = _listing(path, file.text)
    ignores = Ignores.of_lines(file)
    chosen: dict[int, RequirementRule] = {}
    for index, place in enumerate(listing.places):
        for rule in rules.of(RequirementRule):
            if not _wants_change(file, listing, place, rule, ignores, findings):
                continue
            first = chosen.setdefault(index, rule)
            if first.replacement != rule.replacement:
                one, other = (file.edit(by.id, *place.span, by.replacement or "") for by in (first, rule))
                raise Conflict(one, other, file.text)
    changes = _without_duplicates(listing, chosen)
    for index, rule in chosen.items():
        if rule.replacement is None or changes[index] is not None:
            findings.matches[rule.id] += 1
    edits = [file.edit(chosen[index].id, span.start, span.end, new) for index, span, new in listing.edits(changes)]
    if _is_as_expected(file, path, listing, changes, edits):
        findings.edits += edits
    else:
        for index, rule in chosen.items():
            reason = "the file would not say what it should after this edit; edit it by hand"
            findings.left.append(file.left(rule.id, *listing.places[index].span, reason))
    return findings


def _listing(path: str, text: str) -> Listing:
    name = path.rpartition("/")[2]
    if name.endswith(".toml"):
        return PyProject(text)
    return setup_cfg(text) if name.endswith(".cfg") else requirements_file(text)


def _wants_change(
    file: TextFile, listing: Listing, place: Place, rule: RequirementRule, ignores: Ignores, findings: Findings
) -> bool:
    """Whether ``rule`` is to change ``place``; notes it if it is about the place but cannot, or has done it."""
    if place.name is None:
        if not any(rule.matches(name) for name in place.mentions):
            return False
        reason = rule.unsupported or f"{place.stays}; edit it by hand"
    elif rule.replacement is not None and listing.is_result(place, rule.replacement):
        findings.matches[rule.id] += 1
        return False
    elif not rule.matches(place.name):
        return False
    else:
        reason = rule.unsupported or place.stays
        if not reason and rule.replacement is not None:
            reason = listing.cannot(place, rule.replacement)
    # An ignored entry counts as one that stays: what becomes of the commas around it depends on that.
    ignored = ignores.covers(rule.id, file.line_column(place.span.start)[0], file.line_column(place.span.end)[0])
    if reason or ignored:
        findings.matches[rule.id] += 1
        findings.left.append(file.left(rule.id, *place.span, reason or "ignored"))
        return False
    return True


def _without_duplicates(listing: Listing, chosen: Mapping[int, RequirementRule]) -> dict[int, str | None]:
    """By index of the place, what takes its place. What would stand in a list twice is removed instead."""
    seen = {(p.group, _canonical(p.text)) for index, p in enumerate(listing.places) if index not in chosen}
    changes: dict[int, str | None] = {}
    for index, rule in chosen.items():
        place = listing.places[index]
        changes[index] = rule.replacement
        if rule.replacement is not None:
            entry = place.group, _canonical(listing.replaced(place, rule.replacement))
            if entry in seen:
                changes[index] = None
            seen.add(entry)
    return changes


def _canonical(text: str) -> str:
    requirement = parsed(text)
    return text if requirement is None else str(requirement)


def _is_as_expected(
    file: TextFile, path: str, listing: Listing, changes: Mapping[int, str | None], edits: list[Edit]
) -> bool:
    """Whether the file, read again after the edits, has the requirements that it should have."""
    wanted: list[str] = []
    for index, place in enumerate(listing.places):
        new = changes.get(index)
        if index not in changes:
            wanted.append(place.text)
        elif new is not None:
            wanted.append(listing.replaced(place, new))
    try:
        result = _listing(path, splice(file.text, sorted(edits, key=lambda edit: edit.start)))
    except SourceError:
        return False
    return [place.text for place in result.places] == wanted
