"""Functions, classes and methods of a module by their qualified names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..edits import Span
from .module import PythonModule

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Definition:
    """One definition. It is ``alone`` if its block has no other statement; ``next`` is the statement after it."""

    node: DefinitionNode
    alone: bool
    next: ast.stmt | None


def definitions(tree: ast.Module, name: str) -> Iterator[Definition]:
    """The definitions of ``name`` (``function``, ``Class``, ``Class.method``), also those under conditions."""
    first, _, rest = name.partition(".")
    for block in _blocks(tree.body):
        for index, node in enumerate(block):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name != first:
                continue
            if not rest:
                following = block[index + 1] if index + 1 < len(block) else None
                yield Definition(node, len(block) == 1, following)
            elif isinstance(node, ast.ClassDef):
                yield from definitions(ast.Module(node.body, []), rest)


def _blocks(block: Sequence[ast.stmt]) -> Iterator[Sequence[ast.stmt]]:
    """``block`` and the blocks inside it that belong to the same scope."""
    yield block
    stack: list[ast.AST] = [*block]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in _BLOCKS:
            inner = getattr(node, name, None)
            if isinstance(inner, list) and inner:
                if isinstance(inner[0], ast.stmt):
                    yield inner
                stack.extend(inner)


def full_span(module: PythonModule, node: DefinitionNode) -> Span:
    """Where a definition stands, with its decorators."""
    span = module.span(node)
    if node.decorator_list:
        return Span(module.text.rindex("@", 0, module.span(node.decorator_list[0]).start), span.end)
    return span
