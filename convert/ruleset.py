"""Rules as the engine uses them, read from rule files.

A rule file is data (see ``docs/rules.md``); this module turns it into the dataclasses below, follows ``include``, and
checks what a schema cannot: ids are unique, and no two rules claim the same text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from .errors import ConvertError, Mark, RuleError
from .ruleyaml import Document, locate, read_document


@dataclass(frozen=True)
class Example:
    """What a rule does to a piece of source. ``after`` equals ``before`` where the rule must not touch it."""

    before: str
    after: str
    mark: Mark


@dataclass(frozen=True)
class Rule:
    """What every kind of rule has. ``module`` is the top-level module matched, ``target`` what takes its place.

    ``expect`` is the least and the greatest number of matches in a whole tree (None: no bound). A place that already
    has the rule's result counts as a match, so that a second run expects the same.
    """

    id: str
    why: str
    module: str
    target: str
    mark: Mark
    expect: tuple[int, int | None] | None = None
    examples: tuple[Example, ...] = ()

    def renamed(self, dotted: str) -> str | None:
        """``dotted`` with the target in place of the module, or None if it is neither the module nor below it."""
        root, dot, below = dotted.partition(".")
        return f"{self.target}{dot}{below}" if root == self.module else None

    def is_result(self, dotted: str) -> bool:
        """Whether ``dotted`` is what this rule makes of a name."""
        return dotted == self.target or dotted.startswith(self.target + ".")


@dataclass(frozen=True)
class ImportRule(Rule):
    """``import module`` and everything below it, in each form of the import statement."""


@dataclass(frozen=True)
class StringRule(Rule):
    """A string literal that is a module path, at a place that the rule names.

    ``callees``: functions by qualified name. ``parameters``: the same, reached through a parameter of an enclosing
    function (pytest fixtures). ``methods``: any call of an attribute of that name. ``mappings``: keys of a mapping with
    that qualified name. ``position`` and ``name`` say which argument of a call.
    """

    callees: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    mappings: frozenset[str] = frozenset()
    position: int = 0
    name: str | None = None

    def places(self) -> Iterator[str]:
        """What the rule is about, spelled so that two rules clash if they share one."""
        at = f"argument {self.position}"
        yield from (f"{at} of {callee}" for callee in sorted(self.callees))
        yield from (f"{at} of parameter {name}" for name in sorted(self.parameters))
        yield from (f"{at} of method {name}" for name in sorted(self.methods))
        yield from (f"keys of {name}" for name in sorted(self.mappings))


@dataclass(frozen=True)
class RuleSet:
    """All rules of a run."""

    imports: tuple[ImportRule, ...] = ()
    strings: tuple[StringRule, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def import_by_module(self) -> dict[str, ImportRule]:
        """The import rule of each top-level module."""
        return {rule.module: rule for rule in self.imports}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, import rules first."""
        return (*self.imports, *self.strings)

    @cached_property
    def prefilter(self) -> re.Pattern[bytes]:
        """Finds in the bytes of a file what no import or string can do without that a rule matches (or counts).

        It need not be exact, only never miss: comments and docstrings may look the same.
        """
        space = r"(?:[ \t\f]|\\\r\n|\\\r|\\\n)"
        words = _words(self.imports)
        first = rf"\b(?:from|import){space}+{words}"
        # "import os, torch", maybe over several lines with backslashes; commas elsewhere are too many to look at.
        later = rf"\bimport{space}(?:[^\r\n\\]|\\\r\n|\\[^\r]|\\\r)*?,{space}*{words}"
        return re.compile(f"{first}|{later}|{self.string_prefilter.pattern}".encode())

    @cached_property
    def string_prefilter(self) -> re.Pattern[str]:
        """Finds a literal that starts like a module path which a string rule is about."""
        return re.compile(rf"['\"]{_words(self.strings)}")

    def may_match_strings(self, text: str) -> bool:
        """Whether a string rule may match in ``text``: every part of a qualified name is spelled out there."""
        every = (rule.callees | rule.parameters | rule.methods | rule.mappings for rule in self.strings)
        names = {name for names in every for name in names}
        return bool(self.string_prefilter.search(text)) and any(all(p in text for p in n.split(".")) for n in names)

    def without_modules(self, modules: frozenset[str]) -> RuleSet:
        """The rules that are about other modules than these."""
        return replace(
            self,
            imports=tuple(rule for rule in self.imports if rule.module not in modules),
            strings=tuple(rule for rule in self.strings if rule.module not in modules),
        )


def _words(rules: Iterable[Rule]) -> str:
    """A regular expression for the top-level names that ``rules`` look for, as whole words; it may match nothing."""
    names = {rule.module for rule in rules} | {rule.target.partition(".")[0] for rule in rules if rule.expect}
    return rf"(?:{'|'.join(sorted(names))})\b" if names else "(?!)"


def load_rules(name: str) -> RuleSet:
    """Read the rule file ``name`` (a path, or a packaged file) and what it includes, each file once.

    Raises :class:`RuleError` with ``file:line`` for a wrong rule, :class:`ConvertError` for a missing file.
    """
    documents: dict[str, Document] = {}
    _read(name, "", documents, including=())
    rules = [rule for document in documents.values() for rule in _rules(document)]
    if not rules:
        raise ConvertError(f"{name} has no rules, nor do the files that it includes")
    ruleset = RuleSet(
        tuple(rule for rule in rules if isinstance(rule, ImportRule)),
        tuple(rule for rule in rules if isinstance(rule, StringRule)),
        tuple(documents),
    )
    _check_conflicts(ruleset)
    return ruleset


def _read(name: str, directory: str, documents: dict[str, Document], including: tuple[str, ...]) -> None:
    shown, raw = locate(name, directory)
    if shown in including:
        raise RuleError(Mark(shown, 1), f"includes itself: {' -> '.join((*including, shown))}")
    if shown in documents:
        return
    document = read_document(shown, raw)
    for index, included in enumerate(document.data.get("include", [])):
        try:
            _read(included, os.path.dirname(shown), documents, (*including, shown))
        except RuleError:
            raise
        except ConvertError as error:
            raise RuleError(document.mark(("include", index)), str(error)) from error
    documents[shown] = document


def _rules(document: Document) -> Iterator[Rule]:
    for index, data in enumerate(document.data.get("rules", [])):
        path = ("rules", index)
        match: dict[str, Any] = data["match"]
        common: dict[str, Any] = {
            "id": data["id"],
            "why": data["why"].strip(),
            "module": match["module"],
            "target": data["action"]["module"],
            "mark": document.mark((*path, "id")),
            "expect": _expect(data.get("expect"), document.mark((*path, "expect"))),
            "examples": tuple(
                Example(
                    example.get("before", example.get("unchanged")),
                    example.get("after", example.get("unchanged")),
                    document.mark((*path, "examples", number)),
                )
                for number, example in enumerate(data["examples"])
            ),
        }
        if common["target"].partition(".")[0] == common["module"]:
            # The result would match again: no second run could be without effect.
            where = document.mark((*path, "action", "module"))
            raise RuleError(where, f"{data['id']}: the target is itself in {match['module']}")
        if data["kind"] == "import":
            yield ImportRule(**common)
            continue
        argument = match.get("argument", {})
        if argument and "mapping" in match:
            raise RuleError(document.mark((*path, "match", "argument")), f"{data['id']}: a mapping has no arguments")
        yield StringRule(
            **common,
            callees=frozenset(match.get("callee", ())),
            parameters=frozenset(match.get("parameter", ())),
            methods=frozenset(match.get("method", ())),
            mappings=frozenset(match.get("mapping", ())),
            position=argument.get("position", 0),
            name=argument.get("name"),
        )


def _expect(data: Any, mark: Mark) -> tuple[int, int | None] | None:
    if data is None:
        return None
    if isinstance(data, int):
        return data, data
    least, most = data.get("min", 0), data.get("max")
    if most is not None and most < least:
        raise RuleError(mark, f"expect: max {most} is less than min {least}")
    return least, most


def _check_conflicts(ruleset: RuleSet) -> None:
    ids: dict[str, Rule] = {}
    claims: dict[tuple[str, str], Rule] = {}
    for rule in ruleset.rules:
        if rule.id in ids:
            raise RuleError(rule.mark, f"the id {rule.id} is taken by {ids[rule.id].mark}")
        ids[rule.id] = rule
        places = rule.places() if isinstance(rule, StringRule) else iter(["imports"])
        for place in places:
            other = claims.setdefault((rule.module, place), rule)
            if other is not rule:
                both = f"{rule.id} and {other.id} ({other.mark})"
                raise RuleError(rule.mark, f"{both} both rewrite {place} for {rule.module}")
