"""What became of one file, small enough to be sent between processes and kept in a cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from .edits import Left
from .textfile import BOM


class Change(NamedTuple):
    """One replaced part of a text, as it was and as it became. ``line`` and ``column`` count from 1.

    ``start``/``end`` index the text. One that is ``nested`` stands inside another change, whose ``after`` includes it.
    """

    rule: str
    line: int
    column: int
    start: int
    end: int
    before: str
    after: str
    nested: bool = False


class ApiUse(NamedTuple):
    """A name of a watched package that the file uses: qualified name and line.

    One that is ``guarded`` stands in a ``try`` that expects the import to fail.
    """

    name: str
    line: int
    guarded: bool = False


@dataclass
class Outcome:
    """What became of one file.

    ``changes`` are in order of place. ``skipped`` says why a file that might need conversion was left alone altogether.
    ``matches`` counts by rule the places that matched or already have the rule's result. ``kept`` and ``left`` are as
    in :class:`.findings.Findings`. ``uses`` are the watched names that the file uses, before conversion.
    """

    changes: list[Change] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    kept: list[Left] = field(default_factory=list)
    uses: list[ApiUse] = field(default_factory=list)
    skipped: Left | None = None
    matches: Counter[str] = field(default_factory=Counter)
    encoding: str = "utf-8"

    def apply(self, raw: bytes) -> bytes:
        """The bytes of the file with all changes made; ``raw`` are the bytes that were converted."""
        if not self.changes:
            return raw
        bom = raw.startswith(BOM)
        text = raw.removeprefix(BOM).decode(self.encoding)
        return (BOM if bom else b"") + apply_changes(text, self.changes).encode(self.encoding)

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON data, without what is empty."""
        data: dict[str, Any] = {
            "changes": self.changes,
            "left": [asdict(left) for left in self.left],
            "kept": [asdict(left) for left in self.kept],
            "uses": self.uses,
            "skipped": asdict(self.skipped) if self.skipped else None,
            "matches": self.matches,
            "encoding": self.encoding,
        }
        return {key: value for key, value in data.items() if value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outcome:
        """The reverse of :meth:`as_json`."""
        return cls(
            [Change(*change) for change in data.get("changes", ())],
            [Left(**left) for left in data.get("left", ())],
            [Left(**left) for left in data.get("kept", ())],
            [ApiUse(*use) for use in data.get("uses", ())],
            Left(**data["skipped"]) if "skipped" in data else None,
            Counter(data.get("matches", {})),
            data["encoding"],
        )


def apply_changes(text: str, changes: Sequence[Change]) -> str:
    """``text`` with ``changes``, which are in order of place, made."""
    parts: list[str] = []
    position = 0
    for change in changes:
        if not change.nested:
            parts += text[position : change.start], change.after
            position = change.end
    return "".join([*parts, text[position:]])
