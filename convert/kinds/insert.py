"""Insert rules: statements that a file must have."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Left
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python import insertion
from ..python.definitions import Definition, definitions
from ..python.module import PythonModule
from ..python.sourcefile import parse
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class InsertRule(Rule):
    """``statement`` (one or more) at the top or the end of a file, or before or after a definition in it.

    A file that has the statement already, at top level or in the block of the definition, stays as it is, wherever it
    stands there and however it is written.
    """

    kind: ClassVar[str] = "insert"

    statement: str = ""
    at: str = "top"
    definition: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> InsertRule:
        statement = textwrap.dedent(action["statement"]).strip("\n")
        place = where("action", "statement")
        try:
            body = parse(statement).body
        except SourceError as error:
            raise RuleError(place, f"{head['id']}: the statement is not Python: {error.reason}") from error
        if not body:
            raise RuleError(place, f"{head['id']}: the statement is empty")
        if match and "at" in action:
            raise RuleError(where("action", "at"), f"{head['id']}: give match.{next(iter(match))} or at, not both")
        for at, definition in match.items():
            return cls(**head, statement=statement, at=at, definition=definition)
        return cls(**head, statement=statement, at=action.get("at", "top"))

    def words(self) -> Iterable[str] | None:
        return None if self.definition is None else (self.definition.rpartition(".")[2],)

    @property
    def sought(self) -> str:
        return f"def {self.definition}" if self.definition else self.statement


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """The place for the statement of every rule, in files that lack it."""
    findings = Findings()
    for rule in rules.of(InsertRule):
        found = next(definitions(module.tree, rule.definition), None) if rule.definition is not None else None
        if rule.definition is not None and found is None:
            continue
        findings.matches[rule.id] += 1
        if insertion.has_statement(module, rule.statement, None if found is None else found.block):
            continue
        try:
            insertion.check_stays(rules, rule.statement)
            findings.edits.append(_edit(module, rule, found))
        except SourceError as error:
            findings.left.append(Left(error.reason, 1 if found is None else found.node.lineno, rule.id, rule.statement))
    return findings


def _edit(module: PythonModule, rule: InsertRule, found: Definition | None) -> Edit:
    if found is None:
        at_edge = insertion.at_top if rule.at == "top" else insertion.at_end
        return at_edge(module, rule.id, rule.statement)
    at = insertion.before if rule.at == "before" else insertion.after
    return at(module, rule.id, found.node, rule.statement)
