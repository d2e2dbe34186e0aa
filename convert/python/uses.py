"""Which names of the watched packages a file uses."""

from __future__ import annotations

import ast

from ..outcome import ApiUse
from .module import PythonModule
from .names import BLOCKS, ImportNode, dotted

_EXPECTED = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"})


def api_uses(module: PythonModule) -> list[ApiUse]:
    """Every use of a name below one of ``module.roots``, in order of lines: imports, and names with their attributes.

    A name that is bound to several things counts only if all of them are the same. A use is the whole chain of
    attributes: what part of it is the API, and what an attribute of a result, the support table tells.
    """
    uses: list[ApiUse] = []
    # What starts its line stands in no other statement.
    guarded = guarded_imports(module.tree) if any(node.col_offset for node in module.imports) else set()
    for node in module.imports:
        for name in _imported(node):
            if name.partition(".")[0] in module.roots:
                uses.append(ApiUse(name, node.lineno, node in guarded))
    for use in module.names.uses:
        if not isinstance(use.name.ctx, ast.Load):
            continue
        chain = dotted(use.node)
        assert chain is not None
        below = "".join(f".{attribute}" for attribute in chain[1])
        qualified = module.names.meaning_of(use.name.id, below, use.scope).qualified
        if len(qualified) == 1:
            (name,) = qualified
            if "." in name and name.partition(".")[0] in module.roots:
                uses.append(ApiUse(name, use.node.lineno))
    return sorted(uses, key=lambda use: (use.line, use.name))


def _imported(node: ImportNode) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level or node.module is None:
        return []
    return [node.module if alias.name == "*" else f"{node.module}.{alias.name}" for alias in node.names]


def guarded_imports(tree: ast.Module) -> set[ast.AST]:
    """The import statements in a ``try`` that goes on when an import fails."""
    found: set[ast.AST] = set()
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, guarded = stack.pop()
        if guarded and isinstance(node, (ast.Import, ast.ImportFrom)):
            found.add(node)
        for block in BLOCKS:
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                expects = block == "body" and isinstance(node, ast.Try) and any(map(_expects, node.handlers))
                stack.extend((item, guarded or expects) for item in inner)
    return found


def _expects(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in _EXPECTED for kind in kinds)
