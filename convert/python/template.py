"""Fill the template of a pattern with what its metavariables stand for, quoted from the source as it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..edits import Edit, Piece, Span, check_disjoint, replacement
from ..errors import SourceError
from .arguments import argument_spans
from .comments import check_fstring, has_comment, rest_of_line
from .definitions import statement_span
from .filled import Filled
from .indents import Indents
from .insertion import lines_in_strings
from .module import PythonModule
from .names import Scope
from .parameters import parameters_span
from .patterns import MANY, ONE, Captures, parse_pattern, split_template
from .surroundings import Surroundings

# Expressions that nothing around them can tear apart.
_ATOMS = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp,
    ast.SetComp, ast.GeneratorExp, ast.JoinedStr,
)  # fmt: skip
# Expressions that mean something else as arguments, or on the right of an assignment.
_LOOSE = (ast.Tuple, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Starred)


@dataclass
class Filling:
    """One template on its way into a module.

    ``nodes`` are what matched, in ``scope`` and ``fstring``; ``heads`` are names in the template and how the module
    spells them. ``indents`` tells how lines that other edits move will be indented.
    """

    module: PythonModule
    rule: str
    template: str
    statements: bool
    captures: Captures
    nodes: Sequence[ast.AST]
    scope: Scope
    fstring: ast.JoinedStr | None
    heads: dict[str, ast.Name]
    surroundings: Surroundings
    indents: Indents
    moves: dict[int, tuple[str, str]] = field(default_factory=dict)

    def edits(self) -> list[Edit]:
        """The edits that put the template in place. Raises :class:`SourceError` if that cannot be done surely."""
        whole = self._whole()
        if self.statements:
            self._check_line(whole)
        marked = self._pieces(whole)
        new_line = self.module.new_line(whole)
        here = self.module.source.line_end if new_line is None else new_line
        pieces = [here if piece is None else piece for piece in marked]
        quoted = [piece for piece in pieces if isinstance(piece, Span)]
        if has_comment(self.module, whole, quoted):
            raise SourceError("a comment stands in what is to be replaced")
        check_fstring(self.module, self.fstring, self.nodes[0], "".join(p for p in pieces if isinstance(p, str)))
        edit = self.module.edit(self.rule, whole, *pieces)
        text = self._text(edit)
        if not self.statements and self._needs_parentheses(text):
            edit = self.module.edit(self.rule, whole, "(", *pieces, ")")
            text = self._text(edit)
        self._check_meaning(text, whole)
        gone = [span for span in self._captured() if not any(q.start <= span.start < q.end for q in quoted)]
        if self.statements and None in marked:
            # The line may be about to move itself.
            there = self.indents.new_line(self.module, whole, here)
            edit = self.module.edit(self.rule, whole, *(there if piece is None else piece for piece in marked))
        self.indents.add(self.rule, self.moves)
        self._note_places()
        return [replace(edit, discards=tuple(gone))]

    def _note_places(self) -> None:
        """What was captured will stand in other surroundings, which other edits have to know."""
        body = parse_pattern(self.template)
        tree = ast.Module(body, [])
        around = Surroundings(tree)
        root = body[0].value if not self.statements and isinstance(body[0], ast.Expr) else None
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id.startswith(ONE):
                place, at = (self.surroundings, self.nodes[0]) if node is root else (around, node)
                self.surroundings.move(self.captures.one[node.id.removeprefix(ONE)], place.takes_anything(at))

    def _whole(self) -> Span:
        spans = [self._span(node) for node in self.nodes]
        return Span(spans[0].start, spans[-1].end)

    def _span(self, node: ast.AST) -> Span:
        return statement_span(self.module, node) if isinstance(node, ast.stmt) else self.module.span(node, self.fstring)

    def _text(self, edit: Edit) -> str:
        moves = Indents()
        moves.add(self.rule, self.moves)
        return replacement(self.module.text, edit, check_disjoint(self.module.text, [edit, *moves.edits(self.module)]))

    def _check_line(self, whole: Span) -> None:
        if self.module.text.startswith("elif", whole.start) and isinstance(self.nodes[0], ast.If):
            raise SourceError("an elif cannot be replaced without the if that it belongs to")
        alone = self.module.new_line(whole) is not None
        behind = rest_of_line(self.module, whole.end).lstrip(" \t\f;")
        several = "\n" in self.template or "#" in self.template
        compound = any(hasattr(node, "body") for node in parse_pattern(self.template))
        if several and behind and not behind.startswith("#"):
            raise SourceError("the statement shares its line with another one, and several lines would take its place")
        if (several or compound) and not alone:
            raise SourceError("the statement does not start its line, and several lines would take its place")
        if "#" in self.template.rpartition("\n")[2] and behind:
            raise SourceError("a comment stands behind the statement, and the replacement has its own")

    def _pieces(self, whole: Span) -> list[Piece | None]:
        """The result; None stands for a line end and the indentation of the statement."""
        new_line = self.module.new_line(whole) if self.statements else None
        line_end = self.module.source.line_end
        indent = "" if new_line is None else new_line.removeprefix(line_end)
        bare = self._bare_occurrences()
        pieces: list[Piece | None] = []
        column = ""  # what the template has before this place, on its own line
        for index, (kind, text) in enumerate(_without_empty(split_template(self.template), self.captures)):
            if kind == "$":
                span = self.module.span(self.captures.one[text], self.fstring)
                pieces += [span] if index in bare else ["(", span, ")"]
            elif kind == "$*":
                pieces += self._many(text, indent, column)
            elif kind == "text":
                pieces.append(text.replace("\n", line_end))
            else:
                lines = text.split("\n")
                for number, line in enumerate(lines):
                    if number:
                        filled = self.statements and (line.strip() or number == len(lines) - 1)
                        pieces.append(None if filled else line_end)
                        column = ""
                    column += line
                    pieces += self._with_heads(line)
                continue
            column += "$"
        return pieces

    def _with_heads(self, code: str) -> list[Piece]:
        if not self.heads:
            return [code]
        pattern = "|".join(map(re.escape, self.heads))
        parts = re.split(rf"(?<![\w.])({pattern})(?!\w)(?!\s*=[^=])", code)
        spans = {name: self.module.span(node, self.fstring) for name, node in self.heads.items()}
        return [spans[part] if number % 2 else part for number, part in enumerate(parts)]

    def _bare_occurrences(self) -> set[int]:
        """Indices of the parts of the template that are expressions which need no parentheses there."""
        parts = _without_empty(split_template(self.template), self.captures)
        source: dict[str, str] = {}
        for name, node in self.captures.one.items():
            span = self.module.span(node, self.fstring)
            source[name] = self.module.text[span.start : span.end]

        def filled(without: int | None) -> str:
            return "".join(
                (source[text] if index == without else f"({source[text]})") if kind == "$"
                else f"*{MANY}{text}" if kind == "$*" else text
                for index, (kind, text) in enumerate(parts)
            )  # fmt: skip

        if not self.statements:  # the parentheses around all of it are another question
            parts = [("", "("), *parts, ("", ")")]
        wanted = _dump(_parse(filled(None)))
        found: set[int] = set()
        for index, (kind, _) in enumerate(parts):
            if kind == "$":
                try:
                    same = _dump(_parse(filled(index))) == wanted
                except SourceError:
                    same = False
                if same:
                    found.add(index - (not self.statements))
        return found

    def _many(self, name: str, indent: str, column: str) -> Sequence[Piece]:
        nodes = self.captures.many[name]
        if not nodes:
            return ["pass"]
        if isinstance(nodes[0], ast.stmt):
            return [self._moved(nodes, indent + column if not column.strip() else indent)]
        if isinstance(nodes[0], ast.arguments):
            return [self._parameters(name)]
        if name in self.captures.call:
            spans = argument_spans(self.module, self.captures.call[name], nodes, self.fstring)
        else:
            spans = [self.module.span(node, self.fstring) for node in nodes]
        pieces: list[Piece] = []
        for index, span in enumerate(spans):
            if index:
                between = Span(spans[index - 1].end, span.start)
                # All of it where the arguments follow each other in the source: comments and line breaks stay.
                follows = _only_comma(self.module.text[between.start : between.end])
                pieces.append(between if follows else ", ")
            pieces.append(span)
        return pieces

    def _parameters(self, name: str) -> Span:
        return parameters_span(self.module, self.captures.function[name])

    def _moved(self, nodes: Sequence[ast.AST], indent: str) -> Span:
        """Statements with the comments above them; notes what moves their lines to ``indent``."""
        span = Span(self._span(nodes[0]).start, self._span(nodes[-1]).end)
        span = Span(_with_comments_above(self.module, span.start), span.end)
        new_line = self.module.new_line(Span(span.start, span.start))
        if new_line is None:
            return span
        old = new_line.removeprefix(self.module.source.line_end)
        inside = {line for node in nodes for line in lines_in_strings(node)}
        first, last = self.module.source.line_column(span.start)[0], self.module.source.line_column(span.end)[0]
        for line in range(first, last + 1):
            start = self.module.source.line_starts[line - 1]
            moves = line not in inside and self.module.text.startswith(old, start)
            if moves and self.moves.setdefault(start, (old, indent)) != (old, indent):
                raise SourceError("the same statements would stand at two depths")
        return span

    def _needs_parentheses(self, text: str) -> bool:
        body = _parse(f"({text}\n)")
        root = body[0].value if isinstance(body[0], ast.Expr) else None
        own = len(_call(text).args) == 1 if isinstance(root, ast.Tuple) else root is None or _place(root) != (1, 1)
        if own:
            return False
        loose = isinstance(root, _LOOSE)
        whole = self._whole()
        before, after = self.module.text[: whole.start].rstrip()[-1:], self.module.text[whole.end :].lstrip()[:1]
        if (before, after) == ("(", ")") and not loose and not self.surroundings.is_moved(self.nodes[0]):
            return False
        try:
            ast.parse(text, mode="eval")
        except SyntaxError:
            return True  # goes on in the next line
        if self.fstring is not None:
            return not isinstance(root, _ATOMS) or text.startswith("{")
        if isinstance(root, _ATOMS) or (isinstance(root, ast.Constant) and not isinstance(root.value, (int, float))):
            return False
        return loose or not self.surroundings.takes_anything(self.nodes[0])

    def _check_meaning(self, text: str, whole: Span) -> None:
        """Raise :class:`SourceError` unless ``text`` means the template with what was captured in its places."""
        indent = (self.module.new_line(whole) or "").lstrip("\r\n")
        head = f"if 1:\n{indent}" if indent and self.statements else ""
        body = _parse(head + text if self.statements else f"({text})")
        if head:
            assert isinstance(body[0], ast.If)
            body = body[0].body
        wanted = [Filled(self.captures, self.heads).visit(node) for node in parse_pattern(self.template)]
        flat = [node for item in wanted for node in (item if isinstance(item, list) else [item])]
        if _dump(body) != _dump(flat):
            raise SourceError("what would take its place does not mean what the rule says")

    def _captured(self) -> Iterable[Span]:
        for node in self.captures.one.values():
            yield self._span(node)
        for nodes in self.captures.many.values():
            for item in nodes:
                if isinstance(item, (ast.expr, ast.stmt)):
                    yield self._span(item)
                elif isinstance(item, ast.keyword):
                    yield self._span(item.value)


def _without_empty(parts: list[tuple[str, str]], captures: Captures) -> list[tuple[str, str]]:
    """``parts`` of a template without the arguments, elements or parameters that there are none of, nor their comma."""
    result = list(parts)
    for index, (kind, name) in enumerate(parts):
        if kind != "$*" or not _none(captures, name):
            continue
        before, after = result[index - 1][1].rstrip(), result[index + 1][1].lstrip()
        if before.endswith(","):
            result[index - 1] = ("", before[:-1])
        elif after.startswith(","):
            result[index + 1] = ("", after[1:].lstrip())
        elif not before.endswith(("(", "[", "lambda")):
            continue  # a statement
        result[index] = ("", "")
    return result


def _none(captures: Captures, name: str) -> bool:
    nodes = captures.many[name]
    return not nodes or (isinstance(nodes[0], ast.arguments) and not any(ast.iter_child_nodes(nodes[0])))


def _parse(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SourceError("what would take its place is not Python here") from error


def _dump(body: Sequence[ast.AST]) -> str:
    return re.sub(r"ctx=(?:Store|Del)\(\)", "ctx=Load()", " ".join(map(ast.dump, body)))


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _call(text: str) -> ast.Call:
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def _only_comma(text: str) -> bool:
    return re.sub(r"#[^\r\n]*", "", text).strip() == ","


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
