"""Definition rules: functions, classes and methods by qualified name; imported instead, wrapped, decorated, dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Span
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.comments import rest_of_line
from ..python.definitions import Definition, DefinitionNode, definitions, statement_span
from ..python.insertion import add_import, check_stays
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
        if kind == "import" and action[kind] == match["name"]:
            raise RuleError(where("action", "import"), f"{head['id']}: {match['name']} would import itself")
        return cls(**head, name=match["name"], action=kind, target="" if kind == "drop" else action[kind])

    def words(self) -> Iterable[str]:
        return (self.name.rpartition(".")[2],)

    def kind_of_files(self) -> tuple[str, ...]:
        stems = ["__init__", *self.name.split(".")[:-1]]
        return tuple(f"{stem}.{ending}" for stem in dict.fromkeys(stems) for ending in ("py", "pyi", "pyw"))

    def modules(self) -> Iterable[str]:
        return ()

    def claims(self) -> Iterator[tuple[str, ...]]:
        yield "definition", self.name

    @property
    def leaves_no_trace(self) -> bool:
        return self.action == "drop"

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
    found: list[tuple[DefinitionRule, str, list[Definition]]] = []
    for rule in rules.of(DefinitionRule):
        name = rule.name_in(module.path)
        if name is not None:
            here = [d for d in definitions(module.tree, name) if not module.ignored(rule.id, d.node)]
            found.append((rule, name, here))
    dropped = {definition.node for rule, _, here in found if rule.action == "drop" for definition in here}
    for rule, name, here in found:
        for definition in here:
            findings.matches[rule.id] += 1
            try:
                findings.edits += _edits(module, rules, rule, definition, dropped)
            except SourceError as error:
                findings.left.append(module.left(rule.id, definition.node, error.reason))
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


def _edits(
    module: PythonModule, rules: RuleSet, rule: DefinitionRule, definition: Definition, dropped: set[DefinitionNode]
) -> list[Edit]:
    node, name = definition.node, definition.node.name
    own = statement_span(module, node)
    new_line = module.new_line(own)
    behind = rest_of_line(module, own.end)
    if new_line is None or behind.lstrip(" \t\f;")[:1] not in ("", "#"):
        raise SourceError("the definition shares its line with another statement")
    # A comment at the end of the last line belongs to the definition.
    whole = Span(own.start, own.end + len(behind))
    package, _, last = rule.target.rpartition(".")
    if rule.action == "import":
        alias = "" if last == name else f" as {name}"
        source = f"from {package} import {last}{alias}"
        check_stays(rules, source)
        return [replace(module.edit(rule.id, whole, source), discards=(whole,))]
    if rule.action == "drop":
        # A block must not become empty; that of the module may.
        needed = dropped.issuperset(definition.block) and node is definition.block[0]
        if needed and definition.block is not module.tree.body:
            return [replace(module.edit(rule.id, whole, "pass"), discards=(whole,))]
        lines = module.whole_lines(whole)
        return [replace(module.edit(rule.id, lines), discards=(lines,))]
    if rule.action == "decorate":
        if any(ast.unparse(decorator) == rule.target for decorator in node.decorator_list):
            return []
        # No insertion, before which others might be made at the same place.
        first = Span(own.start, own.start + 1)
        edit = module.edit(rule.id, first, f"@{rule.target}{new_line}", first)
    else:
        call = f"{name} = {rule.target}({name})"
        if definition.next is not None and ast.unparse(definition.next) == call:
            return []
        edit = module.edit(rule.id, Span(whole.end, whole.end), f"{new_line}{call}")
    return [edit, *add_import(module, rules, rule.id, f"import {package}")]
