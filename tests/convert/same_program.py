"""Proof that a converted module is the same program: by tokens, and by the scopes that Python's own compiler finds.

Knows nothing of how the converter works. ``modules`` maps the top-level modules that were replaced to the new ones.
"""

from __future__ import annotations

import ast
import io
import re
import symtable
import tokenize
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)
Position = tuple[int, int]


@dataclass(frozen=True)
class Listed:
    """A change as the report lists it: where it starts (line, column from 0), what was there, the kind of its rule."""

    start: Position
    before: str
    kind: str = "import"

    def covers(self, position: Position) -> bool:
        lines = self.before.split("\n")
        end = (self.start[0] + len(lines) - 1, len(lines[-1]) + (self.start[1] if len(lines) == 1 else 0))
        return self.start <= position < end


class Module:
    """One side: its tokens, with each import statement as a single one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.tree = ast.parse(text)
        self.annotations = [self.span(node) for node in self.annotation_nodes()]
        imports = [self.span(n) for n in ast.walk(self.tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        self.tokens = list(self.collapsed(sorted(imports)))

    def span(self, node: ast.stmt | ast.expr) -> tuple[Position, Position]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.position(node.lineno, node.col_offset), self.position(node.end_lineno, node.end_col_offset)

    def position(self, line: int, column: int) -> Position:
        return line, len(self.lines[line - 1].encode()[:column].decode())

    def annotation_nodes(self) -> Iterator[ast.expr]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
                yield node.annotation
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
                yield node.returns

    def collapsed(self, imports: Sequence[tuple[Position, Position]]) -> Iterator[tokenize.TokenInfo]:
        waiting = list(imports)
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            while waiting and token.start >= waiting[0][1]:
                del waiting[0]
            inside = bool(waiting) and waiting[0][0] <= token.start < waiting[0][1]
            if inside and token.start == waiting[0][0]:
                yield token._replace(type=-1, string="import statement")
            if not inside:
                yield token


def check_same_program(before: str, after: str, modules: Mapping[str, str], changes: Sequence[Listed]) -> int:
    """Raise AssertionError where ``after`` is another program than ``before``; returns how many tokens differ."""
    old, new = Module(before), Module(after)
    assert len(old.tokens) == len(new.tokens)
    differ = 0
    for first, second in zip(old.tokens, new.tokens, strict=True):
        where = f"line {first.start[0]}: {first.string!r} became {second.string!r}"
        assert first.type == second.type, where
        if first.string == second.string:
            continue
        differ += 1
        kinds = {change.kind for change in changes if change.covers(first.start)}
        fstring = first.type == tokenize.STRING and "f" in re.match(r"\w*", first.string)[0].lower()  # type: ignore[index]
        if first.type == tokenize.NAME:
            assert "import" in kinds, where
            assert modules.get(first.string) == second.string, where
        elif fstring:
            # Its parts are changes; the rest of it must not have changed.
            assert any(change.start[0] <= first.end[0] for change in changes), where
            assert spelled_back(second.string, modules) == ast.dump(ast.parse(first.string)), where
        else:
            assert first.type == tokenize.STRING, where
            check_string(old, first, second, modules, kinds, where)
    check_trees(old.tree, new.tree, modules)
    check_scopes(before, after, modules)
    return differ


def check_string(
    old: Module,
    first: tokenize.TokenInfo,
    second: tokenize.TokenInfo,
    modules: Mapping[str, str],
    kinds: set[str],
    where: str,
) -> None:
    """A string changes if it is a module path that a rule names, or a type in an annotation."""
    value, became = ast.literal_eval(first.string), ast.literal_eval(second.string)
    if "import" in kinds and any(start <= first.start < end for start, end in old.annotations):
        assert spelled_back(became, modules) == ast.dump(ast.parse(value)), where
        return
    assert "string" in kinds, where
    root, dot, below = value.partition(".")
    assert root in modules, where
    assert became == modules[root] + dot + below, where


def spelled_back(source: str, modules: Mapping[str, str]) -> str:
    """The tree of ``source`` with the new names in their old spelling."""
    back = {new: old for old, new in modules.items()}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = back.get(node.id, node.id)
    return ast.dump(tree)


def check_trees(before: ast.AST, after: ast.AST, modules: Mapping[str, str]) -> None:
    """Names may have changed; attributes, arguments, keywords and everything else may not."""
    stack: list[tuple[object, object]] = [(before, after)]
    while stack:
        old, new = stack.pop()
        assert type(old) is type(new)
        if isinstance(old, list) and isinstance(new, list):
            stack += zip(old, new, strict=True)
        elif isinstance(old, ast.Name) and isinstance(new, ast.Name):
            assert new.id in (old.id, modules.get(old.id)), f"line {old.lineno}: {old.id} became {new.id}"
        elif isinstance(old, (ast.Global, ast.Nonlocal)) and isinstance(new, (ast.Global, ast.Nonlocal)):
            assert all(b in (a, modules.get(a)) for a, b in zip(old.names, new.names, strict=True))
        elif isinstance(old, ast.Constant) and isinstance(old.value, str):
            continue  # its tokens have been checked
        elif isinstance(old, ast.AST) and not isinstance(old, (ast.Import, ast.ImportFrom, ast.expr_context)):
            stack += ((getattr(old, name), getattr(new, name)) for name in old._fields)
        elif not isinstance(old, ast.AST):
            assert old == new or old != old, f"{old!r} became {new!r}"


def check_scopes(before: str, after: str, modules: Mapping[str, str]) -> None:
    """Each scope of ``after`` has the names of the same scope of ``before``, and each name is bound where it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _compare(symtable.symtable(before, "before", "exec"), symtable.symtable(after, "after", "exec"), modules, [])


def _compare(
    old: symtable.SymbolTable,
    new: symtable.SymbolTable,
    modules: Mapping[str, str],
    outer: list[tuple[symtable.SymbolTable, dict[str, str]]],
) -> None:
    where = f"{old.get_type()} {old.get_name()} in line {old.get_lineno()}"
    names = set(new.get_identifiers())
    chosen: dict[str, str] = {}
    for symbol in old.get_symbols():
        name = symbol.get_name()
        spelled = modules[name] if name in modules and name not in names else name
        assert spelled in names, f"{name} is lost in {where}"
        assert not (name in modules and {name, modules[name]} <= names), f"two spellings of {name} in {where}"
        chosen[name] = spelled
        imported = spelled == name or not symbol.is_local() or _imports(old, name)
        assert imported, f"{name} is no module in {where}"
        assert _flags(symbol) == _flags(new.lookup(spelled)), f"{name} is another kind of name in {where}"
        home = _home(symbol, old, [*outer, (old, chosen)])
        if home is not None:
            assert home.get(name, name) == spelled, f"{name} in {where} is not spelled as where it is bound"
    assert names == set(chosen.values()), f"new names in {where}"
    if old.get_type() == "class":
        for name in modules.keys() & chosen.keys():
            symbol = old.lookup(name)
            if symbol.is_local() and symbol.is_referenced():
                # As long as the class has not bound it, this is the module's name.
                assert outer[0][1].get(name, name) == chosen[name], f"{name} in {where} is the module's at first"
    old_children, new_children = old.get_children(), new.get_children()
    assert len(old_children) == len(new_children)
    for first, second in zip(old_children, new_children, strict=True):
        assert (first.get_type(), first.get_name(), first.get_lineno()) == (
            second.get_type(), second.get_name(), second.get_lineno(),
        )  # fmt: skip
        _compare(first, second, modules, [*outer, (old, chosen)])


def _imports(table: symtable.SymbolTable, name: str) -> bool:
    """Whether ``name`` of this scope is bound by an import, here or in a scope that declares it."""
    if table.lookup(name).is_imported():
        return True
    stack = table.get_children()
    while stack:
        inner = stack.pop()
        stack += inner.get_children()
        if name in inner.get_identifiers():
            symbol = inner.lookup(name)
            if symbol.is_imported() and (symbol.is_declared_global() or symbol.is_free()):
                return True
    return False


def _home(
    symbol: symtable.Symbol, table: symtable.SymbolTable, tables: list[tuple[symtable.SymbolTable, dict[str, str]]]
) -> dict[str, str] | None:
    """How the names are spelled in the scope that binds ``symbol``; None: in this one."""
    name = symbol.get_name()
    if symbol.is_global():
        return tables[0][1] if table is not tables[0][0] else None
    if symbol.is_free():
        for outer, chosen in reversed(tables[:-1]):
            if outer.get_type() == "function" and name in chosen and not outer.lookup(name).is_free():
                return chosen
    return None


def _flags(symbol: symtable.Symbol) -> tuple[bool, ...]:
    return (
        symbol.is_referenced(), symbol.is_imported(), symbol.is_parameter(), symbol.is_global(),
        symbol.is_declared_global(), symbol.is_local(), symbol.is_free(), symbol.is_assigned(),
    )  # fmt: skip
