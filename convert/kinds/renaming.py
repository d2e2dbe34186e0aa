"""Rename style: not only imports change, but every use of the name that they bind (``torch.add`` to ``mindtorch.add``).

A name can be respelled where every place that binds or reads it is known. Where other code may look it up by its old
name (another file, ``eval``, ``__all__``, a class attribute), the import keeps binding the old name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..edits import Edit, Span
from ..errors import SourceError
from ..findings import Findings
from ..python.fstrings import shows_its_source
from ..python.module import PythonModule
from ..python.names import Place, Scope, bound_name
from ..python.sourcefile import SourceFile, parse
from ..settings import Settings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet
    from .imports import ImportRule

# By scope and name: the new name.
Renamed = dict[tuple[Scope, str], str]

# Calls that give access to names by their text, when they have fewer arguments than this.
_DYNAMIC = {"eval": 2, "exec": 2, "globals": 1, "locals": 1, "vars": 1, "dir": 1}
_BY_TEXT = re.compile(
    r"(?<![\w.])(?:eval|exec)\s*[,)\]]|\bmodules\[__name__\]|\b(?:f_globals|f_locals|f_builtins|__globals__)\b"
)
# Calls whose string arguments may be types.
_FORWARD = frozenset({"cast", "TypeVar", "ForwardRef", "NewType", "NamedTuple", "TypedDict", "make_dataclass"})
# Subscripts whose strings are data, with the number of arguments ahead of those that are types.
_DATA = {"Literal": 0, "Annotated": 1}


def symbols(
    module: PythonModule,
    by_module: Mapping[str, ImportRule],
    rules: RuleSet,
    settings: Settings,
    findings: Findings,
) -> Renamed:
    """The names that can be respelled; adds the edits of all their uses to ``findings``, and why others are kept."""
    renamed: Renamed = {}
    for node in module.imports:
        if not isinstance(node, ast.Import):
            continue
        for alias in node.names:
            root = alias.name.partition(".")[0]
            rule = by_module.get(root)
            if alias.asname is not None or rule is None or rule.unsupported is not None:
                continue
            home = module.names.home(root, module.names.import_scopes[node])
            assert home is not None
            told = any(kept.rule == rule.id and kept.line == node.lineno for kept in findings.kept)
            if (home, root) in renamed or told:
                continue
            new = rules.renamed(root)
            target = new.name if new else None
            reason = (
                _obstacle(module, home, root, target, settings)
                or _ignored(module, home, root, rule.id)
                or _not_converted(module, home, root, rules)
            )
            if reason is None:
                assert target is not None
                try:
                    edits = list(_edits(module, home, root, target, rule.id))
                except SourceError as error:
                    reason = error.reason
                else:
                    findings.edits += edits
                    renamed[home, root] = target
            if reason is not None:
                findings.kept.append(module.left(rule.id, node, f"keeps the name {root}: {reason}"))
    return renamed


def _obstacle(module: PythonModule, home: Scope, name: str, target: str | None, settings: Settings) -> str | None:
    """Why ``name`` of the scope ``home`` cannot be respelled as ``target``."""
    if target is None or "." in target:
        return f"{target or 'what takes its place'} is not a top-level module"
    if home.kind == "class":
        return "it is an attribute of a class"
    if home is module.names.module and _star_import(module):
        return "a star import may bind it as well"
    if name in home.aliased or name in home.fixed or name in home.parameters:
        return "something else is bound to it as well"
    if _mentioned(module, target):
        return f"this file uses the name {target} already"
    for place in module.names.places:
        call = place.node
        called = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
        if isinstance(call, ast.Call) and len(call.args) < _DYNAMIC.get(called, 0):
            return f"line {call.lineno} calls {called}, which may look it up"
    if home is module.names.module:
        return _class_lookup(module, name) or _seen(module, name, settings)
    return None


def _star_import(module: PythonModule) -> bool:
    """Whether everything that a module exports is taken from one that is not below ``module.roots``."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.names[0].name == "*"
        and (node.level or (node.module or "").partition(".")[0] not in module.roots)
        for node in module.imports
    )


def _mentioned(module: PythonModule, target: str) -> bool:
    """Whether the file uses the name ``target`` already, which may then mean something else, or be bound elsewhere."""
    if not re.search(rf"\b{target}\b", module.text):
        return False
    names = module.names
    bound = any(scope.binds(target) or target in scope.globals | scope.nonlocals for scope in names.scopes)
    return bound or any(isinstance(node, ast.Name) and node.id == target for node in ast.walk(module.tree))


def _class_lookup(module: PythonModule, name: str) -> str | None:
    """A class body looks up what it binds itself among the names of the module as long as it is not bound."""
    for use in module.names.uses:
        in_class = use.name.id == name and use.scope.kind == "class"
        if in_class and module.names.home(name, use.scope) is use.scope:
            return f"the class body in line {use.name.lineno} may look it up before it binds that name itself"
    return None


def _ignored(module: PythonModule, home: Scope, name: str, rule: str) -> str | None:
    if module.ignores.by_line:
        uses: list[tuple[ast.AST, Scope]] = [(use.name, use.scope) for use in module.names.uses if use.name.id == name]
        imports = [
            (node, scope)
            for node, scope in module.names.import_scopes.items()
            if any(bound_name(node, alias) == name for alias in node.names)
        ]
        for node, scope in (*uses, *imports):
            if module.names.home(name, scope) is home and module.ignored(rule, node):
                return f"line {module.line(node)} is to stay as it is"
    return None


def _not_converted(module: PythonModule, home: Scope, name: str, rules: RuleSet) -> str | None:
    for node, scope in module.names.import_scopes.items():
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.asname is None and bound_name(node, alias) == name and module.names.home(name, scope) is home:
                new = rules.renamed(alias.name)
                if new is not None and new.head != name:
                    return f"import {alias.name} in line {node.lineno} cannot be converted"
    return None


def _seen(module: PythonModule, name: str, settings: Settings) -> str | None:
    path = PurePosixPath(module.path)
    own = path.parent.name if path.stem == "__init__" else path.stem
    if not settings.seen_names.isdisjoint({(name, own), (name, "*")}):
        return "another file takes it from here, or may do so"
    if ("*", own) in settings.seen_names and "__all__" not in module.names.module.opaque:
        return "another file takes all names from here"
    if "__all__" in module.text and re.search(rf"""['"]{name}['"]""", module.text):
        return "__all__ may export it"
    for pattern in (_BY_TEXT, re.compile(rf"#[ \t]*type:(?![ \t]*ignore)[^\r\n]*(?<![\w.]){name}\b")):
        match = pattern.search(module.text)
        if match:
            line = module.source.line_column(match.start())[0]
            return f"{match.group()!r} in line {line} may look it up"
    doctest = re.search(rf"^[ \t]*(?:>>>|\.\.\.)[^\r\n]*(?<![\w.]){name}\.", module.text, re.MULTILINE)
    if doctest and not re.search(rf">>>[ \t]*import {name}\b", module.text):
        line = module.source.line_column(doctest.start())[0]
        return f"the doctest in line {line} uses it"
    return None


def _edits(module: PythonModule, home: Scope, name: str, target: str, rule: str) -> Iterator[Edit]:
    names = module.names
    for use in names.uses:
        if use.name.id == name and names.home(name, use.scope) is home:
            span = module.span(use.name, use.fstring)
            if module.text[span.start : span.end] != name:
                raise SourceError(f"line {use.name.lineno} spells it in other characters")
            if use.fstring is not None and shows_its_source(module.source, use.fstring, name):
                raise SourceError(f"an f-string in line {use.name.lineno} prints it")
            yield module.edit(rule, span, target, yields=True)
    for statement, scope in names.declarations:
        if name in statement.names and _declared_home(module, statement, scope, name) is home:
            span = module.span(statement)
            found = list(re.finditer(rf"\b{name}\b", module.text[span.start : span.end]))
            if len(found) != statement.names.count(name):
                raise SourceError(f"line {statement.lineno} spells it in other characters")
            for match in found:
                yield module.edit(rule, Span(span.start + match.start(), span.start + match.end()), target)
    in_annotations: set[ast.AST] = set()
    for annotation, scope in names.annotations:
        for text in _strings(module, annotation, scope, in_annotations):
            yield from _in_string(module, text, scope, home, name, target, rule)
    for place in names.places:
        _check_forward_references(module, place, in_annotations, name)


def _declared_home(module: PythonModule, node: ast.Global | ast.Nonlocal, scope: Scope, name: str) -> Scope | None:
    if isinstance(node, ast.Global):
        return module.names.module
    return next((s for s in scope.enclosing() if s is not scope and s.kind == "function" and s.binds(name)), None)


def _strings(
    module: PythonModule, annotation: ast.expr, scope: Scope, seen: set[ast.AST]
) -> Iterator[ast.Constant]:
    """The strings in an annotation that are types themselves; marks all strings that it has judged in ``seen``."""
    stack: list[ast.AST] = [annotation]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            seen.add(node)
            yield node
        elif isinstance(node, ast.Subscript):
            inside = _arguments(node)
            first_data = _first_data(module, node, scope)
            seen.update(inner for item in inside[first_data:] for inner in ast.walk(item))
            stack += [node.value, *inside[:first_data]]
        elif not isinstance(node, ast.Call):
            stack.extend(ast.iter_child_nodes(node))


def _arguments(node: ast.Subscript) -> list[ast.expr]:
    return [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]


def _first_data(module: PythonModule, node: ast.Subscript, scope: Scope) -> int | None:
    """How many arguments of a type are types themselves; None: all. (``Literal`` may have been imported as ``L``.)"""
    called = {node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")}
    called.update(name.rpartition(".")[2] for name in module.names.meaning(node.value, scope).qualified)
    return next((_DATA[kind] for kind in sorted(called) if kind in _DATA), None)


def _in_string(
    module: PythonModule, text: ast.Constant, scope: Scope, home: Scope, name: str, target: str, rule: str
) -> Iterator[Edit]:
    value = str(text.value)
    if name not in value or module.names.home(name, scope) is not home:
        return
    try:
        tree = parse(value)
    except SourceError:
        return  # no type, whatever it is
    if isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Name):
        return  # a module is no type: this is the name of something else
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    inner_strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    if any(isinstance(inner, str) and name in inner for inner in inner_strings):
        raise SourceError(f"the annotation in line {text.lineno} is a string in a string")
    span = module.span(text)
    literal = module.text[span.start : span.end]
    if found and literal[1:-1] != value:
        raise SourceError(f"the annotation in line {text.lineno} is a string that is not spelled out plainly")
    inner = SourceFile(value)
    for node in found:
        start = span.start + 1 + inner.span(node).start
        yield module.edit(rule, Span(start, start + len(name)), target)


def _check_forward_references(module: PythonModule, place: Place, seen: set[ast.AST], name: str) -> None:
    """Raise :class:`SourceError` if a string outside annotations may be a type that mentions ``name``."""
    node = place.node
    candidates: list[ast.expr] = []
    if isinstance(node, ast.Subscript):
        candidates = _arguments(node)[: _first_data(module, node, place.scope)]
    elif isinstance(node, ast.Call):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in _FORWARD:
            candidates = [*node.args, *(keyword.value for keyword in node.keywords)]
    while candidates:
        item = candidates.pop()
        if isinstance(item, (ast.List, ast.Tuple)):
            candidates += item.elts
        elif isinstance(item, ast.Dict):
            candidates += item.values
        text = item.value if isinstance(item, ast.Constant) and item not in seen else None
        if isinstance(text, str) and re.search(rf"(?<![\w.]){name}\.\w", text):
            raise SourceError(f"the string in line {item.lineno} may be a type that mentions it")
