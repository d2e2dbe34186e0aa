"""String rules: module paths in string literals, at places that a rule names. Every other string is data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.module import PythonModule
from ..python.names import Place
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

_MODULE_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_LOOKUPS = frozenset({"get", "pop", "setdefault", "__contains__", "__getitem__", "__setitem__", "__delitem__"})


@dataclass(frozen=True)
class StringRule(Rule):
    """A string literal that is a module path, ``module`` or below it, at a place that the rule names.

    ``callees``: functions by qualified name. ``parameters``: the same, reached through a parameter of an enclosing
    function (pytest fixtures). ``methods``: any call of an attribute of that name. ``mappings``: keys of a mapping with
    that qualified name. ``position`` and ``name`` say which argument of a call.
    """

    kind: ClassVar[str] = "string"

    module: str = ""
    target: str = ""
    callees: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    mappings: frozenset[str] = frozenset()
    position: int = 0
    name: str | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> StringRule:
        argument = match.get("argument", {})
        if argument and "mapping" in match:
            raise RuleError(where("match", "argument"), f"{head['id']}: a mapping has no arguments")
        if action["module"].partition(".")[0] == match["module"]:
            # The result would match again: no second run could be without effect.
            place = where("action", "module")
            raise RuleError(place, f"{head['id']}: the target is itself in {match['module']}")
        return cls(
            **head,
            module=match["module"],
            target=action["module"],
            callees=frozenset(match.get("callee", ())),
            parameters=frozenset(match.get("parameter", ())),
            methods=frozenset(match.get("method", ())),
            mappings=frozenset(match.get("mapping", ())),
            position=argument.get("position", 0),
            name=argument.get("name"),
        )

    def words(self) -> Iterable[str]:
        yield self.module
        if self.expect:
            yield self.target.partition(".")[0]

    def roots(self) -> Iterable[str]:
        return (self.module,)

    def claims(self) -> Iterator[tuple[str, ...]]:
        at = f"argument {self.position}"
        yield from (("string", self.module, f"{at} of {callee}") for callee in sorted(self.callees))
        yield from (("string", self.module, f"{at} of parameter {name}") for name in sorted(self.parameters))
        yield from (("string", self.module, f"{at} of method {name}") for name in sorted(self.methods))
        yield from (("string", self.module, f"keys of {name}") for name in sorted(self.mappings))

    @property
    def sought(self) -> str:
        place = min(self.callees | self.parameters | self.methods | self.mappings)
        return f"{place}('{self.module}')"

    def renamed(self, dotted: str) -> str | None:
        """``dotted`` with the target in place of the module, or None if it is neither the module nor below it."""
        root, dot, below = dotted.partition(".")
        return f"{self.target}{dot}{below}" if root == self.module else None

    def is_result(self, dotted: str) -> bool:
        """Whether ``dotted`` is what this rule makes of a name."""
        return dotted == self.target or dotted.startswith(self.target + ".")


def _may_match(rules: Iterable[StringRule], text: str) -> bool:
    """Whether a rule may match in ``text``: every part of a qualified name is spelled out there."""
    every = (rule.callees | rule.parameters | rule.methods | rule.mappings for rule in rules)
    return any(all(part in text for part in name.split(".")) for names in every for name in names)


def find(module: PythonModule, rules: RuleSet, settings: Settings) -> Findings:
    """Every string that a rule is about: a module path below the rule's module or its target."""
    findings = Findings()
    active = [
        rule
        for rule in rules.of(StringRule)
        if rule.expect or any(quote + rule.module in module.text for quote in "'\"")
    ]
    if not active or not _may_match(active, module.text):
        return findings
    for place in module.names.places:
        for slot, expression in _slots(place.node):
            value, head = _constant(expression)
            if head is None:
                continue
            for rule in active:
                if _about(rule, value, head) and _stands_at(rule, place, slot, module):
                    _convert(module, rule, place, expression, value, findings)
    return findings


def _convert(
    module: PythonModule, rule: StringRule, place: Place, node: ast.expr, value: str | None, findings: Findings
) -> None:
    findings.matches[rule.id] += 1
    if value is not None and rule.is_result(value):
        return
    if value is None:
        findings.left.append(module.left(rule.id, node, "module name is computed at run time"))
        return
    try:
        from ..python.rewrite import rewrite_string  # needs LibCST

        span = module.span(node, place.fstring)
        new = rewrite_string(module.text[span.start : span.end], rule.module, rule.target)
    except SourceError as error:
        findings.left.append(module.left(rule.id, node, error.reason))
        return
    findings.edits.append(module.edit(rule.id, span, new))


def _about(rule: StringRule, value: str | None, head: str) -> bool:
    if value is not None:
        return bool(_MODULE_PATH.fullmatch(value)) and (rule.renamed(value) is not None or rule.is_result(value))
    return head.startswith(rule.module + ".")


def _constant(node: ast.expr) -> tuple[str | None, str | None]:
    """The value of a string literal, and how it starts; for a computed string the value is None."""
    if isinstance(node, ast.Constant):
        return (node.value, node.value) if isinstance(node.value, str) else (None, None)
    first: ast.expr = node
    while True:
        if isinstance(first, ast.JoinedStr) and first.values:
            first = first.values[0]
        elif isinstance(first, ast.BinOp):
            first = first.left
        elif isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "format":
            first = first.func.value
        else:
            break
    if first is not node and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return None, first.value
    return None, None


def _slots(node: ast.expr) -> Iterator[tuple[int | str | ast.expr, ast.expr]]:
    """The expressions in ``node`` that a rule can be about, each with where it stands.

    That is an argument's position, its name, or the mapping (an expression) that the expression is a key of.
    """
    if isinstance(node, ast.Call):
        for position, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred):
                break
            yield position, argument
        for keyword in node.keywords:
            if keyword.arg is not None:
                yield keyword.arg, keyword.value
        if isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKUPS and node.args:
            yield node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        yield node.value, node.slice
    elif isinstance(node, ast.Compare):
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                yield right, left
            left = right


def _stands_at(rule: StringRule, place: Place, slot: int | str | ast.expr, module: PythonModule) -> bool:
    if isinstance(slot, ast.expr):
        return bool(rule.mappings & module.names.meaning(slot, place.scope).qualified)
    if not isinstance(place.node, ast.Call) or slot not in (rule.position, rule.name):
        return False
    function = place.node.func
    if isinstance(function, ast.Attribute) and function.attr in rule.methods:
        return True
    meaning = module.names.meaning(function, place.scope)
    return bool(rule.callees & meaning.qualified) or meaning.parameter in rule.parameters
