"""What a template means with what was captured in the places of its metavariables."""

from __future__ import annotations

import ast
import copy

from .patterns import MANY, ONE, Captures, many_name


class Filled(ast.NodeTransformer):
    """A template with copies of what was captured in place of the metavariables."""

    def __init__(self, captures: Captures, heads: dict[str, ast.Name]) -> None:
        self._captures = captures
        self._heads = heads

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id.startswith(ONE):
            return copy.deepcopy(self._captures.one[node.id.removeprefix(ONE)])
        return ast.Name(self._heads[node.id].id, node.ctx) if node.id in self._heads else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.AST]:
        name = many_name(node)
        if name is None:
            return self.generic_visit(node)
        return copy.deepcopy(self._captures.many[name]) or [ast.Pass()]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = next(filter(None, map(many_name, node.args)), None)
        keywords = [k for k in self._captures.many[name] if isinstance(k, ast.keyword)] if name else []
        place = next(((item.lineno, item.col_offset) for item in node.args if many_name(item)), (0, 0))
        before = sum((keyword.lineno, keyword.col_offset) < place for keyword in node.keywords)
        self.generic_visit(node)
        node.keywords[before:before] = copy.deepcopy(keywords)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST | list[ast.AST]:
        name = many_name(node)
        if name is None:
            return self.generic_visit(node)
        return [copy.deepcopy(item) for item in self._captures.many[name] if not isinstance(item, ast.keyword)]

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        if node.vararg is None or not node.vararg.arg.startswith(MANY):
            return self.generic_visit(node)
        (own,) = self._captures.many[node.vararg.arg.removeprefix(MANY)]
        return copy.deepcopy(own)
