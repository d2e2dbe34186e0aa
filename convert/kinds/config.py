"""Config rules: values in YAML, JSON and TOML files, by the path of keys that leads to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..config.edit import FORMATS, Format, check, check_result, replacements
from ..config.model import CannotEdit, Change, Document, Key, Path, Remove, Rename, Set, locate, same, walk
from ..edits import Conflict, Edit, Span, check_disjoint, splice
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..ignores import Ignores
from ..language.model import Rule, Where
from ..settings import Settings
from ..textfile import LINE_END, TextFile

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

# Paths of many stars in a file made of aliases could go on for ever.
_MOST_PATHS = 20_000
# Each trial reads the file again.
_MOST_TRIALS = 20


class _Any:
    """Stands for a value that the rule does not look at."""


_ANY = _Any()


@dataclass(frozen=True)
class ConfigRule(Rule):
    """The entry of a mapping or the item of a list at ``path``, in which ``*`` is any key or index.

    Only where it has the ``value``, if the rule has one. ``rename`` is the key that it gets, ``unsupported`` what to
    tell the user; if it ``removes``, the entry goes; else it gets the value ``new``.
    """

    kind: ClassVar[str] = "config"
    file_names: ClassVar[tuple[str, ...]] = ("*.yaml", "*.yml", "*.json", "*.toml")
    example_path: ClassVar[str] = "config.yaml"

    path: tuple[Key, ...] = ()
    value: Any = field(default=_ANY, hash=False)
    new: Any = field(default=_ANY, hash=False)
    rename: str | None = None
    removes: bool = False
    unsupported: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> ConfigRule:
        key = match["key"]
        path = tuple(key.split(".") if isinstance(key, str) else key)
        for place, value in (("match", match.get("value")), ("action", action.get("set"))):
            if not _is_plain(value):
                name = "value" if place == "match" else "set"
                message = f"{head['id']}: '{name}' has a date or bytes; put quotes around it"
                raise RuleError(where(place, name), message)
        rename = action.get("rename")
        if rename is not None and (isinstance(path[-1], int) or path[-1] in ("*", rename)):
            message = f"{head['id']}: only a key of another name can be renamed, not {path[-1]!r}"
            raise RuleError(where("action", "rename"), message)
        if "remove" in action and head["expect"] and head["expect"][0] > 0:
            message = f"{head['id']}: a second run would not find what is removed; leave out expect, or its min"
            raise RuleError(where("expect"), message)
        unsupported = action.get("unsupported")
        return cls(
            **head,
            path=path,
            value=match.get("value", _ANY),
            new=action.get("set", _ANY),
            rename=rename,
            removes="remove" in action,
            unsupported=unsupported.strip() if unsupported is not None else None,
        )

    @property
    def sought(self) -> str:
        return str(self.path[-1])

    def may_match(self, text: str) -> bool:
        """Whether the keys can stand in ``text`` at all; they might be spelled with escapes."""
        keys = [str(key) for key in self.path if isinstance(key, str) and key != "*" and not key.isdigit()]
        if self.rename is not None:
            keys = keys[:-1]
        return "\\" in text or all(key in text for key in keys)

    def change(self, path: Path) -> Change:
        """What becomes of the entry at ``path``, if the rule changes anything."""
        if self.rename is not None:
            return Rename(path, self.rename)
        return Remove(path) if self.removes else Set(path, self.new)

    def has_value(self, document: Document, path: Path) -> bool:
        """Whether the entry at ``path`` has the value that the rule asks for."""
        return self.value is _ANY or same(document.value(path), self.value, ordered=False)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (str, bool, int, float))


def _agree(first: Change, second: Change) -> bool:
    if isinstance(first, Set) and isinstance(second, Set):
        return same(first.value, second.value)
    return first == second


def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
    """Every value that a rule is about. Raises :class:`SourceError` for a file that is not what its name says."""
    findings = Findings()
    active = [rule for rule in rules.of(ConfigRule) if rule.may_match(file.text)]
    if not active:
        return findings
    form = FORMATS[path.rpartition(".")[2]]
    document = form.parse(file.text)
    work = _Work(file, document, form, findings)
    for rule in active:
        for place in _paths(document, rule.path):
            if rule.has_value(document, place):
                work.consider(rule, place)
            elif same(document.value(place), rule.new, ordered=False):
                findings.matches[rule.id] += 1
        if rule.rename is not None:
            renamed = _paths(document, (*rule.path[:-1], rule.rename))
            findings.matches[rule.id] += sum(
                1 for place in renamed if rule.has_value(document, place) and not work.has_old_key(rule, place)
            )
    work.propose()
    return findings


def _paths(document: Document, pattern: tuple[Key, ...]) -> Iterator[Path]:
    prefix = ("*",) if document.has_documents else ()
    for number, path in enumerate(walk(document.root, (*prefix, *pattern))):
        if number == _MOST_PATHS:
            raise SourceError(f"more than {_MOST_PATHS} places that {'.'.join(map(str, pattern))} could mean")
        yield path


@dataclass
class _Work:
    """The changes to be made in a file, in the order found, each with its rule."""

    file: TextFile
    document: Document
    form: Format
    findings: Findings
    planned: list[tuple[ConfigRule, Change]] = field(default_factory=list)

    def has_old_key(self, rule: ConfigRule, path: Path) -> bool:
        """Whether the container of ``path`` also has the key that ``rule`` renames."""
        container, _ = locate(self.document.root, path)
        return rule.path[-1] in container.children

    def consider(self, rule: ConfigRule, path: Path) -> None:
        """Plan what ``rule`` says for the entry at ``path``; notes it if nothing is to be done, or can be."""
        self.findings.matches[rule.id] += 1
        if rule.unsupported is not None:
            self._leave(rule, path, rule.unsupported)
            return
        if rule.new is not _ANY and same(self.document.value(path), rule.new, ordered=False):
            return
        change = rule.change(path)
        try:
            check(self.document, change)
            if isinstance(change, Set):
                replacements(self.document, self.form, [change])
        except CannotEdit as error:
            self._leave(rule, path, str(error))
        else:
            self.planned.append((rule, change))

    def propose(self) -> None:
        """Turn what is planned into edits, after a look at what the file would then say."""
        self._join()
        self._drop_ignored()
        try:
            self.findings.edits += self._edits(self.planned)
        except CannotEdit as error:
            self._propose_some(str(error))

    def _propose_some(self, reason: str) -> None:
        """Propose the changes that go well alone: one that does not need not stop the others."""
        good: list[tuple[ConfigRule, Change]] = []
        if len(self.planned) <= _MOST_TRIALS:
            for rule, change in self.planned:
                try:
                    self._edits([(rule, change)])
                    good.append((rule, change))
                except CannotEdit as error:
                    self._leave(rule, change.path, str(error))
            self.planned = good
        try:
            self.findings.edits += self._edits(good)
        except CannotEdit as error:
            good, reason = [], str(error)
        if not good:
            for rule, change in self.planned:
                self._leave(rule, change.path, reason)

    def _join(self) -> None:
        """Drop changes that are planned twice. Raises :class:`Conflict` for two that cannot both be made."""
        by_path: dict[Path, list[tuple[ConfigRule, Change]]] = {}
        for rule, change in self.planned:
            there = by_path.setdefault(change.path, [])
            if any(_agree(change, other) for _, other in there):
                continue
            for other_rule, other in there:
                if {type(change), type(other)} != {Set, Rename}:
                    raise self._conflict((other_rule, other), (rule, change))
            there.append((rule, change))
        for path, there in by_path.items():
            for length in range(1, len(path)):
                for outer in by_path.get(path[:length], ()):
                    if not isinstance(outer[1], Rename):
                        raise self._conflict(outer, there[0])
        self.planned = [item for there in by_path.values() for item in there]

    def _conflict(self, *both: tuple[ConfigRule, Change]) -> Conflict:
        first, second = (self.file.edit(rule.id, *self._span(change.path), "") for rule, change in both)
        return Conflict(first, second, self.file.text)

    def _drop_ignored(self) -> None:
        """Drop what the user wants to stay. What becomes of the commas around it depends on that."""
        ignores = Ignores.of_lines(self.file)
        kept: list[tuple[ConfigRule, Change]] = []
        for rule, change in self.planned:
            for span in self._touched(change):
                last = span.start + len(self.file.text[span.start : span.end].rstrip("\r\n"))
                if ignores.covers(rule.id, self.file.line_column(span.start)[0], self.file.line_column(last)[0]):
                    self.findings.left.append(self.file.left(rule.id, span.start, last, "ignored"))
                    break
            else:
                kept.append((rule, change))
        self.planned = kept

    def _touched(self, change: Change) -> list[Span]:
        _, child = locate(self.document.root, change.path)
        if isinstance(change, Rename):
            return child.keys
        if isinstance(change, Remove) and child.parts:
            return child.parts
        return [Span(child.start, max(child.start, child.end))]

    def _edits(self, planned: list[tuple[ConfigRule, Change]]) -> list[Edit]:
        """The edits for what is ``planned``. Raises :class:`CannotEdit` if they would not give what they should."""
        changes = [change for _, change in planned]
        found = replacements(self.document, self.form, changes)
        edits = [self.file.edit(planned[index][0].id, *span, new) for index, span, new in found]
        if edits:
            text = splice(self.file.text, check_disjoint(self.file.text, edits))
            check_result(self.document, self.form, changes, text)
        return edits

    def _leave(self, rule: ConfigRule, path: Path, reason: str) -> None:
        start, end = self._span(path)
        self.findings.left.append(self.file.left(rule.id, start, end, reason))

    def _span(self, path: Path) -> Span:
        """The entry, as far as it stands in one line."""
        _, child = locate(self.document.root, path)
        line_end = LINE_END.search(self.file.text, child.start)
        end = max(child.start, child.end if child.end > child.start else child.keys[0].end if child.keys else 0)
        return Span(child.start, min(end, line_end.start() if line_end else end))
