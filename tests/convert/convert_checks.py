"""What the converter's tests have in common."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cache

from ms_convert.edits import Left
from ms_convert.engine import convert_source
from ms_convert.language.ruleset import RuleSet, load_rules
from ms_convert.outcome import Change, Outcome
from ms_convert.python.sourcefile import SourceFile
from ms_convert.settings import Settings


@cache
def llm_rules() -> RuleSet:
    return load_rules("llm.yaml")


@dataclass
class Converted:
    """What became of ``raw``. ``after`` is None if its bytes do not change."""

    raw: bytes
    outcome: Outcome

    @property
    def after(self) -> bytes | None:
        return self.outcome.apply(self.raw) if self.outcome.changes else None

    @property
    def edits(self) -> list[Change]:
        return self.outcome.changes

    @property
    def left(self) -> list[Left]:
        return self.outcome.left

    @property
    def kept(self) -> list[Left]:
        return self.outcome.kept

    @property
    def skipped(self) -> Left | None:
        return self.outcome.skipped

    @property
    def matches(self) -> Counter[str]:
        return self.outcome.matches


def convert(
    before: str | bytes, rules: RuleSet | None = None, style: str = "alias", path: str = "example.py"
) -> Converted:
    raw = before.encode() if isinstance(before, str) else before
    chosen = (rules or llm_rules()).for_path(path)
    return Converted(raw, convert_source(raw, chosen, path, Settings(style)))


def check_transformed(
    before: str | bytes,
    after: str | bytes,
    rules: RuleSet | None = None,
    style: str = "alias",
    path: str = "example.py",
) -> None:
    """``before`` becomes exactly ``after``, completely, and ``after`` stays."""
    expected = after.encode() if isinstance(after, str) else after
    result = convert(before, rules, style, path)
    assert result.skipped is None
    assert result.left == []
    assert result.after == expected
    check_noop(expected, rules, style, path)


def check_noop(
    before: str | bytes, rules: RuleSet | None = None, style: str = "alias", path: str = "example.py"
) -> None:
    """Nothing in ``before`` is touched, nor complained about."""
    result = convert(before, rules, style, path)
    assert (result.after, result.edits, result.left, result.skipped) == (None, [], [], None)


def without_imports(raw: bytes) -> list[str]:
    """The text of a module between its import statements."""
    source = SourceFile.from_bytes(raw)
    nodes = [node for node in ast.walk(source.parse()) if isinstance(node, (ast.Import, ast.ImportFrom))]
    spans = sorted(source.span(node) for node in nodes)
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(source.text)]
    return [source.text[start:end] for start, end in zip(starts, ends, strict=True)]


class MapBack(ast.NodeTransformer):
    """Undo the conversion of imports in a syntax tree: ``mindtorch`` is ``torch`` again, bound the way it was."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module and node.level == 0:
            node.module = self._back(node.module)
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        names: list[ast.alias] = []
        for index, alias in enumerate(node.names):
            name = self._back(alias.name)
            root = name.partition(".")[0]
            if name != alias.name and alias.asname == root:
                if name == root:
                    alias.asname = None
                elif self._binds(root, node.names[index + 1 :]):
                    alias.asname = None  # the package follows its submodule: this was "import torch.nn"
            after_submodule = bool(names) and names[-1].name.startswith(f"{root}.") and names[-1].asname is None
            if name != root or name == alias.name or alias.asname is not None or not after_submodule:
                names.append(ast.alias(name, alias.asname))
        return ast.Import(names)

    @classmethod
    def _binds(cls, root: str, following: list[ast.alias]) -> bool:
        return bool(following) and following[0].asname == root and cls._back(following[0].name) != following[0].name

    @staticmethod
    def _back(module: str) -> str:
        root, dot, below = module.partition(".")
        if root == "mindtorch_shims" and dot:
            return below
        return f"torch{dot}{below}" if root == "mindtorch" else module


def imports_mapped_back(raw: bytes) -> str:
    """The syntax tree of converted source, as text without positions, with the imports mapped back."""
    return ast.dump(MapBack().visit(SourceFile.from_bytes(raw).parse()))
