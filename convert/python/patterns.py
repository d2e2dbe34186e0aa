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
from collections.abc import Sequence
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
    """What the metavariables of a pattern stand for in one match.

    ``call`` has the call whose arguments a list is, ``function`` the function or lambda whose parameters they are.
    """

    one: dict[str, ast.expr] = field(default_factory=dict)
    many: dict[str, list[ast.AST]] = field(default_factory=dict)
    call: dict[str, ast.Call] = field(default_factory=dict)
    function: dict[str, ast.AST] = field(default_factory=dict)


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
    """The parts of a template: ("", code), ("text", a string or comment), ("$", name) and ("$*", name)."""
    parts: list[tuple[str, str]] = []
    position = 0
    for match in _PLACEHOLDER.finditer(source):
        text = ("text", match["text"]) if match["text"] is not None else (f"${match['star']}", match["name"])
        parts += [("", source[position : match.start()]), text]
        position = match.end()
    return [*parts, ("", source[position:])]


def metavariables(source: str) -> set[str]:
    """The metavariables in a pattern or template, as they are written."""
    return {kind + name for kind, name in split_template(source) if kind.startswith("$")}


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


def many_name(node: object) -> str | None:
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
            if not isinstance(node, ast.expr) or isinstance(node, (ast.Starred, ast.Slice)):
                return False
            return _bind(captures, pattern.id.removeprefix(ONE), node)
        if isinstance(pattern, (ast.Name, ast.Attribute)) and isinstance(node, (ast.Name, ast.Attribute)):
            chain = dotted(pattern)
            if chain is not None and chain[1]:
                wanted = ".".join([chain[0].id, *chain[1]])
                if self._names.meaning(node, scope).qualified == {wanted}:
                    return True
                if chain[0].id in self._modules:
                    return False  # spelled the same, but something else
        if type(pattern) is not type(node):
            return False
        if isinstance(pattern, ast.Call) and isinstance(node, ast.Call):
            return self._match(pattern.func, node.func, scope, captures) and self._arguments(
                pattern, node, scope, captures
            )
        if isinstance(pattern, ast.arguments) and pattern.vararg and pattern.vararg.arg.startswith(MANY):
            return _bind_many(captures, pattern.vararg.arg.removeprefix(MANY), [node])
        if isinstance(pattern, _FUNCTIONS) and pattern.args.vararg:
            captures.function[pattern.args.vararg.arg.removeprefix(MANY)] = node
        for name in pattern._fields:
            if name in _IGNORED:
                continue
            wanted_value, value = getattr(pattern, name, None), getattr(node, name, None)
            if isinstance(wanted_value, list):
                if name in ("orelse", "finalbody") and bool(wanted_value) != bool(value):
                    return False
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
        names = [many_name(argument) for argument in pattern.args]
        rest = next(filter(None, names), None)
        at = names.index(rest) if rest is not None else len(names)
        after = len(names) - at - 1 if rest is not None else 0
        end = len(node.args) - after
        if end < at or (rest is None and end > at):
            return False
        if not self._each([*pattern.args[:at]], [*node.args[:at]], scope, captures):
            return False
        if not self._each([*pattern.args[at + 1 :]], [*node.args[end:]], scope, captures):
            return False
        keywords = {keyword.arg: keyword for keyword in node.keywords if keyword.arg is not None}
        left: list[ast.AST] = [*node.args[at:end]]
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


def check_placeholders(body: list[ast.stmt]) -> dict[str, str]:
    """What each ``$*X`` stands for: arguments, elements, parameters or statements.

    Raises :class:`PatternError` for a metavariable in a place where it cannot stand.
    """
    kinds: dict[str, str] = {}
    for node in ast.walk(ast.Module(body, [])):
        here: list[tuple[str, str]] = []
        for name in node._fields:
            value = getattr(node, name, None)
            items = value if isinstance(value, list) else [value]
            many = [found for found in map(many_name, items) if found is not None]
            if len(many) > 1:
                raise PatternError("has $*... twice in the same list; one of them can stand for all of it")
            if not isinstance(node, ast.Expr):
                here += [(found, _kind_of_list(node, name)) for found in many]
            _check_names(node, items)
        if isinstance(node, ast.arguments) and node.vararg is not None and node.vararg.arg.startswith(MANY):
            if any((node.posonlyargs, node.args, node.kwonlyargs, node.kwarg)):
                raise PatternError("has $*... beside other parameters; it stands for all of them")
            here.append((node.vararg.arg.removeprefix(MANY), "parameters"))
        for found, kind in here:
            if kinds.setdefault(found, kind) != kind:
                raise PatternError(f"has $*{found} for {kinds[found]} and for {kind}; use two metavariables")
    return kinds


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LISTS: dict[tuple[type[ast.AST], str], str] = {(ast.Call, "args"): "arguments", (ast.List, "elts"): "elements"}


def _kind_of_list(node: ast.AST, name: str) -> str:
    kind = "statements" if name in ("body", "orelse", "finalbody") else _LISTS.get((type(node), name))
    if kind is None:
        places = "arguments of a call, elements of a list, all parameters of a function, or statements in a block"
        raise PatternError(f"has $*... where it cannot stand; it stands for {places}")
    return kind


def _check_names(node: ast.AST, values: list[object]) -> None:
    if isinstance(node, ast.Name):
        return
    for value in values:
        if isinstance(value, str) and value.startswith((ONE, MANY)):
            if isinstance(node, ast.arg) and value.startswith(MANY):
                continue
            raise PatternError("has a metavariable in place of a name; it stands for a whole expression")
