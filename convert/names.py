"""What names mean: scopes and bindings of one module, as far as imports reach.

Python resolves a name by the innermost scope that binds it. This module walks a syntax tree once, notes which scope
each node belongs to and what each scope binds, and then tells which qualified name (``importlib.import_module``) an
expression such as ``il.import_module`` stands for. A name that its scope also binds to something other than an import
or None (the ``except ImportError: mock = None`` habit) is not resolved: a rule must not guess.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class Scope:
    """One scope. ``imported`` has the qualified names that imports bind a name to; ``opaque`` what else is bound."""

    kind: str  # module, function, class or comprehension
    parent: Scope | None = None
    imported: dict[str, set[str]] = field(default_factory=dict)
    opaque: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    def binds(self, name: str) -> bool:
        """Whether this scope itself gives ``name`` a meaning."""
        return name in self.imported or name in self.opaque or name in self.parameters

    def enclosing(self) -> Iterator[Scope]:
        """The scopes in which a name used here is looked up, innermost first; of classes, only this very scope."""
        yield self
        scope = self.parent
        while scope is not None:
            if scope.kind != "class":
                yield scope
            scope = scope.parent


class Place(NamedTuple):
    """An expression node with its scope. ``in_fstring``: its position is not to be relied on before Python 3.12."""

    node: ast.expr
    scope: Scope
    in_fstring: bool


class Meaning(NamedTuple):
    """What a dotted expression stands for: qualified names (several after conditional imports), or a parameter."""

    qualified: frozenset[str] = frozenset()
    parameter: str | None = None


class Names:
    """The names of one module. ``places`` are all calls, subscripts and comparisons, in no particular order."""

    def __init__(self, tree: ast.Module) -> None:
        self.places: list[Place] = []
        self._module = Scope("module")
        self._scopes = [self._module]
        self._stack: list[tuple[ast.AST, Scope, bool]] = [(tree, self._module, False)]
        # An explicit stack: a chain of a thousand additions is legal and must not hit the recursion limit.
        while self._stack:
            self._visit(*self._stack.pop())
        for scope in self._scopes:
            self._move_declared(scope)

    def meaning(self, node: ast.expr, scope: Scope) -> Meaning:
        """What a name or a chain of attributes stands for in ``scope``."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return Meaning()
        below = "".join(f".{attribute}" for attribute in reversed(attributes))
        for place in scope.enclosing():
            if node.id in place.globals:
                place = self._module
            elif not place.binds(node.id):
                continue
            if node.id in place.opaque:
                return Meaning()
            if node.id in place.parameters:
                return Meaning(parameter=node.id + below)
            if node.id in place.imported:
                return Meaning(frozenset(name + below for name in place.imported[node.id]))
            break
        # Bound nowhere in this file: a builtin, or it came with a star import under its own name.
        return Meaning(frozenset([node.id + below]))

    def _push(self, scope: Scope, in_fstring: bool, *nodes: ast.AST | None) -> None:
        self._stack.extend((node, scope, in_fstring) for node in nodes if node is not None)

    def _inner(self, kind: str, parent: Scope) -> Scope:
        scope = Scope(kind, parent)
        self._scopes.append(scope)
        return scope

    def _visit(self, node: ast.AST, scope: Scope, in_fstring: bool) -> None:
        if isinstance(node, (ast.Call, ast.Subscript, ast.Compare)):
            self.places.append(Place(node, scope, in_fstring))
        if isinstance(node, _FUNCTIONS):
            self._visit_function(node, scope, in_fstring)
        elif isinstance(node, ast.ClassDef):
            scope.opaque.add(node.name)
            self._push(scope, in_fstring, *node.decorator_list, *node.bases, *node.keywords)
            inner = self._inner("class", scope)
            self._push(inner, in_fstring, *getattr(node, "type_params", ()), *node.body)
        elif isinstance(node, _COMPREHENSIONS):
            inner = self._inner("comprehension", scope)
            first = node.generators[0]
            self._push(scope, in_fstring, first.iter)
            self._push(inner, in_fstring, first.target, *first.ifs, *node.generators[1:])
            results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
            self._push(inner, in_fstring, *results)
        elif isinstance(node, ast.NamedExpr):
            while scope.kind == "comprehension" and scope.parent is not None:
                scope = scope.parent
            scope.opaque.add(node.target.id)
            self._push(scope, in_fstring, node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is None:
            self._push(scope, in_fstring, *(target for target in node.targets if not isinstance(target, ast.Name)))
        else:
            self._bind(node, scope)
            self._push(scope, in_fstring or isinstance(node, ast.JoinedStr), *ast.iter_child_nodes(node))

    def _visit_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope, in_fstring: bool
    ) -> None:
        inner = self._inner("function", scope)
        arguments = node.args
        self._push(scope, in_fstring, *arguments.defaults, *arguments.kw_defaults)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None:
                inner.parameters.add(argument.arg)
                self._push(scope, in_fstring, argument.annotation)
        if isinstance(node, ast.Lambda):
            self._push(inner, in_fstring, node.body)
        else:
            scope.opaque.add(node.name)
            self._push(scope, in_fstring, *node.decorator_list, node.returns)
            self._push(inner, in_fstring, *getattr(node, "type_params", ()), *node.body)

    @staticmethod
    def _bind(node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                name, qualified = (alias.asname, alias.name) if alias.asname else (root, root)
                scope.imported.setdefault(name, set()).add(qualified)
        elif isinstance(node, ast.ImportFrom):
            package = "." * node.level + (node.module or "")
            for alias in node.names:
                scope.imported.setdefault(alias.asname or alias.name, set()).add(f"{package}.{alias.name}")
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                scope.opaque.add(node.id)
        elif isinstance(node, ast.Global):
            scope.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.nonlocals.update(node.names)
        else:
            # except ... as name, case [... as name], **rest, and the type parameters of Python 3.12
            for attribute in ("name", "rest"):
                bound = getattr(node, attribute, None)
                if isinstance(bound, str) and not isinstance(node, ast.alias):
                    scope.opaque.add(bound)

    def _move_declared(self, scope: Scope) -> None:
        """Give what ``global`` and ``nonlocal`` names are bound to in ``scope`` to the scope that they belong to."""
        for name in scope.globals | scope.nonlocals:
            home = self._module
            if name in scope.nonlocals:
                outer = (place for place in scope.enclosing() if place is not scope and place.binds(name))
                home = next(outer, self._module)
            if home is scope:
                continue
            home.imported.setdefault(name, set()).update(scope.imported.pop(name, ()))
            if name in scope.opaque:
                scope.opaque.discard(name)
                home.opaque.add(name)
            if not home.imported[name]:
                del home.imported[name]
