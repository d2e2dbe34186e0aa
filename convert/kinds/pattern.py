"""Pattern rules: code with metavariables, and what takes its place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Span
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python import patterns
from ..python.insertion import add_import
from ..python.module import PythonModule
from ..python.patterns import Captures, Matcher, PatternError
from ..python.template import render
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


@dataclass(frozen=True)
class PatternRule(Rule):
    """Code that looks like ``pattern``: an expression, or one or more whole statements (see :mod:`..python.patterns`).

    ``template`` takes its place; it needs the statements ``imports``. ``unsupported`` is what to tell the user where
    nothing can take its place.
    """

    kind: ClassVar[str] = "pattern"

    pattern: str = ""
    statements: bool = False
    template: str | None = None
    imports: tuple[str, ...] = ()
    unsupported: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> PatternRule:
        key = "statement" if "statement" in match else "expression"
        unsupported = action["unsupported"].strip() if "unsupported" in action else None
        imports = tuple(source.strip() for source in action.get("imports", ()))
        template = action["replace"].strip("\n") if "replace" in action else None
        pattern = match[key].strip("\n")
        rule = cls(
            **head,
            pattern=pattern,
            statements=key == "statement",
            template=template,
            imports=imports,
            unsupported=unsupported,
        )
        for source, place in ((rule.pattern, where("match", key)), (rule.template, where("action", "replace"))):
            if source is None:
                continue
            try:
                body = patterns.parse_pattern(source)
                _check(body, rule, source)
            except PatternError as error:
                raise RuleError(place, f"{rule.id}: {source.splitlines()[0]!r} {error}") from error
        if rule.template is not None:
            unbound = patterns.metavariables(rule.template) - patterns.metavariables(rule.pattern)
            if unbound:
                place = where("action", "replace")
                raise RuleError(place, f"{rule.id}: {min(unbound)} does not occur in what is matched")
        for index, source in enumerate(imports):
            try:
                valid = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(source).body)
            except (SyntaxError, ValueError):
                valid = False
            if not valid:
                place = where("action", "imports", index)
                raise RuleError(place, f"{rule.id}: {source!r} is not an import statement")
        return rule

    @cached_property
    def body(self) -> list[ast.stmt]:
        """The pattern as statements."""
        return patterns.parse_pattern(self.pattern)

    @cached_property
    def result(self) -> list[ast.stmt]:
        """The template as statements; nothing if it is no more than metavariables, which match anything."""
        body = patterns.parse_pattern(self.template) if self.template is not None else []
        return body if patterns.identifiers(body) else []

    def root(self, body: Sequence[ast.stmt]) -> ast.AST:
        """The node that a match starts with."""
        first = body[0]
        return first if self.statements or not isinstance(first, ast.Expr) else first.value

    def words(self) -> Iterable[str] | None:
        both = [self.body] + ([self.result] if self.expect and self.result else [])
        found = [patterns.identifiers(body)[:1] for body in both]
        return [name for names in found for name in names] if all(found) else None

    def node_types(self) -> Iterable[type[ast.AST]]:
        yield type(self.root(self.body))
        if self.expect and self.result:
            yield type(self.root(self.result))

    @property
    def sought(self) -> str:
        return self.pattern


def _check(body: list[ast.stmt], rule: PatternRule, source: str) -> None:
    if not rule.statements and (len(body) != 1 or not isinstance(body[0], ast.Expr)):
        raise PatternError("is not an expression; put statements under 'statement'")
    if source == rule.pattern:
        root = rule.root(body)
        if patterns.many_name(root) or (isinstance(root, ast.Name) and root.id.startswith(patterns.ONE)):
            raise PatternError("would match anything")
    for node, items in patterns.lists_with_many(body):
        if isinstance(node, (ast.Tuple, ast.Set, ast.ClassDef)) and any(isinstance(i, ast.expr) for i in items):
            raise PatternError("has $*... in a tuple or set, or among base classes, where it cannot stand")
        if sum(patterns.many_name(item) is not None for item in items) > 1:
            raise PatternError("has $*... twice in the same list")


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every place that looks like the pattern of a rule, outermost first."""
    findings = Findings()
    active = [rule for rule in rules.of(PatternRule) if _may_match(rule, module.text)]
    if not active:
        return findings
    matcher = Matcher(module.names, rules.roots)
    windows = _Windows(module.tree)
    for node, scope, fstring in module.names.recorded:
        for rule in active:
            if rule.expect and rule.result and _match(matcher, rule, rule.result, node, scope, windows):
                findings.matches[rule.id] += 1
            found = _match(matcher, rule, rule.body, node, scope, windows)
            if found is None:
                continue
            captures, nodes = found
            findings.matches[rule.id] += 1
            if rule.unsupported is not None:
                findings.left.append(module.left(rule.id, node, rule.unsupported))
                continue
            try:
                spans = [module.span(item, fstring) for item in nodes]
                whole = Span(spans[0].start, spans[-1].end)
                assert rule.template is not None
                pieces = render(module, rule.template, rule.statements, captures, whole, fstring)
                added = [edit for source in rule.imports for edit in add_import(module, rule.id, source)]
            except SourceError as error:
                findings.left.append(module.left(rule.id, node, error.reason))
                continue
            findings.edits += [module.edit(rule.id, whole, *pieces), *added]
    return findings


def _may_match(rule: PatternRule, text: str) -> bool:
    words = rule.words()
    return words is None or any(word in text for word in words)


class _Windows:
    """For each statement, the list that it stands in."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._lists: dict[ast.stmt, tuple[list[ast.stmt], int]] | None = None

    def following(self, node: ast.stmt, count: int) -> list[ast.stmt] | None:
        """``count`` statements from ``node`` on; None if there are fewer."""
        if self._lists is None:
            self._lists = dict(self._all())
        siblings, index = self._lists[node]
        found = siblings[index : index + count]
        return found if len(found) == count else None

    def _all(self) -> Iterator[tuple[ast.stmt, tuple[list[ast.stmt], int]]]:
        for node in ast.walk(self._tree):
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    yield from ((item, (value, index)) for index, item in enumerate(value))


def _match(
    matcher: Matcher, rule: PatternRule, body: list[ast.stmt], node: ast.AST, scope: Any, windows: _Windows
) -> tuple[Captures, Sequence[ast.AST]] | None:
    root = rule.root(body)
    if type(node) is not type(root):
        return None
    if not rule.statements:
        captures = matcher.match(root, node, scope)
        return (captures, [node]) if captures is not None else None
    assert isinstance(node, ast.stmt)
    nodes = windows.following(node, len(body))
    if nodes is None:
        return None
    captures = matcher.match_all(body, nodes, scope)
    return (captures, nodes) if captures is not None else None
