"""Fill the template of a pattern with what its metavariables stand for, quoted from the source as it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from ..edits import Piece, Span
from ..errors import SourceError
from .arguments import argument_spans
from .module import PythonModule
from .patterns import MANY, Captures, split_template, with_placeholders

# Expressions that nothing around them can tear apart.
_ATOMS = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp,
    ast.SetComp, ast.JoinedStr,
)  # fmt: skip
_ASSIGNED = re.compile(r"(?:[\w)\]]\s*=|\breturn)\s*\Z")


def render(
    module: PythonModule,
    template: str,
    statements: bool,
    captures: Captures,
    whole: Span,
    fstring: ast.JoinedStr | None,
) -> list[Piece]:
    """The pieces that take the place of ``whole``. Raises :class:`SourceError` if a comment would be lost.

    Parentheses are added where a capture, or the result, would mean something else without them.
    """
    new_line = module.new_line(whole)
    indent = "" if new_line is None else new_line.lstrip("\r\n")
    if statements and new_line is None and "\n" in template:
        raise SourceError("the statement shares its line with another one, and several lines would take its place")
    single = {name: module.span(node, fstring) for name, node in captures.one.items()}
    bare = {name: module.text[span.start : span.end] for name, span in single.items()}
    loose = not _same_structure(template, bare)
    pieces: list[Piece] = []
    for kind, text in split_template(template):
        if not kind:
            pieces.append(text.replace("\n", module.source.line_end + indent))
        elif kind == "$" and loose and not isinstance(captures.one[text], _ATOMS):
            pieces += ["(", single[text], ")"]
        elif kind == "$":
            pieces.append(single[text])
        else:
            _add_many(module, text, captures, pieces, indent, fstring)
    _check_comments(module, whole, [piece for piece in pieces if isinstance(piece, Span)])
    if not statements and not isinstance(_root(template), _ATOMS) and not _enclosed(module.text, whole):
        pieces = ["(", *pieces, ")"]
    return pieces


def _same_structure(template: str, bare: dict[str, str]) -> bool:
    """Whether the template with the sources of the captures put in means the same as with parentheses around each."""

    def filled(form: str) -> str:
        parts = split_template(template)
        return "".join(form % bare[t] if k == "$" else f"*{MANY}{t}" if k else t for k, t in parts)

    try:
        return ast.dump(ast.parse(filled("%s"))) == ast.dump(ast.parse(filled("(%s)")))
    except SyntaxError:
        return False


def _add_many(
    module: PythonModule,
    name: str,
    captures: Captures,
    pieces: list[Piece],
    indent: str,
    fstring: ast.JoinedStr | None,
) -> None:
    nodes = captures.many[name]
    written = "".join(piece for piece in pieces if isinstance(piece, str))
    if not nodes:
        # The comma before it goes too.
        if pieces and isinstance(pieces[-1], str) and pieces[-1].rstrip().endswith(","):
            pieces[-1] = pieces[-1].rstrip()[:-1]
        return
    if isinstance(nodes[0], ast.stmt):
        own = written.rpartition("\n")[2]
        pieces += _indented(module, nodes, own if "\n" in written and not own.strip() else indent)
        return
    if name in captures.call:
        spans = argument_spans(module, captures.call[name], nodes, fstring)
    else:
        spans = [module.span(node, fstring) for node in nodes]
    for index, span in enumerate(spans):
        if index:
            between = module.text[spans[index - 1].end : span.start]
            # All of it where the arguments follow each other in the source: comments and line breaks stay.
            pieces.append(Span(spans[index - 1].end, span.start) if _only_comma(between) else ", ")
        pieces.append(span)


def _only_comma(text: str) -> bool:
    return re.sub(r"#[^\r\n]*", "", text).strip() == ","


def _indented(module: PythonModule, nodes: Sequence[ast.AST], indent: str) -> list[Piece]:
    """Statements with their comments, moved to ``indent``; lines inside of strings stay as they are."""
    span = Span(_start(module, nodes[0]), module.span(nodes[-1]).end)
    span = Span(_with_comments_above(module, span.start), span.end)
    new_line = module.new_line(Span(span.start, span.start))
    old = None if new_line is None else new_line.lstrip("\r\n")
    if old is None or old == indent:
        return [span]
    in_string: set[int] = set()
    for statement in nodes:
        for node in ast.walk(statement):
            if isinstance(node, (ast.JoinedStr, ast.Constant)) and node.end_lineno is not None:
                in_string.update(range(node.lineno + 1, node.end_lineno + 1))
    first, last = module.source.line_column(span.start)[0], module.source.line_column(span.end)[0]
    starts = [*module.source.line_starts, len(module.text)]
    pieces: list[Piece] = [Span(span.start, min(starts[first], span.end))]
    for line in range(first + 1, last + 1):
        start, end = starts[line - 1], min(starts[line], span.end)
        if line not in in_string and module.text.startswith(old, start, end):
            pieces += [indent, Span(start + len(old), end)]
        else:
            pieces.append(Span(start, end))
    return pieces


def _start(module: PythonModule, node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        return module.text.rindex("@", 0, module.span(decorators[0]).start)
    return module.span(node).start


def _with_comments_above(module: PythonModule, start: int) -> int:
    """Where the comments begin that stand on lines of their own right above the statement at ``start``."""
    starts = module.source.line_starts
    line = module.source.line_column(start)[0]
    while line > 1:
        above = module.text[starts[line - 2] : starts[line - 1]]
        if not above.lstrip().startswith("#"):
            break
        line -= 1
        start = starts[line - 1] + len(above) - len(above.lstrip())
    return start


def _check_comments(module: PythonModule, whole: Span, quoted: Sequence[Span]) -> None:
    if "#" not in module.text[whole.start : whole.end]:
        return
    for comment in module.comments:
        if whole.start <= comment.start < whole.end and not any(s.start <= comment.start < s.end for s in quoted):
            raise SourceError("a comment stands in what is to be replaced")


def _root(template: str) -> ast.AST:
    first = ast.parse(with_placeholders(template)).body[0]
    return first.value if isinstance(first, ast.Expr) else first


def _enclosed(text: str, span: Span) -> bool:
    """Whether brackets, what separates arguments, or the rest of an assignment stand around ``span``."""
    line_start = max(text.rfind("\n", 0, span.start), text.rfind("\r", 0, span.start)) + 1
    before, after = text[line_start : span.start], text[span.end : span.end + 200].lstrip(" \t")
    if after[:1] in ("", "\n", "\r", "#") and _ASSIGNED.search(before):
        return True
    return text[: span.start].rstrip()[-1:] in ("(", "[", ",") and after.lstrip()[:1] in (")", "]", ",")
