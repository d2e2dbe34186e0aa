"""Where the parameters of a function stand."""

from __future__ import annotations

import ast
import io
import tokenize

from ..edits import Span
from ..errors import SourceError
from ..textfile import TextFile
from .module import PythonModule


def parameters_span(module: PythonModule, function: ast.AST) -> Span:
    """What stands between the parentheses of a ``def``, or between ``lambda`` and its colon."""
    start, end = module.span(function)
    text = module.text[start:end]
    opening, closing = (None, ":") if isinstance(function, ast.Lambda) else ("(", ")")
    lines = TextFile(text).line_starts
    depth = 0
    first: int | None = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            place = lines[token.start[0] - 1] + token.start[1]
            if first is None and depth == 0 and token.string == (opening or "lambda"):
                first = place + len(token.string)
                depth += opening is not None
            elif token.string in ("(", "[", "{"):
                depth += 1
            elif first is not None and token.string == closing and depth == (opening is not None):
                inside = text[first:place]
                lead = len(inside) - len(inside.lstrip())
                return Span(start + first + lead, start + first + len(inside.rstrip()))
            elif token.string in (")", "]", "}"):
                depth -= 1
    except (tokenize.TokenError, SyntaxError) as error:
        raise SourceError("where the parameters stand is unclear") from error
    raise SourceError("where the parameters stand is unclear")
