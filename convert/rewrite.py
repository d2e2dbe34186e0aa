"""Rewrite one statement or one literal with LibCST, keeping its comments, parentheses and line breaks.

Only the few lines around an edit ever become a LibCST tree: the rest of a file is never parsed by it nor printed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import libcst as cst

from .errors import SourceError
from .ruleset import ImportRule, StringRule

_Dotted = cst.Name | cst.Attribute


def rewrite_import(text: str, rules: Mapping[str, ImportRule]) -> str:
    """The import statement ``text`` with the modules of ``rules`` (by top-level name) replaced.

    The result binds the same names as before. Raises :class:`SourceError` if LibCST cannot reproduce the statement.
    """

    def transform(node: cst.CSTNode) -> cst.CSTNode:
        if isinstance(node, cst.ImportFrom) and node.module is not None:
            rule = rules.get(_root(node.module).value)
            return node.with_changes(module=_replace_root(node.module, rule)) if rule else node
        if isinstance(node, cst.Import):
            return node.with_changes(names=_import_names(node.names, rules))
        return node

    return _rewrite(text, transform)


def _import_names(names: Sequence[cst.ImportAlias], rules: Mapping[str, ImportRule]) -> list[cst.ImportAlias]:
    """The modules of an ``import`` statement after replacement.

    ``import torch.nn`` binds ``torch``, the package. To bind that name and no other, the package follows its submodule
    under the same name: ``import mindtorch.nn as torch, mindtorch as torch``. (A plain ``import mindtorch.nn`` would
    bind ``mindtorch`` as well, which a class body, a star import or a local variable of that name would notice.)
    """
    result: list[cst.ImportAlias] = []
    for index, alias in enumerate(names):
        root = _root(alias.name)
        rule = rules.get(root.value)
        if rule is None:
            result.append(alias)
            continue
        renamed = alias.with_changes(name=_replace_root(alias.name, rule))
        if alias.asname is not None:
            result.append(renamed)
            continue
        as_root = cst.AsName(name=cst.Name(root.value))
        following = names[index + 1] if index + 1 < len(names) else None
        bound_next = following is not None and following.asname is None and _root(following.name).value == root.value
        if isinstance(alias.name, cst.Name) or bound_next:
            result.append(renamed.with_changes(asname=as_root))
        else:
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            result.append(renamed.with_changes(asname=as_root, comma=comma))
            result.append(cst.ImportAlias(_target(rule), as_root, comma=alias.comma))
    return result


def rewrite_string(text: str, rule: StringRule) -> str:
    """The string literal ``text`` (adjacent literals count as one) with the module at its start replaced.

    Raises :class:`SourceError` if the module is not spelled out in the first piece.
    """

    def transform(node: cst.CSTNode) -> cst.CSTNode:
        literal = cst.ensure_type(node, cst.Expr).value
        return node.with_changes(value=replaced(cast(cst.BaseString, literal)))

    def replaced(literal: cst.BaseString) -> cst.BaseString:
        if isinstance(literal, cst.ConcatenatedString):
            return literal.with_changes(left=replaced(literal.left))
        if isinstance(literal, cst.SimpleString) and literal.raw_value.startswith(rule.module):
            start = len(literal.prefix) + len(literal.quote)
            rest = literal.value[start + len(rule.module) :]
            return literal.with_changes(value=literal.value[:start] + rule.target + rest)
        raise SourceError(f"the module name {rule.module} is not spelled out in this literal")

    # Adjacent literals may stand on several lines, which only parentheses allow.
    new = _rewrite(f"({text})", transform)[1:-1]
    if ast.literal_eval(f"({new})") != rule.renamed(ast.literal_eval(f"({text})")):
        raise SourceError(f"the module name {rule.module} is not spelled out in this literal")
    return new


def _rewrite(text: str, transform: Callable[[cst.CSTNode], cst.CSTNode]) -> str:
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise SourceError(f"LibCST cannot parse this statement: {error.message}") from error
    line = module.body[0] if module.body else None
    if not isinstance(line, cst.SimpleStatementLine) or module.code_for_node(line.body[0]) != text:
        raise SourceError("LibCST does not reproduce this statement")
    return module.code_for_node(transform(line.body[0]))


def _root(dotted: cst.BaseExpression) -> cst.Name:
    while isinstance(dotted, cst.Attribute):
        dotted = dotted.value
    return cst.ensure_type(dotted, cst.Name)


def _replace_root(dotted: _Dotted, rule: ImportRule) -> _Dotted:
    if isinstance(dotted, cst.Attribute):
        return dotted.with_changes(value=_replace_root(cast(_Dotted, dotted.value), rule))
    return _target(rule)


def _target(rule: ImportRule) -> _Dotted:
    root, *below = rule.target.split(".")
    target: _Dotted = cst.Name(root)
    for name in below:
        target = cst.Attribute(target, cst.Name(name))
    return target
