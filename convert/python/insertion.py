"""Where a new statement goes in a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..edits import Edit, Span
from ..errors import SourceError
from .comments import rest_of_line
from .definitions import statement_span
from .module import PythonModule
from .names import ImportNode, Scope, bound_name

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet


def has_statement(module: PythonModule, source: str, block: Sequence[ast.stmt] | None = None) -> bool:
    """Whether ``block`` (None: the module) has the statement(s) ``source``, one after the other, however written."""
    wanted = [ast.dump(node) for node in ast.parse(source).body]
    present = [ast.dump(node) for node in (module.tree.body if block is None else block)]
    return any(present[start : start + len(wanted)] == wanted for start in range(len(present)))


def add_import(
    module: PythonModule, rules: RuleSet, rule: str, source: str, scope: Scope | None = None
) -> Iterator[Edit]:
    """The edit that adds the import statement ``source`` at the top of the module, unless it is there.

    The names that it binds are to be used in ``scope``. Raises :class:`SourceError` if they have another meaning there,
    or if one of ``rules`` would convert the statement in its turn.
    """
    check_stays(rules, source)
    for node in ast.parse(source).body:
        assert isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names:
            _check_free(module, node, alias, scope or module.names.module)
    if not has_statement(module, source):
        yield at_top(module, rule, source)


def check_stays(rules: RuleSet, source: str) -> None:
    """Raise :class:`SourceError` if one of ``rules`` would convert the new statements ``source`` in a second run."""
    for node in (inner for statement in ast.parse(source).body for inner in ast.walk(statement)):
        names = imported_names(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        for name in [*names, node.id] if isinstance(node, ast.Name) else names:
            again = rules.renamed(name)
            if again is not None and again.name is not None:
                raise SourceError(f"{again.rule} would convert {name} in the new {source!r}; write what becomes of it")


def imported_names(node: ImportNode) -> list[str]:
    """The qualified names that a statement imports; nothing for a relative import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level or node.module is None:
        return []
    return [node.module if alias.name == "*" else f"{node.module}.{alias.name}" for alias in node.names]


def _check_free(module: PythonModule, node: ImportNode, alias: ast.alias, scope: Scope) -> None:
    name = bound_name(node, alias)
    outer = module.names.module
    plain = isinstance(node, ast.Import) and alias.asname is None
    package = "" if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}."
    same = {name} if plain else {package + alias.name}
    home = module.names.home(name, scope)
    taken = name in outer.opaque or name in outer.empty or outer.imported.get(name, same) != same
    if taken or (home is not None and home is not outer):
        raise SourceError(f"{name} is the name of something else in this file")


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
    start = statement_span(module, node).start
    new_line = module.new_line(Span(start, start))
    if new_line is None:
        return module.edit(rule, Span(start, start), "; ".join(_one_line(source)) + "; ")
    return module.edit(rule, Span(start, start), indented(source, new_line) + new_line)


def after(module: PythonModule, rule: str, node: ast.stmt, source: str) -> Edit:
    """An edit that adds ``source`` below the statement ``node``, with the same indentation.

    A comment at the end of the statement's last line stays there. Raises :class:`SourceError` if another statement
    shares that line.
    """
    end = module.span(node).end
    new_line = module.new_line(module.span(node))
    rest = rest_of_line(module, end)
    behind = rest.lstrip(" \t\f;")
    if new_line is None or (behind and not behind.startswith("#")):
        raise SourceError(f"line {node.end_lineno} has another statement, after which the new one would have to stand")
    end += len(rest)
    return module.edit(rule, Span(end, end), new_line + indented(source, new_line))


def indented(source: str, new_line: str) -> str:
    """``source`` with ``new_line`` (line end and indentation) between its lines, but only the line end in strings."""
    line_end = new_line.rstrip(" \t\f")
    inside = lines_in_strings(ast.parse(source))
    parts = source.split("\n")
    text = parts[0]
    for number, part in enumerate(parts[1:], 2):
        text += (line_end if number in inside or not part.strip() else new_line) + part
    return text


def lines_in_strings(tree: ast.AST) -> set[int]:
    """The lines that start inside a string literal."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, (ast.JoinedStr, ast.Constant)) and node.end_lineno is not None
        for line in range(node.lineno + 1, node.end_lineno + 1)
    }


def _one_line(source: str) -> list[str]:
    if any(node.lineno != node.end_lineno or hasattr(node, "body") for node in ast.parse(source).body) or "#" in source:
        raise SourceError("the statement after the place for the new one does not start its line")
    return [line.rstrip("; ") for line in source.splitlines() if line.strip()]


def at_end(module: PythonModule, rule: str, source: str) -> Edit:
    """An edit that adds ``source`` after everything else."""
    end = len(module.text)
    line_end = module.source.line_end
    ahead = "" if not module.text or module.text.endswith(("\n", "\r")) else line_end
    return module.edit(rule, Span(end, end), ahead + indented(source, line_end) + line_end)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
