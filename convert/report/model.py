"""What a run did, as data. The console and the JSON output both come from here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import __version__
from ..edits import Left
from ..outcome import Change, Outcome

REPORT_VERSION = 1


@dataclass(frozen=True)
class FileReport:
    """One file with something to say. ``status``: converted, unchanged or skipped (then ``reason`` and ``line``)."""

    path: str
    status: str
    changes: tuple[Change, ...] = ()
    left: tuple[Left, ...] = ()
    kept: tuple[Left, ...] = ()
    reason: str | None = None
    line: int | None = None
    diff: bytes | None = None

    @classmethod
    def of(cls, path: str, outcome: Outcome, diff: bytes | None = None) -> FileReport:
        """The report of a file that was read."""
        if outcome.skipped is not None:
            return cls.not_read(path, outcome.skipped)
        status = "converted" if outcome.changes else "unchanged"
        return cls(path, status, tuple(outcome.changes), tuple(outcome.left), tuple(outcome.kept), diff=diff)

    @classmethod
    def not_read(cls, path: str, why: Left) -> FileReport:
        """The report of a file that was left alone altogether."""
        return cls(path, "skipped", reason=why.reason, line=why.line)


@dataclass
class Report:
    """A whole run. ``mode``: in-place, output, check or diff. ``files`` has only those with something to say."""

    root: str
    mode: str
    rules: tuple[str, ...]
    output: str | None = None
    seen: int = 0
    seconds: float = 0.0
    files: list[FileReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def converted(self) -> list[FileReport]:
        """The files that change."""
        return [file for file in self.files if file.status == "converted"]

    @property
    def skipped(self) -> list[FileReport]:
        """The files that were left alone although they might need conversion."""
        return [file for file in self.files if file.status == "skipped"]

    @property
    def left(self) -> list[tuple[FileReport, Left]]:
        """The places that stay as they are although they should not."""
        return [(file, left) for file in self.files for left in file.left]

    @property
    def edits_by_rule(self) -> Counter[str]:
        """How many edits each rule made."""
        return Counter(change.rule for file in self.files for change in file.changes)

    @property
    def exit_code(self) -> int:
        """0 done, 1 something is left or (with --check) would change."""
        would_change = self.mode == "check" and bool(self.converted)
        return 1 if self.left or self.skipped or self.notes or would_change else 0

    def as_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "version": REPORT_VERSION,
            "tool": f"ms-convert {__version__}",
            "root": self.root,
            "mode": self.mode,
            "output": self.output,
            "rules": list(self.rules),
            "summary": {
                "files": self.seen,
                "converted": len(self.converted),
                "skipped": len(self.skipped),
                "left": len(self.left),
                "edits": sum(self.edits_by_rule.values()),
                "edits_by_rule": dict(sorted(self.edits_by_rule.items())),
                "seconds": round(self.seconds, 3),
                "exit_code": self.exit_code,
            },
            "notes": self.notes,
            "files": [_file_json(file) for file in self.files],
        }


def _file_json(file: FileReport) -> dict[str, Any]:
    data: dict[str, Any] = {"path": file.path, "status": file.status}
    if file.status == "skipped":
        return data | {"reason": file.reason, "line": file.line}
    shown = ("rule", "line", "column", "before", "after")
    data["edits"] = [{key: getattr(change, key) for key in shown} for change in file.changes]
    data["left"] = [asdict(left) for left in file.left]
    data["kept"] = [asdict(kept) for kept in file.kept]
    if file.diff is not None:
        data["diff"] = file.diff.decode(errors="replace")
    return data
