"""The arguments of a call: which parameter gets what, and edits that change them and leave the rest as it is written.

LibCST tells where each argument stands with its commas, parentheses and comments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..edits import Edit, Piece, Span
from ..errors import SourceError
from .comments import check_fstring, has_comment
from .module import PythonModule

# What an argument does besides being passed on; it cannot go without a trace.
_EFFECTS = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


@dataclass(frozen=True)
class ArgumentChanges:
    """What is to become of the arguments of a call.

    Parameters in ``drop`` go, those in ``rename`` get other names, those in ``add`` are given (as source) unless the
    call gives them. ``order`` are the positional parameters in their new order.
    """

    drop: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=dict, hash=False)
    add: Mapping[str, str] = field(default_factory=dict, hash=False)
    order: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.drop or self.rename or self.add or self.order)


NO_CHANGES = ArgumentChanges()


@dataclass(frozen=True)
class Argument:
    """One argument as written: ``span`` up to its comma, ``value`` without ``name=``, ``end`` where the next starts.

    ``parameter`` is None for ``*args``, ``**kwargs`` and what has no name in the signature. A comment that stands
    between this argument and the next one is ``commented``.
    """

    node: ast.expr
    span: Span
    value: Span
    end: int
    parameter: str | None
    keyword: bool
    commented: bool


class Arguments:
    """The arguments of a call, in the order of the source; ``signature`` names the positional parameters."""

    def __init__(
        self, module: PythonModule, call: ast.Call, signature: Sequence[str], fstring: ast.JoinedStr | None
    ) -> None:
        self._module = module
        self._call = call
        self._fstring = fstring
        span = module.span(call, fstring)
        nodes: list[tuple[ast.expr, str | None, bool]] = []
        self._starred = False
        for position, node in enumerate(call.args):
            self._starred = self._starred or isinstance(node, ast.Starred)
            named = not self._starred and position < len(signature)
            nodes.append((node, signature[position] if named else None, False))
        for keyword in call.keywords:
            self._starred = self._starred or keyword.arg is None
            nodes.append((keyword.value, keyword.arg, keyword.arg is not None))
        nodes.sort(key=lambda item: module.span(item[0], fstring))
        places, self._start = _places(module.text[span.start : span.end], span.start)
        self._written = [
            Argument(node, place, value, end, parameter, keyword, "#" in module.text[value.end : end])
            for (node, parameter, keyword), (place, value, end) in zip(nodes, places, strict=True)
        ]

    def given(self, parameter: str) -> ast.expr | None:
        """What the call gives ``parameter``; None if nothing. Raises :class:`SourceError` if ``*`` or ``**`` may."""
        for argument in self._written:
            if argument.parameter == parameter:
                return argument.node
        if self._starred:
            raise SourceError(f"whether {parameter} is given depends on * or ** arguments")
        return None

    def edits(self, rule: str, changes: ArgumentChanges) -> Iterator[Edit]:
        """The edits that make ``changes``. Raises :class:`SourceError` if they cannot be made here."""
        if self._starred and (changes.order or changes.drop or changes.rename):
            raise SourceError("the arguments are not all spelled out: * or ** is used")
        added = self._added(changes)
        self._check(changes, added)
        if changes.order and not self._in_order(changes):
            yield self._reordered(rule, changes, added)
            return
        kept = [argument for argument in self._written if argument.parameter not in changes.drop]
        for index, argument in enumerate(self._written):
            if argument.parameter is None:
                continue
            if argument.parameter in changes.drop:
                yield self._removed(rule, index, kept)
            elif argument.keyword and argument.parameter in changes.rename:
                end = argument.span.start + len(argument.parameter)
                yield self._edit(rule, argument.span.start, end, changes.rename[argument.parameter])
        if added and kept and self._bare_generator:
            (only,) = kept
            yield self._edit(rule, *only.span, "(", only.value, f"), {added}")
        elif added and kept:
            yield self._edit(rule, kept[-1].span.end, kept[-1].span.end, f", {added}")
        elif added:
            yield self._edit(rule, self._start, self._start, added)

    @property
    def _bare_generator(self) -> bool:
        """Whether the only argument is a generator expression whose parentheses are those of the call."""
        if len(self._written) != 1 or not isinstance(self._written[0].node, ast.GeneratorExp):
            return False
        return self._module.span(self._written[0].node, self._fstring).start < self._written[0].value.start

    def _added(self, changes: ArgumentChanges) -> str:
        """The source of the arguments to add. One that a renamed argument gives is there already."""
        given = {new for old, new in changes.rename.items() if any(a.parameter == old for a in self._written)}
        new = [name for name in changes.add if name not in given and self.given(name) is None]
        return ", ".join(f"{name}={changes.add[name]}" for name in new)

    def _check(self, changes: ArgumentChanges, added: str) -> None:
        kept = [a.parameter for a in self._written if a.parameter is not None and a.parameter not in changes.drop]
        names = [changes.rename.get(name, name) for name in kept]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SourceError(f"{twice} would be given twice")
        for argument in self._written:
            if argument.parameter in changes.drop and any(isinstance(n, _EFFECTS) for n in ast.walk(argument.node)):
                raise SourceError(f"what is given as {argument.parameter} does something besides")
        check_fstring(self._module, self._fstring, self._call, added)

    def _edit(self, rule: str, start: int, end: int, *pieces: Piece) -> Edit:
        return self._module.edit(rule, Span(start, end), *pieces)

    def _removed(self, rule: str, index: int, kept: Sequence[Argument]) -> Edit:
        """An argument goes with its comma; the last one with the comma before it, if an argument is left there."""
        argument = self._written[index]
        if argument.commented:
            raise SourceError("a comment stands beside the argument that is to go")
        span = Span(argument.span.start, argument.end)
        if not any(other.span.start > argument.span.start for other in kept) and index:
            previous = self._written[index - 1]
            if any(other.span.start < argument.span.start for other in kept) and not previous.commented:
                span = Span(previous.span.end, argument.span.end)
        if has_comment(self._module, span):
            raise SourceError("a comment stands in the argument that is to go")
        return replace(self._edit(rule, *span), discards=(span,))

    def _in_order(self, changes: ArgumentChanges) -> bool:
        positional = [argument.parameter for argument in self._written if not argument.keyword]
        return tuple(positional) == changes.order[: len(positional)]

    def _reordered(self, rule: str, changes: ArgumentChanges, added: str) -> Edit:
        by_name = {argument.parameter: argument for argument in self._written if argument.parameter is not None}
        if len(by_name) != len(self._written):
            raise SourceError("an argument has no place in the signature of the rule")
        if any(argument.commented for argument in self._written[:-1]):
            raise SourceError("a comment stands between the arguments that are to change places")
        dropped = tuple(argument.span for argument in self._written if argument.parameter in changes.drop)
        if any(has_comment(self._module, span) for span in dropped):
            raise SourceError("a comment stands in the argument that is to go")
        items: list[tuple[str, Argument]] = []
        for name in changes.order:
            if name not in by_name or by_name[name].keyword:
                break  # what comes after has to be given by name
            items.append(("", by_name.pop(name)))
        for name, argument in by_name.items():
            if name not in changes.drop:
                items.append((f"{changes.rename.get(name, name)}=", argument))
        text = self._module.text
        pieces: list[Piece] = []
        for index, (prefix, argument) in enumerate(items):
            if index:
                between = Span(self._written[index - 1].value.end, self._written[index].span.start)
                pieces.append(between if text[between.start : between.end].strip() == "," else ", ")
            # By name, a generator expression needs parentheses of its own.
            bare = prefix and self._bare_generator
            pieces += [prefix, "(", argument.value, ")"] if bare else [prefix, argument.value]
        if added:
            pieces.append(f", {added}" if items else added)
        edit = self._edit(rule, self._written[0].span.start, self._written[-1].span.end, *pieces)
        return replace(edit, discards=dropped)


def argument_spans(
    module: PythonModule, call: ast.Call, nodes: Sequence[ast.AST], fstring: ast.JoinedStr | None
) -> list[Span]:
    """The spans of some arguments of ``call`` (expressions and keywords), with the parentheses around them."""
    span = module.span(call, fstring)
    every = sorted([*call.args, *(keyword.value for keyword in call.keywords)], key=lambda n: module.span(n, fstring))
    places, _ = _places(module.text[span.start : span.end], span.start)
    by_node = {node: place for node, (place, _, _) in zip(every, places, strict=True)}
    for node in every:
        if isinstance(node, ast.GeneratorExp):
            # With parentheses, which may be those of the call.
            by_node[node] = min(by_node[node], module.span(node, fstring))
    return sorted(by_node[node.value if isinstance(node, ast.keyword) else node] for node in nodes)  # type: ignore[index]


def _places(text: str, offset: int) -> tuple[list[tuple[Span, Span, int]], int]:
    """For each argument of the call ``text`` (at ``offset``): its span, that of its value, and where the next starts.

    Also gives where the first argument stands, or would stand.
    """
    import libcst as cst

    try:
        # The call may stand on several lines, which only parentheses allow.
        module = cst.parse_module(f"({text})")
    except cst.ParserSyntaxError as error:
        raise SourceError(f"LibCST cannot parse this call: {error.message}") from error
    line = cst.ensure_type(module.body[0], cst.SimpleStatementLine)
    call = cst.ensure_type(cst.ensure_type(line.body[0], cst.Expr).value, cst.Call)

    def size(*nodes: cst.CSTNode | cst.MaybeSentinel | None) -> int:
        return sum(len(module.code_for_node(node)) for node in nodes if isinstance(node, cst.CSTNode))

    if module.code_for_node(call) != f"({text})" or len(call.lpar) != 1:
        raise SourceError("LibCST does not reproduce this call")
    position = offset + size(call.func, call.whitespace_after_func, call.whitespace_before_args) + 1
    first = position
    places: list[tuple[Span, Span, int]] = []
    for argument in call.args:
        value_end = position + size(argument) - size(argument.comma, argument.whitespace_after_arg)
        value = Span(value_end - size(argument.value), value_end)
        end = position + size(argument)
        places.append((Span(position, value_end), value, end))
        position = end
    return places, first
