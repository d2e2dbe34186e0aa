"""Functions, classes and methods of a module by their qualified names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..edits import Span
from .module import PythonModule
from .names import BLOCKS

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Definition:
    """One definition, and the ``block`` that it stands in."""

    node: DefinitionNode
    block: Sequence[ast.stmt]

    @property
    def next(self) -> ast.stmt | None:
        """The statement after it."""
        index = self.block.index(self.node) + 1
        return self.block[index] if index < len(self.block) else None


def definitions(tree: ast.Module, name: str) -> Iterator[Definition]:
    """The definitions of ``name`` (``function``, ``Class``, ``Class.method``), also those under conditions."""
    first, _, rest = name.partition(".")
    for block in _blocks(tree.body):
        for node in block:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name != first:
                continue
            if not rest:
                yield Definition(node, block)
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
        for name in BLOCKS:
            inner = getattr(node, name, None)
            if isinstance(inner, list) and inner:
                if isinstance(inner[0], ast.stmt):
                    yield inner
                stack.extend(inner)


def statement_span(module: PythonModule, node: ast.stmt) -> Span:
    """Where a statement stands, with its decorators."""
    span = module.span(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.decorator_list:
        # The position of a decorator is that of its expression; the sign stands before.
        return Span(module.text.rindex("@", 0, module.span(node.decorator_list[0]).start), span.end)
    return span
