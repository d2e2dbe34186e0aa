"""What names mean: scopes and bindings of one module, as far as imports reach.

Python resolves a name by the innermost scope that binds it. This module walks a syntax tree once, notes which scope
each node belongs to and what each scope binds, and then tells which qualified name (``importlib.import_module``) an
expression such as ``il.import_module`` stands for. A name that its scope also binds to something other than an import
or None (the ``except ImportError: mock = None`` habit) is not resolved: a rule must not guess.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

ImportNode = ast.Import | ast.ImportFrom

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
# Where a statement, a handler or a case has other statements in it.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(eq=False, slots=True)
class Scope:
    """One scope. ``imported`` has the qualified names that imports bind a name to; ``opaque`` what else is bound.

    ``plain`` are names bound by ``import name`` or ``import name.below``, ``aliased`` those bound by other imports.
    ``fixed`` are opaque names that a definition, an ``except`` or a pattern binds. ``empty`` are those set to None.
    """

    kind: str  # module, function, class or comprehension
    parent: Scope | None = None
    imported: dict[str, set[str]] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    aliased: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    def binds(self, name: str) -> bool:
        """Whether this scope itself gives ``name`` a meaning."""
        return name in self.imported or name in self.opaque or name in self.parameters or name in self.empty

    def enclosing(self) -> Iterator[Scope]:
        """The scopes in which a name used here is looked up, innermost first; of classes, only this very scope."""
        yield self
        scope = self.parent
        while scope is not None:
            if scope.kind != "class":
                yield scope
            scope = scope.parent


class Place(NamedTuple):
    """A call, subscript or comparison with its scope, and the f-string that it stands in."""

    node: ast.expr
    scope: Scope
    fstring: ast.JoinedStr | None


class Use(NamedTuple):
    """A name with all the attributes after it. ``node`` is the whole of it, ``name`` where it starts."""

    node: ast.expr
    name: ast.Name
    scope: Scope
    fstring: ast.JoinedStr | None


class Meaning(NamedTuple):
    """What a dotted expression stands for: qualified names (several after conditional imports), or a parameter."""

    qualified: frozenset[str] = frozenset()
    parameter: str | None = None


NOTHING = Meaning()


def import_statements(tree: ast.Module) -> Iterator[ImportNode]:
    """Every import statement, at any depth, in no particular order.

    Visits statements only: imports do not occur in expressions, and most of a tree is expressions.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
            continue
        for block in BLOCKS:
            inner = getattr(node, block, None)
            if isinstance(inner, list):  # a lambda and a conditional expression have a body too, which is no list
                stack.extend(inner)


def bound_name(node: ImportNode, alias: ast.alias) -> str:
    """The name that one alias of an import statement binds."""
    if alias.asname:
        return alias.asname
    return alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name


def dotted(node: ast.expr) -> tuple[ast.Name, list[str]] | None:
    """The name that a chain of attributes starts with, and the attributes; None for any other expression."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    attributes.reverse()
    return node, attributes


class Names:
    """The names of one module.

    ``places`` are all calls, subscripts and comparisons, ``uses`` all names of ``watched`` with the attributes after
    them, ``declarations`` all ``global`` and ``nonlocal`` statements, in no particular order. ``called`` has the call
    whose function an expression is; ``decorators`` and ``bases`` (of classes) are expressions at such a place.
    ``recorded`` are all nodes of the types asked for. ``annotations`` are type annotations with their scopes,
    ``import_scopes`` the scopes of import statements.
    """

    def __init__(
        self, tree: ast.Module, watched: frozenset[str], recorded: frozenset[type[ast.AST]] = frozenset()
    ) -> None:
        self.watched = watched
        self.recorded: list[tuple[ast.AST, Scope, ast.JoinedStr | None]] = []
        self.places: list[Place] = []
        self.uses: list[Use] = []
        self.called: dict[ast.expr, ast.Call] = {}
        self.decorators: set[ast.expr] = set()
        self.bases: set[ast.expr] = set()
        self.annotations: list[tuple[ast.expr, Scope]] = []
        self.declarations: list[tuple[ast.Global | ast.Nonlocal, Scope]] = []
        self.import_scopes: dict[ImportNode, Scope] = {}
        self._records_attributes = ast.Attribute in recorded
        self.module = Scope("module")
        self.scopes = [self.module]
        self._stack: list[tuple[ast.AST, Scope, ast.JoinedStr | None]] = [(tree, self.module, None)]
        # An explicit stack: a chain of a thousand additions is legal and must not hit the recursion limit.
        stack, visitors, others = self._stack, _VISITORS, _other_fields
        while stack:
            item = node, scope, fstring = stack.pop()
            kind = type(node)
            if kind in recorded:
                self.recorded.append(item)
            visit = visitors.get(kind)
            if visit is not None:
                visit(self, node, scope, fstring)
                continue
            for name in others(kind):
                value = getattr(node, name, None)
                if isinstance(value, list):
                    for inner in value:
                        if isinstance(inner, ast.AST):
                            stack.append((inner, scope, fstring))
                elif isinstance(value, ast.AST):
                    stack.append((value, scope, fstring))
        for scope in self.scopes:
            if scope.globals or scope.nonlocals:
                self._move_declared(scope)

    def home(self, name: str, scope: Scope) -> Scope | None:
        """The scope that binds ``name`` as it is used in ``scope``; None if this file binds it nowhere."""
        for place in scope.enclosing():
            if name in place.globals:
                return self.module if self.module.binds(name) else None
            if place.binds(name):
                return place
        return None

    def meaning(self, node: ast.expr, scope: Scope) -> Meaning:
        """What a name or a chain of attributes stands for in ``scope``."""
        chain = dotted(node)
        if chain is None:
            return NOTHING
        name, attributes = chain
        return self.meaning_of(name.id, "".join(f".{attribute}" for attribute in attributes), scope)

    def meaning_of(self, name: str, below: str, scope: Scope) -> Meaning:
        """What ``name`` with ``below`` after it (empty, or it starts with a dot) stands for in ``scope``."""
        home = self.home(name, scope)
        if home is None:
            # Bound nowhere in this file: a builtin, or it came with a star import under its own name.
            return Meaning(frozenset([name + below]))
        if name in home.opaque or (name in home.empty and name not in home.imported):
            return NOTHING
        if name in home.parameters:
            return Meaning(parameter=name + below)
        return Meaning(frozenset(qualified + below for qualified in home.imported[name]))

    def _push(self, scope: Scope, fstring: ast.JoinedStr | None, *nodes: ast.AST | None) -> None:
        self._stack.extend((node, scope, fstring) for node in nodes if node is not None)

    def _inner(self, kind: str, parent: Scope) -> Scope:
        scope = Scope(kind, parent)
        self.scopes.append(scope)
        return scope

    def _attribute(self, node: ast.Attribute, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        inner: ast.expr = node.value
        while isinstance(inner, ast.Attribute):
            if self._records_attributes:
                self.recorded.append((inner, scope, fstring))
            inner = inner.value
        if not isinstance(inner, ast.Name):
            self._stack.append((inner, scope, fstring))
        elif inner.id in self.watched:
            self.uses.append(Use(node, inner, scope, fstring))

    def _name(self, node: ast.Name, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        if not isinstance(node.ctx, ast.Load):
            scope.opaque.add(node.id)
        if node.id in self.watched:
            self.uses.append(Use(node, node, scope, fstring))

    def _call(self, node: ast.Call, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self.places.append(Place(node, scope, fstring))
        self.called[node.func] = node
        self._push(scope, fstring, node.func, *node.args, *(keyword.value for keyword in node.keywords))

    def _place(self, node: ast.Subscript | ast.Compare, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self.places.append(Place(node, scope, fstring))
        if isinstance(node, ast.Subscript):
            self._push(scope, fstring, node.value, node.slice)
        else:
            self._push(scope, fstring, node.left, *node.comparators)

    def _type_parameters(self, node: ast.AST, scope: Scope) -> Scope:
        """The scope inside the type parameters of ``node``, if it has any (from Python 3.12 on)."""
        parameters = getattr(node, "type_params", ())
        inner = self._inner("function", scope) if parameters else scope
        self._push(inner, None, *parameters)
        return inner

    def _function(self, node: _Function, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        inner = self._inner("function", self._type_parameters(node, scope))
        arguments = node.args
        self._push(scope, fstring, *arguments.defaults, *arguments.kw_defaults)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None:
                inner.parameters.add(argument.arg)
                if argument.annotation is not None:
                    self.annotations.append((argument.annotation, scope))
                    self._push(scope, fstring, argument.annotation)
        if isinstance(node, ast.Lambda):
            self._push(inner, fstring, node.body)
            return
        scope.opaque.add(node.name)
        scope.fixed.add(node.name)
        self.decorators.update(node.decorator_list)
        if node.returns is not None:
            self.annotations.append((node.returns, scope))
        self._push(scope, fstring, *node.decorator_list, node.returns)
        self._push(inner, fstring, *node.body)

    def _class(self, node: ast.ClassDef, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        scope.opaque.add(node.name)
        scope.fixed.add(node.name)
        self.decorators.update(node.decorator_list)
        self.bases.update(node.bases)
        self._push(scope, fstring, *node.decorator_list, *node.bases, *node.keywords)
        inner = self._inner("class", self._type_parameters(node, scope))
        self._push(inner, fstring, *node.body)

    def _comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: Scope,
        fstring: ast.JoinedStr | None,
    ) -> None:
        inner = self._inner("comprehension", scope)
        first = node.generators[0]
        self._push(scope, fstring, first.iter)
        self._push(inner, fstring, first.target, *first.ifs, *node.generators[1:])
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        self._push(inner, fstring, *results)

    def _named(self, node: ast.NamedExpr, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        home = scope
        while home.kind == "comprehension" and home.parent is not None:
            home = home.parent
        self._push(home, fstring, node.target)
        self._push(scope, fstring, node.value)

    def _assign(self, node: ast.Assign, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self._push(scope, fstring, node.value)
        none = isinstance(node.value, ast.Constant) and node.value.value is None
        for target in node.targets:
            if none and isinstance(target, ast.Name):
                scope.empty.add(target.id)
                if target.id in self.watched:
                    self.uses.append(Use(target, target, scope, fstring))
            else:
                self._push(scope, fstring, target)

    def _annotated(self, node: ast.AnnAssign, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self.annotations.append((node.annotation, scope))
        self._push(scope, fstring, node.target, node.annotation, node.value)

    def _joined(self, node: ast.JoinedStr, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self._push(scope, fstring or node, *node.values)

    def _import(self, node: ImportNode, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self.import_scopes[node] = scope
        package = "" if isinstance(node, ast.Import) else "." * node.level + (node.module or "")
        for alias in node.names:
            name = bound_name(node, alias)
            whole = alias.name if alias.asname else name
            qualified = f"{package}.{alias.name}" if package else whole
            scope.imported.setdefault(name, set()).add(qualified)
            plain = isinstance(node, ast.Import) and alias.asname is None
            (scope.plain if plain else scope.aliased).add(name)

    def _declare(self, node: ast.Global | ast.Nonlocal, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        self.declarations.append((node, scope))
        (scope.globals if isinstance(node, ast.Global) else scope.nonlocals).update(node.names)

    def _binder(self, node: ast.AST, scope: Scope, fstring: ast.JoinedStr | None) -> None:
        # except ... as name, case [... as name], **rest, and the type parameters of Python 3.12
        for attribute in ("name", "rest"):
            bound = getattr(node, attribute, None)
            if isinstance(bound, str):
                scope.opaque.add(bound)
                scope.fixed.add(bound)
        self._push(scope, fstring, *ast.iter_child_nodes(node))

    def _move_declared(self, scope: Scope) -> None:
        """Give what ``global`` and ``nonlocal`` names are bound to in ``scope`` to the scope that they belong to."""
        for name in scope.globals | scope.nonlocals:
            home = self.module
            if name in scope.nonlocals:
                outer = (place for place in scope.enclosing() if place is not scope and place.binds(name))
                home = next(outer, self.module)
            if home is scope:
                continue
            if name in scope.imported:
                home.imported.setdefault(name, set()).update(scope.imported.pop(name))
            for bound in ("plain", "aliased", "opaque", "fixed", "empty"):
                if name in getattr(scope, bound):
                    getattr(scope, bound).discard(name)
                    getattr(home, bound).add(name)


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def _other_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node in which there can be nodes; not contexts and operators, which are most nodes."""
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(name for name in kind._fields if name not in ("ctx", "op", "ops"))
    return found


def _skip(names: Names, node: ast.AST, scope: Scope, fstring: ast.JoinedStr | None) -> None:
    """A node without anything in it."""


_VISITORS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Constant: _skip,
    ast.Pass: _skip,
    ast.Attribute: Names._attribute,
    ast.Name: Names._name,
    ast.Call: Names._call,
    ast.Subscript: Names._place,
    ast.Compare: Names._place,
    ast.FunctionDef: Names._function,
    ast.AsyncFunctionDef: Names._function,
    ast.Lambda: Names._function,
    ast.ClassDef: Names._class,
    ast.ListComp: Names._comprehension,
    ast.SetComp: Names._comprehension,
    ast.DictComp: Names._comprehension,
    ast.GeneratorExp: Names._comprehension,
    ast.NamedExpr: Names._named,
    ast.Assign: Names._assign,
    ast.AnnAssign: Names._annotated,
    ast.JoinedStr: Names._joined,
    ast.Import: Names._import,
    ast.ImportFrom: Names._import,
    ast.Global: Names._declare,
    ast.Nonlocal: Names._declare,
    ast.ExceptHandler: Names._binder,
    ast.MatchAs: Names._binder,
    ast.MatchStar: Names._binder,
    ast.MatchMapping: Names._binder,
    **{getattr(ast, name): Names._binder for name in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(ast, name)},
}
