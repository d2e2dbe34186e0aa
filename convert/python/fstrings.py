"""Where the expressions in an f-string really stand.

Before Python 3.12 the positions that ``ast`` gives to nodes inside an f-string are wrong as soon as it has several
lines, follows another literal or is nested. LibCST knows where each expression stands; the expressions are parsed again
one by one, and what comes out is laid over the original nodes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence

from ..edits import Span
from ..errors import SourceError
from .sourcefile import SourceFile

RELIABLE = sys.version_info >= (3, 12)


def relocate(source: SourceFile, fstring: ast.JoinedStr) -> None:
    """Put the spans of all nodes in ``fstring`` into ``source.moved``. Raises :class:`SourceError` if that fails."""
    if RELIABLE or any(value in source.moved for value in ast.walk(fstring) if value is not fstring):
        return
    start, end = source.span(fstring)
    found = list(_expressions(source.text[start:end]))
    values = list(_values(fstring))
    if len(found) != len(values):
        raise SourceError("inside an f-string that LibCST reads otherwise")
    moved: dict[ast.AST, Span] = {}
    for value, (offset, code) in zip(values, found, strict=True):
        part = SourceFile(f"({code})")
        again = ast.parse(part.text, mode="eval").body
        if ast.dump(again) != ast.dump(value):
            raise SourceError("inside an f-string that LibCST reads otherwise")
        for old, new in zip(ast.walk(value), ast.walk(again), strict=True):
            if hasattr(new, "lineno"):
                inner = part.span(new)
                shift = start + offset - 1
                moved[old] = Span(inner.start + shift, inner.end + shift)
    source.moved.update(moved)


def shows_its_source(source: SourceFile, fstring: ast.JoinedStr, name: str) -> bool:
    """Whether ``fstring`` prints the source of an expression with ``name`` in it, as ``f"{name=}"`` does."""
    start, end = source.span(fstring)
    text = source.text[start:end]
    if "=" not in text:
        return False
    import libcst as cst
    import libcst.matchers as matchers

    try:
        module = cst.parse_module(f"({text})")
    except cst.ParserSyntaxError as error:
        raise SourceError(f"LibCST cannot parse this f-string: {error.message}") from error
    shown = matchers.findall(module, matchers.FormattedStringExpression(equal=matchers.AssignEqual()))
    return any(matchers.findall(part, matchers.Name(name)) for part in shown)


def _values(fstring: ast.JoinedStr) -> Iterator[ast.expr]:
    for value in fstring.values:
        if isinstance(value, ast.FormattedValue):
            yield value.value
            if isinstance(value.format_spec, ast.JoinedStr):
                yield from _values(value.format_spec)


def _expressions(text: str) -> Iterator[tuple[int, str]]:
    """Offset and source of each expression in the f-string(s) ``text``."""
    import libcst as cst

    # Adjacent literals may stand on several lines, which only parentheses allow.
    try:
        module = cst.parse_module(f"({text})")
    except cst.ParserSyntaxError as error:
        raise SourceError(f"LibCST cannot parse this f-string: {error.message}") from error
    literal = cst.ensure_type(cst.ensure_type(module.body[0], cst.SimpleStatementLine).body[0], cst.Expr).value

    def code(node: cst.CSTNode | None) -> str:
        return "" if node is None else module.code_for_node(node)

    def of_parts(parts: Sequence[cst.BaseFormattedStringContent], position: int) -> Iterator[tuple[int, str]]:
        for part in parts:
            if isinstance(part, cst.FormattedStringExpression):
                here = position + 1 + len(code(part.whitespace_before_expression))
                yield here, code(part.expression)
                if part.format_spec is not None:
                    spec = sum(len(code(inner)) for inner in part.format_spec)
                    yield from of_parts(part.format_spec, position + len(code(part)) - 1 - spec)
            position += len(code(part))

    def of_literal(node: cst.CSTNode, position: int) -> Iterator[tuple[int, str]]:
        if isinstance(node, cst.ConcatenatedString):
            yield from of_literal(node.left, position)
            between = len(code(node.left)) + len(code(node.whitespace_between))
            yield from of_literal(node.right, position + between)
        elif isinstance(node, cst.FormattedString):
            yield from of_parts(node.parts, position + len(node.start))

    if module.code_for_node(literal) != f"({text})":
        raise SourceError("LibCST does not reproduce this f-string")
    # The parenthesis that was added is the first character.
    yield from ((offset - 1, source) for offset, source in of_literal(literal, 1))
