"""Patterns: Python code with metavariables, and how it matches other code.

``$X`` stands for any expression, the same one wherever it occurs. ``$*ARGS`` stands for any number of arguments, of
parameters, of elements of a list, or of statements. Other code matches code that means the same: comments, layout,
quotes and redundant parentheses do not matter, nor does the order of keyword arguments; and a dotted name that starts
with a module matches however the file refers to it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .names import Names, Scope, dotted

ONE = "_METAVARIABLE_"
MANY = "_METAVARIABLES_"
_PLACEHOLDER = re.compile(r"""(?P<text>'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\#[^\n]*)"""
                          r"""|\$(?P<star>\*?)(?P<name>[A-Z][A-Z0-9_]*)""", re.DOTALL)  # fmt: skip
_IGNORED = frozenset({"ctx", "type_comment", "kind"})


class PatternError(Exception):
    """A pattern or template that cannot be read; the message says why."""


@dataclass
class Captures:
    """What the metavariables of a pattern stand for in one match. ``call`` has the call whose arguments a list is."""

    one: dict[str, ast.expr] = field(default_factory=dict)
    many: dict[str, list[ast.AST]] = field(default_factory=dict)
    call: dict[str, ast.Call] = field(default_factory=dict)


def parse_pattern(source: str) -> list[ast.stmt]:
    """The statements of a pattern or template, with placeholders for metavariables. Raises :class:`PatternError`."""
    try:
        body = ast.parse(with_placeholders(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PatternError(f"is not Python with metavariables such as $X and $*ARGS: {reason}") from error
    if not body:
        raise PatternError("is empty")
    return body


def with_placeholders(source: str) -> str:
    """``source`` with names in place of metavariables."""

    def replace(match: re.Match[str]) -> str:
        if match["text"] is not None:
            return match["text"]
        return f"*{MANY}{match['name']}" if match["star"] else f"{ONE}{match['name']}"

    return _PLACEHOLDER.sub(replace, source)


def split_template(source: str) -> list[tuple[str, str]]:
    """The parts of a template: ("", literal text), ("$", name) and ("$*", name)."""
    parts: list[tuple[str, str]] = []
    position = 0
    for match in _PLACEHOLDER.finditer(source):
        if match["text"] is None:
            parts += [("", source[position : match.start()]), (f"${match['star']}", match["name"])]
            position = match.end()
    return [*parts, ("", source[position:])]


def metavariables(source: str) -> set[str]:
    """The metavariables in a pattern or template, as they are written."""
    return {kind + name for kind, name in split_template(source) if kind}


def identifiers(body: Sequence[ast.stmt]) -> list[str]:
    """All names and attributes in a pattern, longest first."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            for attribute in ("id", "attr", "arg", "name", "module"):
                value = getattr(node, attribute, None)
                if isinstance(value, str) and not value.startswith((ONE, MANY)):
                    found.update(value.split("."))
    return sorted(found, key=lambda name: (-len(name), name))


def many_name(node: ast.AST) -> str | None:
    """The metavariable that a ``$*X`` in a list of nodes stands for; None for any other node."""
    if isinstance(node, ast.Expr):
        node = node.value
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name) and node.value.id.startswith(MANY):
        return node.value.id.removeprefix(MANY)
    return None


class Matcher:
    """Matches patterns against the code of one module. ``modules`` are names that stand for modules in patterns."""

    def __init__(self, names: Names, modules: frozenset[str]) -> None:
        self._names = names
        self._modules = modules | sys.stdlib_module_names

    def match(self, pattern: ast.AST, node: ast.AST, scope: Scope) -> Captures | None:
        """What the metavariables of ``pattern`` stand for if ``node`` matches it."""
        captures = Captures()
        return captures if self._match(pattern, node, scope, captures) else None

    def match_all(self, patterns: Sequence[ast.stmt], nodes: Sequence[ast.stmt], scope: Scope) -> Captures | None:
        """The same for statements that follow each other."""
        captures = Captures()
        matched = all(self._match(p, n, scope, captures) for p, n in zip(patterns, nodes, strict=True))
        return captures if matched else None

    def _match(self, pattern: ast.AST, node: ast.AST, scope: Scope, captures: Captures) -> bool:
        if isinstance(pattern, ast.Name) and pattern.id.startswith(ONE):
            return isinstance(node, ast.expr) and _bind(captures, pattern.id.removeprefix(ONE), node)
        if isinstance(pattern, (ast.Name, ast.Attribute)) and isinstance(node, (ast.Name, ast.Attribute)):
            chain = dotted(pattern)
            if chain is not None and chain[1] and chain[0].id in self._modules:
                wanted = ".".join([chain[0].id, *chain[1]])
                return self._names.meaning(node, scope).qualified == {wanted}
        if type(pattern) is not type(node):
            return False
        if isinstance(pattern, ast.Call) and isinstance(node, ast.Call):
            return self._match(pattern.func, node.func, scope, captures) and self._arguments(
                pattern, node, scope, captures
            )
        if isinstance(pattern, ast.arguments) and pattern.vararg and pattern.vararg.arg.startswith(MANY):
            name = pattern.vararg.arg.removeprefix(MANY)
            return _bind_many(captures, name, [node])
        for name in pattern._fields:
            if name in _IGNORED:
                continue
            wanted_value, value = getattr(pattern, name, None), getattr(node, name, None)
            if isinstance(wanted_value, list):
                if not isinstance(value, list) or not self._sequence(wanted_value, value, scope, captures):
                    return False
            elif isinstance(wanted_value, ast.AST):
                if not isinstance(value, ast.AST) or not self._match(wanted_value, value, scope, captures):
                    return False
            elif type(wanted_value) is not type(value) or wanted_value != value:
                return False
        return True

    def _sequence(self, patterns: list[ast.AST], nodes: list[ast.AST], scope: Scope, captures: Captures) -> bool:
        stars = [index for index, pattern in enumerate(patterns) if isinstance(pattern, ast.AST) and many_name(pattern)]
        if not stars:
            return len(patterns) == len(nodes) and self._each(patterns, nodes, scope, captures)
        (at,) = stars
        after = len(patterns) - at - 1
        if len(nodes) < at + after:
            return False
        end = len(nodes) - after
        return (
            self._each(patterns[:at], nodes[:at], scope, captures)
            and self._each(patterns[at + 1 :], nodes[end:], scope, captures)
            and _bind_many(captures, many_name(patterns[at]) or "", nodes[at:end])
        )

    def _each(self, patterns: list[ast.AST], nodes: list[ast.AST], scope: Scope, captures: Captures) -> bool:
        for pattern, node in zip(patterns, nodes, strict=True):
            if not isinstance(pattern, ast.AST) or not isinstance(node, ast.AST):
                if pattern != node:
                    return False
            elif not self._match(pattern, node, scope, captures):
                return False
        return True

    def _arguments(self, pattern: ast.Call, node: ast.Call, scope: Scope, captures: Captures) -> bool:
        rest = next((name for name in map(many_name, pattern.args) if name), None)
        positional = [argument for argument in pattern.args if many_name(argument) is None]
        if len(node.args) < len(positional) or (rest is None and len(node.args) > len(positional)):
            return False
        if not self._each([*positional], [*node.args[: len(positional)]], scope, captures):
            return False
        keywords = {keyword.arg: keyword for keyword in node.keywords if keyword.arg is not None}
        left: list[ast.AST] = [*node.args[len(positional) :]]
        for keyword in pattern.keywords:
            given = keywords.pop(keyword.arg, None) if keyword.arg is not None else None
            if given is None or not self._match(keyword.value, given.value, scope, captures):
                return False
        left += [keyword for keyword in node.keywords if keyword.arg is None or keyword.arg in keywords]
        if rest is None:
            return not left
        captures.call[rest] = node
        return _bind_many(captures, rest, left)


def _bind(captures: Captures, name: str, node: ast.expr) -> bool:
    before = captures.one.setdefault(name, node)
    return before is node or ast.dump(before) == ast.dump(node)


def _bind_many(captures: Captures, name: str, nodes: Sequence[ast.AST]) -> bool:
    before = captures.many.setdefault(name, [*nodes])
    return [ast.dump(node) for node in before] == [ast.dump(node) for node in nodes]


def lists_with_many(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Every node in a pattern that has a list with ``$*X`` in it, and that list."""
    for statement in body:
        for node in ast.walk(statement):
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list) and any(isinstance(item, ast.AST) and many_name(item) for item in value):
                    yield node, value
