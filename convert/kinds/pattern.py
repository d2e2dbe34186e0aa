"""Pattern rules: code with metavariables, and what takes its place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python import patterns
from ..python.indents import Indents
from ..python.insertion import add_import
from ..python.module import PythonModule
from ..python.names import Names, Scope, bound_name
from ..python.patterns import Captures, Matcher, PatternError
from ..python.surroundings import Surroundings
from ..python.template import Filling
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
        kinds: list[dict[str, str]] = []
        for source, place in ((rule.pattern, where("match", key)), (rule.template, where("action", "replace"))):
            if source is None:
                continue
            try:
                body = patterns.parse_pattern(source)
                kinds.append(patterns.check_placeholders(body))
                _check(body, rule, source)
            except PatternError as error:
                raise RuleError(place, f"{rule.id}: {source.splitlines()[0]!r} {error}") from error
        if rule.template is not None:
            _check_result(rule, rule.template, kinds, where)
        elif imports:
            raise RuleError(where("action", "imports"), f"{rule.id}: imports are for what takes the place; add replace")
        for index, source in enumerate(imports):
            try:
                nodes = ast.parse(source).body
            except (SyntaxError, ValueError):
                nodes = []
            if not nodes or not all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes):
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

    @cached_property
    def bound_names(self) -> frozenset[str]:
        """The names that the rule's own imports bind."""
        nodes = (node for source in self.imports for node in ast.parse(source).body)
        imports = (node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
        return frozenset(bound_name(node, alias) for node in imports for alias in node.names)

    def root(self, body: Sequence[ast.stmt]) -> ast.AST:
        """The node that a match starts with."""
        first = body[0]
        return first if self.statements or not isinstance(first, ast.Expr) else first.value

    def words(self) -> Iterable[str] | None:
        both = [self.body] + ([self.result] if self.expect and self.result else [])
        # Only ASCII: Python takes other characters for the same in several spellings.
        found = [[name for name in patterns.identifiers(body) if name.isascii()][:1] for body in both]
        return [name for names in found for name in names] if all(found) else None

    def node_types(self) -> Iterable[type[ast.AST]]:
        yield type(self.root(self.body))
        if self.expect and self.result:
            yield type(self.root(self.result))

    @property
    def leaves_no_trace(self) -> bool:
        return self.template is not None and not self.result

    @property
    def sought(self) -> str:
        return self.pattern


def _check(body: list[ast.stmt], rule: PatternRule, source: str) -> None:
    if not rule.statements:
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            raise PatternError("is not an expression; put statements under 'statement'")
        if any(kind == "text" and text.startswith("#") for kind, text in patterns.split_template(source)):
            raise PatternError("has a comment, which would swallow what stands behind; put it under 'why'")
        if patterns.many_name(body[0]):
            raise PatternError("is no expression but any number of them")
    if source == rule.pattern:
        if any(patterns.many_name(node) for node in body):
            raise PatternError("has $*... among the outermost statements; it can only stand inside a block")
        root = rule.root(body)
        root = root.value if isinstance(root, ast.Expr) else root
        if isinstance(root, ast.Name) and root.id.startswith(patterns.ONE):
            raise PatternError("would match anything")
        if any(keyword.arg is None for node in _calls(body) for keyword in node.keywords):
            raise PatternError("has ** in a call, which nothing matches; use $*ARGS for it")


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    return (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call))


def _check_result(rule: PatternRule, template: str, kinds: list[dict[str, str]], where: Where) -> None:
    """Raise :class:`RuleError` if the template needs what is not captured, or would match again."""
    place = where("action", "replace")
    unbound = patterns.metavariables(template) - patterns.metavariables(rule.pattern)
    if unbound:
        raise RuleError(place, f"{rule.id}: {min(unbound)} does not occur in what is matched")
    matched, used = kinds
    for name, kind in used.items():
        if matched[name] != kind:
            raise RuleError(place, f"{rule.id}: $*{name} stands for {matched[name]}, and cannot be {kind}")
    body = patterns.parse_pattern(template)
    tree = ast.Module(body, [])
    names = Names(tree, frozenset())
    matcher, windows = Matcher(names, frozenset()), Surroundings(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.stmt)) and _match(matcher, rule, rule.body, node, names.module, windows):
            raise RuleError(place, f"{rule.id}: the result would match again; name what it becomes, and see imports")


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every place that looks like the pattern of a rule."""
    findings = Findings()
    active = [rule for rule in rules.of(PatternRule) if _may_match(rule, module.text)]
    if not active:
        return findings
    matcher = Matcher(module.names, rules.roots)
    surroundings, indents = Surroundings(module.tree), Indents()
    taken: dict[str, set[ast.AST]] = {rule.id: set() for rule in active}
    for node, scope, fstring in sorted(module.names.recorded, key=lambda item: _place(item[0])):
        for rule in active:
            if rule.expect and rule.result and _match(matcher, rule, rule.result, node, scope, surroundings):
                findings.matches[rule.id] += 1
            found = _match(matcher, rule, rule.body, node, scope, surroundings)
            if found is None or not taken[rule.id].isdisjoint(found[1]):
                continue
            captures, nodes = found
            if any(module.ignored(rule.id, fstring or item) for item in nodes):
                continue
            taken[rule.id].update(nodes)
            findings.matches[rule.id] += 1
            if rule.unsupported is not None:
                findings.left.append(module.left(rule.id, fstring or node, rule.unsupported))
                continue
            assert rule.template is not None
            try:
                heads = _heads(module, rule, rules, settings, nodes, scope)
                where = (nodes, scope, fstring, heads, surroundings, indents)
                added = [e for source in rule.imports for e in add_import(module, rules, rule.id, source, scope)]
                edits = Filling(module, rule.id, rule.template, rule.statements, captures, *where).edits()
            except SourceError as error:
                findings.left.append(module.left(rule.id, fstring or node, error.reason))
                continue
            findings.edits += [*edits, *added]
    findings.edits += indents.edits(module)
    return findings


def _place(node: ast.AST) -> tuple[int, int, int, int]:
    """Outermost first."""
    return node.lineno, node.col_offset, -node.end_lineno, -node.end_col_offset  # type: ignore[attr-defined]


def _may_match(rule: PatternRule, text: str) -> bool:
    words = rule.words()
    return words is None or any(word in text for word in words)


def _heads(
    module: PythonModule,
    rule: PatternRule,
    rules: RuleSet,
    settings: Settings,
    nodes: Sequence[ast.AST],
    scope: Scope,
) -> dict[str, ast.Name]:
    """Names of converted packages in the template, and a name in what matched that stands for the same."""
    own = rule.bound_names
    heads: dict[str, ast.Name] = {}
    for name in {n.id for item in rule.result for n in ast.walk(item) if isinstance(n, ast.Name)} - own:
        package = rules.renamed(name)
        if package is None or package.name is None:
            continue
        written = (n for item in nodes for n in ast.walk(item) if isinstance(n, ast.Name))
        same = next((n for n in written if module.names.meaning(n, scope).qualified == {name}), None)
        if same is not None:
            heads[name] = same
        elif settings.style == "rename" or module.names.home(name, scope) is None:
            raise SourceError(f"{name} is not a name here; the rule must import what its result needs")
        elif module.names.meaning_of(name, "", scope).qualified != {name}:
            raise SourceError(f"{name} is the name of something else in this file")
    return heads


def _match(
    matcher: Matcher, rule: PatternRule, body: list[ast.stmt], node: ast.AST, scope: Any, windows: Surroundings
) -> tuple[Captures, Sequence[ast.AST]] | None:
    root = rule.root(body)
    if type(node) is not type(root):
        return None
    if not rule.statements:
        if not isinstance(getattr(node, "ctx", None), (ast.Load, type(None))):
            return None  # something is assigned to it
        captures = matcher.match(root, node, scope)
        return (captures, [node]) if captures is not None else None
    assert isinstance(node, ast.stmt)
    nodes = windows.following(node, len(body))
    if nodes is None:
        return None
    captures = matcher.match_all(body, nodes, scope)
    return (captures, nodes) if captures is not None else None
