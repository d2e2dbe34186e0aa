"""Rule sets: the rules of a run, read from rule files, and which of them are about which file.

A rule file is data (see ``docs/rules.md``); this module turns it into the rules of :mod:`..kinds`, follows ``include``,
and checks what a schema cannot: ids are unique, and no two rules claim the same text.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from ..errors import ConvertError, Mark, RuleError
from ..kinds import KINDS
from .globs import Globs, check_glob
from .model import Example, Rule
from .rulefile import Document, locate, read_document
from .upstream import Upstream, check_when

R = TypeVar("R", bound=Rule)


class Renamed(NamedTuple):
    """``name`` is what a name becomes (None: it stays) by the rule with the id ``rule``, which is about ``head``."""

    rule: str
    head: str
    name: str | None


@dataclass(frozen=True)
class RuleSet:
    """All rules of a run. ``upstreams`` tells for the rules of some files which upstream project they are about.

    ``digest`` is a hash of the rule files that they come from.
    """

    rules: tuple[Rule, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)
    upstreams: tuple[Upstream, ...] = ()
    digest: str = field(default="", compare=False)

    @property
    def fingerprint(self) -> str:
        """The same for rule sets that do the same: a hash of the rule files, and the ids of the rules."""
        return " ".join([self.digest, *(rule.id for rule in self.rules)])

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """The rules of one kind."""
        return tuple(rule for rule in self.rules if isinstance(rule, kind))

    @cached_property
    def globs(self) -> tuple[Globs, ...]:
        """For each rule, the files that it is about."""
        return tuple(Globs(rule.kind_of_files(), rule.paths, rule.exclude) for rule in self.rules)

    def for_path(self, path: str) -> RuleSet:
        """The rules that are about the file ``path``, relative to the root of the tree."""
        by_path: dict[str, RuleSet] = self.__dict__.setdefault("_by_path", {})
        known = by_path.get(path)  # each file is asked about several times in a run
        if known is not None:
            return known
        about = (rule for rule, globs in zip(self.rules, self.globs, strict=True) if globs.match(path))
        chosen = tuple(rule.for_file(path, self.rules) for rule in about)
        cache: dict[tuple[Rule, ...], RuleSet] = self.__dict__.setdefault("_chosen", {})
        found = by_path[path] = cache.setdefault(chosen, RuleSet(chosen, self.files))
        return found

    def is_about(self, path: str) -> bool:
        """Whether any rule is about the file ``path``."""
        return any(globs.match(path) for globs in self.globs)

    @cached_property
    def prefilter(self) -> re.Pattern[bytes]:
        """Finds in the bytes of a file what no rule can do without.

        It need not be exact, only never miss: comments and docstrings may look the same.
        """
        words: set[str] = set()
        for rule in self.rules:
            of_rule = rule.words()
            if of_rule is None:
                return re.compile(b"")
            words.update(of_rule)
        # Names are ASCII by the schema; what follows in another alphabet counts as a boundary, which is fine.
        return re.compile(rf"\b(?:{'|'.join(sorted(words))})\b".encode() if words else b"(?!)")

    @cached_property
    def roots(self) -> frozenset[str]:
        """The top-level modules that some rule asks the meaning of names for."""
        return frozenset(root for rule in self.rules for root in rule.roots())

    @cached_property
    def node_types(self) -> frozenset[type[ast.AST]]:
        """The types of syntax nodes that some rule wants to see all of."""
        return frozenset(kind for rule in self.rules for kind in rule.node_types())

    @cached_property
    def _renamed_names(self) -> dict[str, tuple[str, str | None]]:
        return {name: (rule.id, new) for rule in self.rules for name, new in rule.renamed_names()}

    def renamed(self, name: str) -> Renamed | None:
        """What becomes of the module or other qualified name ``name`` wherever it is imported; None: no rule is
        about it. The rule about the longest part of it decides.
        """
        head = name
        while head:
            if head in self._renamed_names:
                rule, new = self._renamed_names[head]
                return Renamed(rule, head, None if new is None else new + name[len(head) :])
            head = head.rpartition(".")[0]
        return None

    def without_modules(self, modules: frozenset[str]) -> RuleSet:
        """The rules that are about other modules than these."""
        kept = tuple(rule for rule in self.rules if not modules.intersection(rule.modules()))
        return RuleSet(kept, self.files, self.upstreams, self.digest)

    def without_ids(self, ids: Collection[str]) -> RuleSet:
        """The rules with other ids than these."""
        kept = tuple(rule for rule in self.rules if rule.id not in ids)
        return RuleSet(kept, self.files, self.upstreams, self.digest)

    def chosen(self, select: Iterable[str], ignore: Iterable[str]) -> RuleSet:
        """The rules with an id in ``select`` (all, if that is empty) and not in ``ignore``.

        Raises :class:`ConvertError` for an id that no rule has.
        """
        known = {rule.id for rule in self.rules}
        select, ignore = set(select), set(ignore)
        for name in sorted((select | ignore) - known):
            from difflib import get_close_matches

            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else "ms-convert rules list shows all"
            raise ConvertError(f"no rule has the id {name}; {hint}")
        kept = tuple(rule for rule in self.rules if (not select or rule.id in select) and rule.id not in ignore)
        return RuleSet(kept, self.files, self.upstreams, self.digest)


def load_rules(name: str | Sequence[str]) -> RuleSet:
    """Read the rule file ``name`` (a path, or a packaged file; or several) and what it includes, each file once.

    Raises :class:`RuleError` with ``file:line`` for a wrong rule, :class:`ConvertError` for a missing file.
    """
    documents: dict[str, Document] = {}
    names = (name,) if isinstance(name, str) else name
    for one in names:
        _read(one, "", documents, including=())
    rules: list[Rule] = []
    upstreams: list[Upstream] = []
    for document in documents.values():
        of_document = tuple(_rules(document))
        rules += of_document
        if "upstream" in document.data:
            upstreams.append(Upstream.from_data(document, frozenset(rule.id for rule in of_document)))
        for rule in of_document:
            if rule.when is not None and "upstream" not in document.data:
                message = f"{rule.id} has 'when', but the file does not say which upstream it is about; add 'upstream'"
                raise RuleError(rule.mark, message)
    if not rules:
        raise ConvertError(f"{', '.join(names)} has no rules, nor do the files that it includes")
    _check_conflicts(rules)
    for rule in rules:
        rule.check(rules)
    digest = hashlib.sha256("".join(document.digest for document in documents.values()).encode()).hexdigest()
    return RuleSet(tuple(rules), tuple(documents), tuple(upstreams), digest)


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

        def where(*path: str | int, _index: int = index) -> Mark:
            return document.mark(("rules", _index, *path))

        kind = KINDS[data["kind"]]
        for key in ("paths", "exclude"):
            for number, glob in enumerate(data.get(key, ())):
                check_glob(glob, where(key, number))
        if "when" in data:
            check_when(data["when"], where("when"))
        head: dict[str, Any] = {
            "id": data["id"],
            "why": data["why"].strip(),
            "mark": where("id"),
            "paths": tuple(data.get("paths", ())),
            "exclude": tuple(data.get("exclude", ())),
            "when": data.get("when"),
            "expect": _expect(data.get("expect"), where("expect")),
            "examples": tuple(
                Example(
                    example.get("before", example.get("unchanged")),
                    example.get("after", example.get("unchanged")),
                    where("examples", number),
                    example.get("path", kind.example_path),
                )
                for number, example in enumerate(data["examples"])
            ),
        }
        yield kind.from_data(head, data.get("match", {}), data["action"], where)


def _expect(data: Any, mark: Mark) -> tuple[int, int | None] | None:
    if data is None:
        return None
    if isinstance(data, int):
        return data, data
    least, most = data.get("min", 0), data.get("max")
    if most is not None and most < least:
        raise RuleError(mark, f"expect: max {most} is less than min {least}")
    return least, most


def _check_conflicts(rules: Iterable[Rule]) -> None:
    ids: dict[str, Rule] = {}
    claims: dict[tuple[str, ...], Rule] = {}
    for rule in rules:
        if rule.id in ids:
            raise RuleError(rule.mark, f"the id {rule.id} is taken by {ids[rule.id].mark}")
        ids[rule.id] = rule
        if rule.paths or rule.exclude or rule.when:
            continue  # may well be about other files than another rule with the same claim
        for claim in rule.claims():
            other = claims.setdefault(claim, rule)
            if other is not rule:
                both = f"{rule.id} and {other.id} ({other.mark})"
                raise RuleError(rule.mark, f"{both} both rewrite {', '.join(claim)}")
