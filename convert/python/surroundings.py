"""What stands around nodes: which list a statement is in, and whether an expression needs parentheses there."""

from __future__ import annotations

import ast
from typing import NamedTuple

# Where an expression of any precedence can stand as it is, unless it is a tuple or a yield.
_OPEN = {
    (ast.Expr, "value"), (ast.Assign, "value"), (ast.AnnAssign, "value"), (ast.AugAssign, "value"),
    (ast.Return, "value"), (ast.If, "test"), (ast.While, "test"), (ast.Assert, "test"), (ast.Assert, "msg"),
    (ast.Raise, "exc"), (ast.Call, "args"), (ast.keyword, "value"), (ast.List, "elts"), (ast.Tuple, "elts"),
    (ast.Set, "elts"), (ast.Subscript, "slice"), (ast.arguments, "defaults"), (ast.arguments, "kw_defaults"),
    (ast.ListComp, "elt"), (ast.SetComp, "elt"), (ast.Lambda, "body"), (ast.NamedExpr, "value"),
}  # fmt: skip


class _Place(NamedTuple):
    parent: ast.AST
    field: str
    siblings: list[ast.stmt]
    at: int


class Surroundings:
    """The parents of the nodes of a tree."""

    def __init__(self, tree: ast.Module) -> None:
        self._places: dict[ast.AST, _Place] = {}
        self._moved: dict[ast.AST, bool] = {}
        for parent in ast.walk(tree):
            for name in parent._fields:
                value = getattr(parent, name, None)
                if isinstance(value, list):
                    for index, item in enumerate(value):
                        self._places[item] = _Place(parent, name, value, index)
                elif isinstance(value, ast.AST):
                    self._places[value] = _Place(parent, name, [], 0)

    def following(self, node: ast.stmt, count: int) -> list[ast.stmt] | None:
        """``count`` statements from ``node`` on; None if there are fewer."""
        place = self._places[node]
        found = place.siblings[place.at : place.at + count]
        return found if len(found) == count else None

    def takes_anything(self, node: ast.AST) -> bool:
        """Whether an expression of any precedence can stand in the place of ``node`` without parentheses."""
        if node in self._moved:
            return self._moved[node]
        place = self._places[node]
        return (type(place.parent), place.field) in _OPEN

    def move(self, node: ast.AST, takes_anything: bool) -> None:
        """Note that ``node`` will stand elsewhere; ``takes_anything`` tells about that place."""
        self._moved[node] = takes_anything and self._moved.get(node, True)

    def is_moved(self, node: ast.AST) -> bool:
        """Whether ``node`` will stand elsewhere, without the parentheses that it has here."""
        return node in self._moved
