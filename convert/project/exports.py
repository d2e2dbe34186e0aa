"""Names of one file that other files of the tree look up: they must keep their spelling when the rest is renamed.

Errs on the safe side: a name that nobody looks up may be taken for one that somebody does, which only costs a kept
alias. Where it cannot be told which module is meant, the name is kept in all of them.

Who looks names up from outside the tree (another repository that patches this one, a configuration file) is not seen:
alias style is the one for such trees.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath

from ..errors import SourceError
from ..python.names import dotted
from ..python.sourcefile import SourceFile

# Name, and the last part of the dotted path of the module that it is looked up in. The name "*" is a star import, the
# module "*" any module.
Seen = tuple[str, str]

_BY_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr", "object"})
_AT_RUN_TIME = re.compile(r"\b(?:import_module|__import__|module_from_spec|sys\.modules|load_module|run_path)\b")
_MODULE_VARIABLE = re.compile(r"(?:.*_)?(?:m|mod|module|lib|pkg|package)\d*", re.IGNORECASE)
_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")


def seen_names(root: Path, files: Iterable[str], names: frozenset[str]) -> frozenset[Seen]:
    """Which of ``names`` the Python ``files`` (relative to ``root``) look up in other modules than their own.

    A file that cannot be read or parsed looks up nothing: it is not converted either, and told of elsewhere.
    """
    found: set[Seen] = set()
    if not names:
        return frozenset()
    wanted = _prefilter(names)
    for relative in files:
        try:
            raw = (root / relative).read_bytes()
        except OSError:
            continue
        if not wanted.search(raw):
            continue
        try:
            source = SourceFile.from_bytes(raw)
            consumer = _Consumer(source.text, source.parse(), PurePosixPath(relative), names)
        except SourceError:
            continue
        found |= consumer.seen
    # What a file at the top of the tree is looked up by: the name of the tree's own directory.
    return frozenset(found | {(name, "") for name, module in found if module == root.name})


def _prefilter(names: frozenset[str]) -> re.Pattern[bytes]:
    """Finds in a file what no look-up can do without; ``import torch`` alone, which most files have, is none."""
    any_name = "|".join(map(re.escape, sorted(names)))
    return re.compile(
        rf"""
        \.\s*(?:{any_name})\b                                     # an attribute, or a dotted path in a string
        | \bfrom\b[^#\n]*\bimport\b(?:[^()\n]|\\\r?\n)*(?:\((?:[^)#]|\#[^\n]*)*)?\b(?:{any_name})\b
        | \bimport\b[ \t(\\]*\*
        | ['"](?:{any_name})['"]
        """.encode(),
        re.VERBOSE,
    )


class _Consumer:
    """What one file looks up in others."""

    def __init__(self, text: str, tree: ast.Module, path: PurePosixPath, names: frozenset[str]) -> None:
        self.names = names
        self.path = path
        self.seen: set[Seen] = set()
        self.dynamic = bool(_AT_RUN_TIME.search(text))
        self.knows_own_name = "__name__" in text
        # By name that an import binds: the last parts of what it may stand for.
        self.imported: dict[str, set[str]] = {}
        nodes = list(ast.walk(tree))
        for node in nodes:
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
        for node in nodes:
            if isinstance(node, ast.Attribute) and node.attr in names:
                self.seen.update((node.attr, module) for module in self._modules(node.value))
            elif isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._string(node.value)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            module = alias.name if alias.asname else bound
            self.imported.setdefault(bound, set()).add(module.rpartition(".")[2])

    def _import_from(self, node: ast.ImportFrom) -> None:
        package = self._last_part(node)
        for alias in node.names:
            self.imported.setdefault(alias.asname or alias.name, set()).add(alias.name)
            if alias.name == "*" or alias.name in self.names:
                self.seen.add((alias.name, package))

    def _last_part(self, node: ast.ImportFrom) -> str:
        if node.module:
            return node.module.rpartition(".")[2]
        directory = self.path
        for _ in range(node.level):
            directory = directory.parent
        return directory.name

    def _modules(self, owner: ast.expr) -> Iterator[str]:
        """The last parts of the modules that ``owner``, of which a name is looked up, may be."""
        chain = dotted(owner)
        if chain is None:
            # The value of a call, a subscript or the like.
            if self.dynamic:
                yield "*"
            return
        name, attributes = chain
        if attributes:
            if name.id in self.imported:
                yield attributes[-1]
            elif self.dynamic:
                yield "*"
        elif name.id in self.imported:
            yield from self.imported[name.id]
        elif name.id not in ("self", "cls") and (self.dynamic or _MODULE_VARIABLE.fullmatch(name.id)):
            yield "*"

    def _call(self, node: ast.Call) -> None:
        """``getattr(x, "name")`` and the like, ``patch.object`` and ``monkeypatch.setattr`` included."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in _BY_NAME or len(node.args) < 2:
            return
        owner, name = node.args[:2]
        if isinstance(name, ast.Constant) and name.value in self.names:
            chain = dotted(owner)
            modules = set(self._modules(owner))
            if chain is None or (not modules and chain[0].id not in ("self", "cls")):
                modules = {"*"}
            self.seen.update((name.value, module) for module in modules)

    def _string(self, text: str) -> None:
        """Dotted paths (``mock.patch("package.module.name.attribute")``), and code that imports."""
        if not any(name in text for name in self.names):
            return
        if _PATH.fullmatch(text):
            self.seen.update((name, module) for module, name in pairwise(text.split(".")) if name in self.names)
        elif self.knows_own_name and text.startswith("."):
            own = self.path.parent.name if self.path.stem == "__init__" else self.path.stem
            self.seen.update((name, own) for name in self.names if re.match(rf"\.{name}\b", text))
        elif "import" in text and "from" in text:
            for name in self.names:
                for match in re.finditer(rf"\bfrom\s+([\w.]+)\s+import\b[^\n;]*\b{name}\b", text):
                    self.seen.add((name, match[1].rpartition(".")[2]))
