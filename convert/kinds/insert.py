"""Insert rules: statements that a file must have."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit
from ..errors import RuleError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python import insertion
from ..python.definitions import definitions
from ..python.module import PythonModule
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class InsertRule(Rule):
    """``statement`` (one or more) at the top or the end of a file, or before or after a top-level definition in it.

    A file that has the statement at top level already stays as it is, wherever it stands and however it is written.
    """

    kind: ClassVar[str] = "insert"

    statement: str = ""
    at: str = "top"
    definition: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> InsertRule:
        statement = action["statement"].strip("\n")
        try:
            empty = not ast.parse(statement).body
        except (SyntaxError, ValueError) as error:
            empty = True
            if isinstance(error, SyntaxError):
                place = where("action", "statement")
                raise RuleError(place, f"{head['id']}: the statement is not Python: {error.msg}") from error
        if empty:
            raise RuleError(where("action", "statement"), f"{head['id']}: the statement is empty")
        if match and "at" in action:
            raise RuleError(where("action", "at"), f"{head['id']}: give match.{next(iter(match))} or at, not both")
        if not head["paths"]:
            raise RuleError(where("id"), f"{head['id']}: say in which files, with paths")
        for place, definition in match.items():
            return cls(**head, statement=statement, at=place, definition=definition)
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
        if insertion.has_statement(module, rule.statement):
            findings.matches[rule.id] += 1
            continue
        edit = _edit(module, rule)
        if edit is not None:
            findings.matches[rule.id] += 1
            findings.edits.append(edit)
    return findings


def _edit(module: PythonModule, rule: InsertRule) -> Edit | None:
    if rule.definition is None:
        at_edge = insertion.at_top if rule.at == "top" else insertion.at_end
        return at_edge(module, rule.id, rule.statement)
    found = next(definitions(module.tree, rule.definition), None)
    if found is None:
        return None
    at = insertion.before if rule.at == "before" else insertion.after
    return at(module, rule.id, found.node, rule.statement)
