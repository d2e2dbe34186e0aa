"""What must not be lost or changed by accident in rewriting: comments, and f-strings that show their source."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Sequence

from ..edits import Span
from ..errors import SourceError
from .fstrings import shows_its_source
from .module import PythonModule

_SHOWS_SOURCE = re.compile(r"=\s*(?:![rsa]\s*)?[}:]")


def has_comment(module: PythonModule, whole: Span, quoted: Sequence[Span] = ()) -> bool:
    """Whether a comment stands in ``whole`` and in none of ``quoted``. Raises :class:`SourceError` if it is unclear."""
    if "#" not in module.text[whole.start : whole.end]:
        return False
    try:
        comments = module.comments
    except (tokenize.TokenError, SyntaxError) as error:  # lone carriage returns, which only the real parser understands
        raise SourceError("where comments begin in this file is unclear") from error
    return any(
        whole.start <= comment.start < whole.end and not any(q.start <= comment.start < q.end for q in quoted)
        for comment in comments
    )


def rest_of_line(module: PythonModule, offset: int) -> str:
    """What stands between ``offset`` and the end of its line."""
    match = re.compile(r"[^\r\n]*").match(module.text, offset)
    assert match is not None
    return match.group()


def check_fstring(module: PythonModule, fstring: ast.JoinedStr | None, node: ast.AST, new: str) -> None:
    """Raise :class:`SourceError` if ``node``, which stands in ``fstring``, cannot become code with ``new`` in it."""
    if fstring is None:
        return
    if any(character in new for character in "'\"\\#\r\n"):
        raise SourceError("inside an f-string, where quotes, backslashes and several lines cannot stand")
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    start, end = module.span(fstring)
    if any(shows_its_source(module.source, fstring, name) for name in names) or (
        not names and _SHOWS_SOURCE.search(module.text[start:end])
    ):
        raise SourceError("inside an f-string that prints its source")
