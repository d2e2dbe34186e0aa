"""Which upstream project a rule file is about, and whether a tree is that project, in which version."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConvertError, Mark, RuleError
from .rulefile import Document

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Upstream:
    """One upstream project. Its rules (``rules`` has their ids) apply only to trees that have the file ``marker``.

    ``version_file`` assigns the names ``version_names``; their values, joined by dots, are the version.
    """

    name: str
    marker: str
    rules: frozenset[str]
    mark: Mark
    version_file: str | None = None
    version_names: tuple[str, ...] = ()

    @classmethod
    def from_data(cls, document: Document, rules: frozenset[str]) -> Upstream:
        """What the ``upstream`` part of a rule file says."""
        data = document.data["upstream"]
        version = data.get("version", {})
        return cls(
            data["name"],
            data["marker"],
            rules,
            document.mark(("upstream",)),
            version.get("file"),
            tuple(version.get("names", ())),
        )

    def is_in(self, root: Path) -> bool:
        """Whether the tree ``root`` is this project."""
        return (root / self.marker).is_file()

    def version(self, root: Path) -> str | None:
        """The version of the project in the tree ``root``; None if it cannot be told."""
        if self.version_file is None:
            return None
        try:
            raw = (root / self.version_file).read_bytes()
            tree = ast.parse(raw if len(raw) <= _MAX_BYTES else b"")
        except (OSError, SyntaxError, ValueError):
            return None
        values: dict[str, str] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                values.update((t.id, str(node.value.value)) for t in node.targets if isinstance(t, ast.Name))
        found = [values[name] for name in self.version_names if name in values]
        return ".".join(found) if found and len(found) == len(self.version_names) else None


def check_when(when: str, mark: Mark) -> None:
    """Raise :class:`RuleError` unless ``when`` is a range of versions."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(when)
    except InvalidSpecifier as error:
        raise RuleError(mark, f"{when!r} is not a range of versions, such as '>=0.12,<0.13'") from error


def in_range(version: str, when: str) -> bool:
    """Whether ``version`` lies in the range ``when``. Raises :class:`ConvertError` if it is no version."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(when).contains(Version(version), prereleases=True)
    except InvalidVersion as error:
        raise ConvertError(f"{version!r} is not a version, such as 0.12.1") from error
