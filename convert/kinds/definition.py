"""Definition rules: functions, classes and methods by qualified name; imported instead, wrapped, decorated, dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Span
from ..errors import SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.definitions import Definition, definitions, full_span
from ..python.insertion import add_import
from ..python.module import PythonModule
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class DefinitionRule(Rule):
    """The definition of ``name`` (``package.module.Class.method``), and what becomes of it.

    ``action`` is import, wrap, decorate or drop; ``target`` is the qualified name to import, of the wrapper or of the
    decorator.
    """

    kind: ClassVar[str] = "definition"

    name: str = ""
    action: str = "drop"
    target: str = ""

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> DefinitionRule:
        (kind,) = action
        return cls(**head, name=match["name"], action=kind, target="" if kind == "drop" else action[kind])

    def words(self) -> Iterable[str]:
        return (self.name.rpartition(".")[2],)

    def modules(self) -> Iterable[str]:
        return ()

    def claims(self) -> Iterator[tuple[str, ...]]:
        yield "definition", self.name

    @property
    def sought(self) -> str:
        return f"def {self.name.rpartition('.')[2]}"

    def name_in(self, path: str) -> str | None:
        """The name within the file ``path``; None if the file cannot have the definition.

        The file may be anywhere below the root: ``src/package/module.py`` has ``package.module.name`` too.
        """
        parts = path.rpartition(".")[0].split("/")
        if parts[-1] == "__init__":
            parts.pop()
        for start in range(len(parts)):
            module = ".".join(parts[start:])
            if self.name.startswith(module + "."):
                return self.name[len(module) + 1 :]
        return None


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every definition that a rule is about; there may be several under different conditions."""
    findings = Findings()
    for rule in rules.of(DefinitionRule):
        name = rule.name_in(module.path)
        if name is None:
            continue
        for definition in definitions(module.tree, name):
            try:
                edits = list(_edits(module, rule, definition))
            except SourceError as error:
                findings.left.append(module.left(rule.id, definition.node, error.reason))
                edits = []
            findings.edits += edits
            findings.matches[rule.id] += 1
        if rule.action == "import" and _imports_target(module, rule, name):
            findings.matches[rule.id] += 1
    return findings


def _imports_target(module: PythonModule, rule: DefinitionRule, name: str) -> bool:
    package, _, last = rule.target.rpartition(".")
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == package
        and any(alias.name == last and (alias.asname or alias.name) == name.rpartition(".")[2] for alias in node.names)
        for node in module.imports
    )


def _edits(module: PythonModule, rule: DefinitionRule, definition: Definition) -> Iterator[Edit]:
    node, name = definition.node, definition.node.name
    whole = full_span(module, node)
    new_line = module.new_line(whole)
    package, _, last = rule.target.rpartition(".")
    if rule.action in ("import", "drop"):
        _check_comments(module, whole)
        if rule.action == "import":
            alias = "" if last == name else f" as {name}"
            yield module.edit(rule.id, whole, f"from {package} import {last}{alias}")
        elif definition.alone:
            yield module.edit(rule.id, whole, "pass")
        else:
            yield module.edit(rule.id, module.whole_lines(whole))
        return
    if new_line is None:
        raise SourceError("the definition shares its line with another statement")
    if rule.action == "decorate":
        if any(ast.unparse(decorator) == rule.target for decorator in node.decorator_list):
            return
        yield module.edit(rule.id, Span(whole.start, whole.start), f"@{rule.target}{new_line}")
    else:
        call = f"{name} = {rule.target}({name})"
        if definition.next is not None and ast.unparse(definition.next) == call:
            return
        end = Span(whole.end, whole.end)
        yield module.edit(rule.id, end, f"{new_line}{call}")
    yield from add_import(module, rule.id, f"import {package}")


def _check_comments(module: PythonModule, whole: Span) -> None:
    """The text of the definition goes, and its comments with it; what stands behind it on the line must be none."""
    line_end = module.text[whole.end :].splitlines()[:1]
    if line_end and line_end[0].lstrip().startswith(";"):
        raise SourceError("the definition shares its line with another statement")
