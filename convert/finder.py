"""Find the places in a module that rules are about. Positions come from ``ast``, meanings from :mod:`.names`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .names import Meaning, Names, Place
from .ruleset import ImportRule, RuleSet, StringRule

ImportNode = ast.Import | ast.ImportFrom

_MODULE_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LOOKUPS = frozenset({"get", "pop", "setdefault", "__contains__", "__getitem__", "__setitem__", "__delitem__"})


def import_statements(tree: ast.Module) -> Iterator[ImportNode]:
    """Every import statement, at any depth, in no particular order.

    Visits statements only: imports do not occur in expressions, and most of a tree is expressions.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
            continue
        for block in _BLOCKS:
            inner = getattr(node, block, None)
            if isinstance(inner, list):  # a lambda and a conditional expression have a body too, which is no list
                stack.extend(inner)


def imported_modules(node: ImportNode) -> list[str]:
    """The absolute module paths that a statement imports; nothing for a relative import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.level == 0 and node.module else []


def import_rules(node: ImportNode, rules: RuleSet) -> list[ImportRule]:
    """The rules that an import statement matches, one for each module path that they match."""
    roots = (module.partition(".")[0] for module in imported_modules(node))
    return [rules.import_by_module[root] for root in roots if root in rules.import_by_module]


@dataclass(frozen=True)
class StringSite:
    """A string at a place that a rule names. ``value`` is None where the string is computed at run time."""

    rule: StringRule
    node: ast.expr
    value: str | None
    in_fstring: bool


def string_sites(tree: ast.Module, rules: RuleSet) -> Iterator[StringSite]:
    """Every string that a string rule is about: a module path below the rule's module or its target."""
    names = Names(tree)
    for place in names.places:
        for slot, expression in _slots(place.node):
            value, head = _constant(expression)
            if head is None:
                continue
            for rule in rules.strings:
                if not _about(rule, value, head):
                    continue
                if _stands_at(rule, place, slot, names):
                    yield StringSite(rule, expression, value, place.in_fstring)


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


def _stands_at(rule: StringRule, place: Place, slot: int | str | ast.expr, names: Names) -> bool:
    if isinstance(slot, ast.expr):
        return bool(rule.mappings & names.meaning(slot, place.scope).qualified)
    if not isinstance(place.node, ast.Call) or slot not in (rule.position, rule.name):
        return False
    function = place.node.func
    if isinstance(function, ast.Attribute) and function.attr in rule.methods:
        return True
    meaning: Meaning = names.meaning(function, place.scope)
    return bool(rule.callees & meaning.qualified) or meaning.parameter in rule.parameters
