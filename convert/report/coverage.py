"""How much of the PyTorch API that a tree uses is there on the other side, and what to do about the rest.

A use is one mention of a dotted name: an imported name, or a name with its attributes. Modules that are supported do
not count, nor does what a rule keeps as it is or sends to a package without a support table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..kinds.api import ApiRule
from ..kinds.imports import ImportRule
from ..language.model import Rule
from ..language.ruleset import RuleSet
from ..outcome import ApiUse, Outcome
from ..support import NoSupportTable, Support, SupportTable, load_support

EFFORTS = {
    "workaround": ("has a way round", "the hint names it"),
    "tests": ("only in tests", "the training code does not need it"),
    "device": ("for other devices", "code that asks for another maker's device; it does not run on this one"),
    "private": ("private to PyTorch", "the name begins with an underscore; look what the code wants it for"),
    "one-file": ("in one file", "changing that file, or leaving it out, is enough"),
    "module": ("missing module", "mindtorch lacks the whole module: names below it are used"),
    "api": ("missing in mindtorch", "several files use it: it has to be added to mindtorch"),
    "optional": ("optional", "every use is guarded: the code goes on without it"),
}
"""What an unsupported API asks for, from the cheapest to the dearest; an API is in the first class that fits."""

_DEVICES = frozenset({"hpu", "ipu", "maia", "mlu", "mps", "mtia", "musa", "vulkan", "xla", "xpu"})
_TEST_PATH = re.compile(r"(?:^|/)(?:tests?/|test_[^/]*$|conftest\.py$)|_test\.pyw?$")
Places = dict[str, list[int]]


@dataclass
class UnsupportedApi:
    """One API that code cannot use. ``status``: placeholder, missing, or package (a whole package is).

    ``places`` are the lines of its uses by file; ``optional`` of those that stand below an import that may fail.
    ``names`` counts the dotted names by which it was used.
    """

    name: str
    status: str
    hint: str = ""
    places: Places = field(default_factory=dict)
    optional: Places = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)

    @property
    def uses(self) -> int:
        """How many uses need it."""
        return _count(self.places)

    @property
    def optional_uses(self) -> int:
        """How many uses do without it."""
        return _count(self.optional)

    @property
    def effort(self) -> str:
        """Its class, a key of :data:`EFFORTS`."""
        if not self.places:
            return "optional"
        if self.hint:
            return "workaround"
        if all(map(_TEST_PATH.search, self.places)):
            return "tests"
        parts = self.name.split(".")
        if not _DEVICES.isdisjoint(parts):
            return "device"
        if any(part.startswith("_") for part in parts):
            return "private"
        if len(self.places) == 1:
            return "one-file"
        below = any(name.count(".") >= len(parts) for name in self.names)
        return "module" if self.status == "missing" and parts[-1].islower() and below else "api"

    def first_place(self) -> str:
        """``file:line`` of the first use, one that needs it if there is any."""
        path, lines = next(iter((self.places or self.optional).items()))
        return f"{path}:{lines[0]}"

    def as_json(self) -> dict[str, Any]:
        """The API as JSON data."""
        return {
            "name": self.name,
            "status": self.status,
            "effort": self.effort,
            "hint": self.hint,
            "uses": self.uses,
            "optional_uses": self.optional_uses,
            "names": dict(sorted(self.names.items())),
            "places": self.places,
            "optional_places": self.optional,
        }


@dataclass
class Coverage:
    """All uses of a tree. ``unknown`` says why nothing is known about them, if so; then the rest is empty."""

    package: str = ""
    level: str = ""
    supported: Counter[str] = field(default_factory=Counter)
    unsupported: list[UnsupportedApi] = field(default_factory=list)
    unknown: str | None = None

    @property
    def needed(self) -> list[UnsupportedApi]:
        """The unsupported APIs that the code does not do without."""
        return [api for api in self.unsupported if api.places]

    @property
    def uses(self) -> int:
        """How many uses there are but for the optional ones."""
        return self.supported.total() + sum(api.uses for api in self.unsupported)

    @property
    def rate(self) -> float | None:
        """Percentage of the uses that are supported; None if unknown. Without any use it is 100."""
        if self.unknown is not None:
            return None
        return 100 * self.supported.total() / self.uses if self.uses else 100.0

    @property
    def rate_text(self) -> str:
        """The rate with one decimal, rounded down: 100.0 % is said of nothing less."""
        return "unknown" if self.rate is None else f"{int(self.rate * 10 + 1e-9) / 10:.1f} %"

    def by_file(self) -> dict[str, list[tuple[int, UnsupportedApi, bool]]]:
        """The unsupported uses of each file in order of lines: line, API, whether it is optional."""
        found: dict[str, list[tuple[int, UnsupportedApi, bool]]] = {}
        for api in self.unsupported:
            for optional, places in ((False, api.places), (True, api.optional)):
                for path, lines in places.items():
                    found.setdefault(path, []).extend((line, api, optional) for line in lines)
        for uses in found.values():
            uses.sort(key=lambda use: (use[0], use[1].name))
        return found

    def efforts(self) -> dict[str, tuple[int, int]]:
        """How many APIs, and how many uses of them, are in each class that has any."""
        apis: Counter[str] = Counter()
        uses: Counter[str] = Counter()
        for api in self.unsupported:
            apis[api.effort] += 1
            uses[api.effort] += api.uses or api.optional_uses
        return {effort: (apis[effort], uses[effort]) for effort in EFFORTS if effort in apis}

    def as_json(self) -> dict[str, Any]:
        """The coverage as JSON data."""
        if self.unknown is not None:
            return {"known": False, "reason": self.unknown}
        return {
            "known": True,
            "package": self.package,
            "level": self.level,
            "rate": None if self.rate is None else round(self.rate, 3),
            "uses": self.uses,
            "supported_uses": self.supported.total(),
            "unsupported_uses": sum(api.uses for api in self.unsupported),
            "optional_uses": sum(api.optional_uses for api in self.unsupported),
            "efforts": {name: {"apis": apis, "uses": uses} for name, (apis, uses) in self.efforts().items()},
            "unsupported": [api.as_json() for api in self.unsupported],
            "supported": dict(sorted(self.supported.items())),
        }


def lacking(rules: RuleSet) -> dict[str, tuple[Rule, str]]:
    """What rules say to be unsupported wherever it is used: by name of the package or API the rule and its hint."""
    found: dict[str, tuple[Rule, str]] = {}
    for rule in rules.of(ImportRule):
        if rule.unsupported is not None:
            found[rule.module] = rule, rule.unsupported
    for api in rules.of(ApiRule):
        if api.unsupported is not None and not api.used_as and not api.given:
            found[api.name] = api, api.unsupported
    return found


class _Answer(NamedTuple):
    """What is known about a name: None if it does not count."""

    support: Support | None


class _Judge:
    """Tells what becomes of names in the files that one set of rules is about."""

    def __init__(self, rules: RuleSet, table: SupportTable) -> None:
        self.rules, self.table = rules, table
        self.lacking = lacking(rules)
        self.known: dict[str, _Answer] = {}

    def __call__(self, name: str) -> Support | None:
        answer = self.known.get(name)
        if answer is None:
            answer = self.known[name] = _Answer(self._answer(name))
        return answer.support

    def _answer(self, name: str) -> Support | None:
        head = name
        while head:
            if head in self.lacking:
                rule, hint = self.lacking[head]
                return Support(head, "package" if isinstance(rule, ImportRule) else "missing", hint)
            head = head.rpartition(".")[0]
        renamed = self.rules.renamed(name)
        if renamed is not None:
            if renamed.name is None:
                return None
            name = renamed.name
        return self.table.lookup(name) if name.partition(".")[0] in self.table.roots else None


def cover(outcomes: Mapping[str, Outcome], rules: RuleSet, table: SupportTable | None = None) -> Coverage:
    """What the uses in ``outcomes``, by path, come to under ``rules``; without ``table`` mindtorch's is looked for."""
    try:
        table = table or load_support()
    except NoSupportTable as error:
        return Coverage(unknown=str(error))
    coverage = Coverage(table.package, table.level)
    judges: dict[int, _Judge] = {}
    apis: dict[str, UnsupportedApi] = {}
    for path, outcome in sorted(outcomes.items()):
        if outcome.uses:
            of_path = rules.for_path(path)  # one object for all files with the same rules
            if id(of_path) not in judges:
                judges[id(of_path)] = _Judge(of_path, table)
            _add(coverage, apis, path, outcome.uses, judges[id(of_path)])
    coverage.unsupported = sorted(apis.values(), key=lambda api: (-api.uses, -api.optional_uses, api.name))
    return coverage


def _add(
    coverage: Coverage, apis: dict[str, UnsupportedApi], path: str, uses: Iterable[ApiUse], judge: _Judge
) -> None:
    unsupported: list[tuple[ApiUse, Support]] = []
    for use in uses:
        support = judge(use.name)
        if support is not None and not support.supported:
            unsupported.append((use, support))
        elif support is not None and support.status != "module":
            coverage.supported[support.api] += 1
    may_fail = {use.name for use, _ in unsupported if use.guarded}
    for use, support in unsupported:
        api = apis.setdefault(support.api, UnsupportedApi(support.api, support.status, support.hint))
        optional = any(use.name == name or use.name.startswith(name + ".") for name in may_fail)
        (api.optional if optional else api.places).setdefault(path, []).append(use.line)
        api.names[use.name] += 1


def _count(places: Places) -> int:
    return sum(map(len, places.values()))
