"""Where a new statement goes in a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..edits import Edit, Span
from ..errors import SourceError
from .module import PythonModule


def has_statement(module: PythonModule, source: str) -> bool:
    """Whether the module has the statement(s) ``source`` at top level, one after the other, however written."""
    wanted = [ast.dump(node) for node in ast.parse(source).body]
    present = [ast.dump(node) for node in module.tree.body]
    return any(present[start : start + len(wanted)] == wanted for start in range(len(present)))


def add_import(module: PythonModule, rule: str, source: str) -> Iterator[Edit]:
    """The edit that adds the import statement ``source`` at the top of the module, unless it is there."""
    if not has_statement(module, source):
        yield at_top(module, rule, source)


def at_top(module: PythonModule, rule: str, source: str) -> Edit:
    """An edit that adds ``source`` before all other statements but the docstring and ``from __future__`` imports.

    Comments at the top of the file, among them the coding cookie and the licence, stay where they are.
    """
    body = module.tree.body
    index = 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        index = int(isinstance(body[0].value.value, str))
    while index < len(body) and _is_future(body[index]):
        index += 1
    if index == len(body):
        return at_end(module, rule, source)
    return before(module, rule, body[index], source)


def before(module: PythonModule, rule: str, node: ast.stmt, source: str) -> Edit:
    """An edit that adds ``source`` before the statement ``node``, with the same indentation."""
    decorators = node.decorator_list if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else []
    start = module.span(node).start
    if decorators:
        # The position of a decorator is that of its expression; the sign stands before.
        start = module.text.rindex("@", 0, module.span(decorators[0]).start)
    new_line = module.new_line(Span(start, start))
    if new_line is None:
        return module.edit(rule, Span(start, start), "; ".join(source.splitlines()) + "; ")
    return module.edit(rule, Span(start, start), *(line + new_line for line in source.splitlines()))


def after(module: PythonModule, rule: str, node: ast.stmt, source: str) -> Edit:
    """An edit that adds ``source`` after the statement ``node``, with the same indentation."""
    end = module.span(node).end
    new_line = module.new_line(module.span(node))
    rest = module.text[end:].splitlines()[:1]
    if new_line is None or (rest and rest[0].lstrip(" \t;")):
        raise SourceError(f"line {node.lineno} has another statement or a comment after the place for the new one")
    return module.edit(rule, Span(end, end), *(new_line + line for line in source.splitlines()))


def at_end(module: PythonModule, rule: str, source: str) -> Edit:
    """An edit that adds ``source`` after everything else."""
    end = len(module.text)
    line_end = module.source.line_end
    ahead = "" if not module.text or module.text.endswith(("\n", "\r")) else line_end
    return module.edit(rule, Span(end, end), ahead + "".join(line + line_end for line in source.splitlines()))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
