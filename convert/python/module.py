"""One parsed Python file: its text, its tree and its names, and how to say what is to become of a part of it."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass, field
from functools import cached_property

from ..edits import Edit, Left, Piece, Span
from ..ignores import Ignores
from ..textfile import LINE_END
from .fstrings import relocate
from .names import ImportNode, Names, bound_name, import_statements
from .sourcefile import SourceFile


@dataclass
class PythonModule:
    """A file that parses. ``roots`` are the top-level modules, ``recorded`` the node types that somebody asks about."""

    source: SourceFile
    tree: ast.Module
    ignores: Ignores = field(default_factory=Ignores)
    roots: frozenset[str] = frozenset()
    path: str = ""
    recorded: frozenset[type[ast.AST]] = frozenset()
    imports: list[ImportNode] = field(init=False)

    def __post_init__(self) -> None:
        self.imports = sorted(import_statements(self.tree), key=lambda node: (node.lineno, node.col_offset))

    @property
    def text(self) -> str:
        """The source."""
        return self.source.text

    @cached_property
    def names(self) -> Names:
        """Scopes and meanings. Watches every name that an import binds to something in ``roots``, and the roots."""
        watched = set(self.roots)
        for node in self.imports:
            for alias in node.names:
                module = alias.name if isinstance(node, ast.Import) else node.module or ""
                if module.partition(".")[0] in self.roots:
                    watched.add(bound_name(node, alias))
        return Names(self.tree, frozenset(watched), self.recorded)

    def span(self, node: ast.AST, fstring: ast.JoinedStr | None = None) -> Span:
        """Where ``node`` stands, inside ``fstring`` if that is given. Raises :class:`.SourceError` if it is unclear."""
        if fstring is not None:
            relocate(self.source, fstring)
        return self.source.span(node)

    def line(self, node: ast.AST) -> int:
        """The line of a node that has one; good enough to be read, also inside an f-string."""
        line: int = node.lineno  # type: ignore[attr-defined]
        return line

    def ignored(self, rule: str, node: ast.AST) -> bool:
        """Whether a comment on the lines of ``node`` says that ``rule`` is to be ignored there."""
        return bool(self.ignores.by_line) and self.ignores.covers(rule, node.lineno, node.end_lineno)  # type: ignore[attr-defined]

    def edit(self, rule: str, span: Span, *pieces: Piece, yields: bool = False) -> Edit:
        """An edit of the text at ``span``."""
        return self.source.edit(rule, span.start, span.end, *pieces, yields=yields)

    def left(self, rule: str, node: ast.AST, reason: str) -> Left:
        """What stays at ``node``, and why."""
        return Left(reason, self.line(node), rule, self.excerpt(node))

    def new_line(self, span: Span) -> str | None:
        """Line end and indentation between two statements at ``span``; None if that does not start its line."""
        start = self.source.line_starts[self.source.line_column(span.start)[0] - 1]
        indent = self.text[start : span.start]
        continued = self.text[:start].rstrip("\r\n").endswith("\\")
        return self.source.line_end + indent if not indent.strip(" \t\f") and not continued else None

    def whole_lines(self, span: Span) -> Span:
        """``span`` with the indentation before and the line end after it, where nothing else stands on its lines."""
        start = self.source.line_starts[self.source.line_column(span.start)[0] - 1]
        rest = LINE_END.split(self.text[span.end :], maxsplit=1)[0]
        if self.text[start : span.start].strip(" \t\f") or rest.strip(" \t\f"):
            return span
        end = span.end + len(rest)
        match = LINE_END.match(self.text, end)
        return Span(start, match.end() if match else end)

    @cached_property
    def comments(self) -> list[Span]:
        """Where comments stand, in order."""
        lines = self.source.line_starts
        found: list[Span] = []
        for token in tokenize.generate_tokens(io.StringIO(self.text, newline="").readline):
            if token.type == tokenize.COMMENT:
                start = lines[token.start[0] - 1] + token.start[1]
                found.append(Span(start, start + len(token.string)))
        return found

    def excerpt(self, node: ast.AST) -> str:
        """The source of ``node``, to be read by people."""
        span = self.source.span(node)
        return self.text[span.start : span.end]
