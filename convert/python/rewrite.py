"""Rewrite one statement or one literal with LibCST, keeping its comments, parentheses and line breaks.

Only the few lines around an edit ever become a LibCST tree: the rest of a file is never parsed by it nor printed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import cast

import libcst as cst

from ..errors import SourceError
from .bound import Bound

_Dotted = cst.Name | cst.Attribute


def rewrite_import(text: str, plan: Sequence[Bound | None]) -> str:
    """The ``import`` statement ``text`` with each module as ``plan`` says; None leaves one as it is.

    Raises :class:`SourceError` if LibCST cannot reproduce the statement.
    """

    def transform(node: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
        return cst.ensure_type(node, cst.Import).with_changes(names=_import_names(node, plan))

    return _rewrite(text, transform)


def _import_names(node: cst.BaseSmallStatement, plan: Sequence[Bound | None]) -> list[cst.ImportAlias]:
    """The modules of an ``import`` statement after replacement.

    ``import torch.nn`` binds ``torch``, the package. To bind that name and no other, the package follows its submodule
    under the same name: ``import mindtorch.nn as torch, mindtorch as torch``. (A plain ``import mindtorch.nn`` would
    bind ``mindtorch`` as well, which a class body, a star import or a local variable of that name would notice.)
    """
    names = cst.ensure_type(node, cst.Import).names
    result: list[cst.ImportAlias] = []
    for index, (alias, bound) in enumerate(zip(names, plan, strict=True)):
        if bound is None:
            result.append(alias)
            continue
        renamed = alias.with_changes(name=_respelled(alias.name, bound.module))
        if alias.asname is not None or bound.name is None:
            result.append(renamed)
            continue
        as_root = cst.AsName(name=cst.Name(bound.name))
        following = names[index + 1] if index + 1 < len(names) else None
        bound_next = following is not None and following.asname is None and _root(following.name).value == bound.name
        if isinstance(alias.name, cst.Name) or bound_next:
            result.append(renamed.with_changes(asname=as_root))
        else:
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            result.append(renamed.with_changes(asname=as_root, comma=comma))
            result.append(cst.ImportAlias(_dotted(bound.package), as_root, comma=alias.comma))
    return result


def rewrite_from_import(text: str, plan: Sequence[tuple[str, str]], between: str | None) -> str:
    """The ``from ... import`` statement ``text``; ``plan`` has module and name for each name that it imports.

    Names that now come from different modules need several statements: those of the module that gives most names stay
    together, the others come before, separated by ``between`` (line end and indentation; None: on the same line). The
    names that are bound stay the same. Raises :class:`SourceError` if LibCST cannot reproduce the statement, or a
    comment would have no place.
    """
    modules = [module for module, _ in plan]
    main = max(dict.fromkeys(modules), key=modules.count)
    ahead: list[str] = []

    def transform(node: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
        node = cst.ensure_type(node, cst.ImportFrom)
        assert node.module is not None
        package = _respelled(node.module, main)
        if isinstance(node.names, cst.ImportStar):
            return node.with_changes(module=package)
        kept: list[cst.ImportAlias] = []
        moved: dict[str, list[tuple[cst.ImportAlias, cst.ImportAlias]]] = {}
        for alias, (module, name) in zip(node.names, plan, strict=True):
            new = alias
            if _code(alias.name) != name:
                asname: cst.AsName | None = alias.asname or cst.AsName(name=cst.ensure_type(alias.name, cst.Name))
                if asname is not None and _code(asname.name) == name:
                    asname = None
                new = alias.with_changes(name=cst.Name(name), asname=asname)
            if module == main:
                kept.append(new)
            else:
                moved.setdefault(module, []).append((alias, new))
        for module, aliases in moved.items():
            comments = [comment for old, _ in aliases for comment in _comments(old)]
            if comments and between is None:
                raise SourceError("a comment in this statement belongs to a name that comes from another module now")
            names = ", ".join(_code(new.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for _, new in aliases)
            ahead.append(f"from {module} import {names}" + "".join(f"  {comment}" for comment in comments))
        # A comma after the last name is only allowed in parentheses.
        if node.lpar is None and kept[-1] is not node.names[-1]:
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return node.with_changes(module=package, names=kept)

    rest = _rewrite(text, transform)
    separator = "; " if between is None else between
    return separator.join([*ahead, rest])


def _comments(alias: cst.ImportAlias) -> list[str]:
    if not isinstance(alias.comma, cst.Comma):
        return []
    space = alias.comma.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return []
    comments = [space.first_line.comment, *(line.comment for line in space.empty_lines)]
    return [comment.value for comment in comments if comment is not None]


def rewrite_string(text: str, old: str, new: str) -> str:
    """The string literal ``text`` (adjacent literals count as one) with ``new`` in place of ``old`` at its start.

    Raises :class:`SourceError` if ``old`` is not spelled out in the first piece.
    """

    def transform(node: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
        literal = cst.ensure_type(node, cst.Expr).value
        return node.with_changes(value=replaced(cast(cst.BaseString, literal)))

    def replaced(literal: cst.BaseString) -> cst.BaseString:
        if isinstance(literal, cst.ConcatenatedString):
            return literal.with_changes(left=replaced(literal.left))
        if isinstance(literal, cst.SimpleString) and literal.raw_value.startswith(old):
            start = len(literal.prefix) + len(literal.quote)
            return literal.with_changes(value=literal.value[:start] + new + literal.value[start + len(old) :])
        raise SourceError(f"the module name {old} is not spelled out in this literal")

    # Adjacent literals may stand on several lines, which only parentheses allow.
    result = _rewrite(f"({text})", transform)[1:-1]
    if ast.literal_eval(f"({result})") != new + ast.literal_eval(f"({text})")[len(old) :]:
        raise SourceError(f"the module name {old} is not spelled out in this literal")
    return result


def _rewrite(text: str, transform: Callable[[cst.BaseSmallStatement], cst.BaseSmallStatement]) -> str:
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise SourceError(f"LibCST cannot parse this statement: {error.message}") from error
    line = module.body[0] if module.body else None
    if not isinstance(line, cst.SimpleStatementLine) or module.code_for_node(line.body[0]) != text:
        raise SourceError("LibCST does not reproduce this statement")
    return module.code_for_node(transform(line.body[0]))


def _code(node: cst.CSTNode) -> str:
    return _EMPTY.code_for_node(node)


_EMPTY = cst.Module([])


def _root(dotted: cst.BaseExpression) -> cst.Name:
    while isinstance(dotted, cst.Attribute):
        dotted = dotted.value
    return cst.ensure_type(dotted, cst.Name)


def _respelled(node: cst.BaseExpression, name: str) -> _Dotted:
    """``node`` as the dotted ``name``; what both end with stays as it is written, spaces included."""
    package, _, last = name.rpartition(".")
    if package and isinstance(node, cst.Attribute) and node.attr.value == last:
        return node.with_changes(value=_respelled(node.value, package))
    return _dotted(name)


def _dotted(name: str) -> _Dotted:
    root, *below = name.split(".")
    target: _Dotted = cst.Name(root)
    for part in below:
        target = cst.Attribute(target, cst.Name(part))
    return target
