"""What a run did, as data. Every form of the report comes from here; docs/report.md tells its JSON form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from .. import __version__
from ..edits import Left
from ..language.ruleset import RuleSet
from ..outcome import Change, Outcome
from .coverage import Coverage, UnsupportedApi, lacking
from .excerpts import Excerpts

REPORT_VERSION = 2


@dataclass(frozen=True)
class FileReport:
    """One file with something to say. ``status``: converted, unchanged or skipped (then ``reason`` and ``line``).

    ``excerpts`` are the source around places that the report names.
    """

    path: str
    status: str
    changes: tuple[Change, ...] = ()
    left: tuple[Left, ...] = ()
    kept: tuple[Left, ...] = ()
    reason: str | None = None
    line: int | None = None
    diff: bytes | None = None
    excerpts: Excerpts = field(default_factory=Excerpts)

    @classmethod
    def of(
        cls, path: str, outcome: Outcome, diff: bytes | None = None, excerpts: Excerpts | None = None
    ) -> FileReport:
        """The report of a file that was read."""
        if outcome.skipped is not None:
            return cls.not_read(path, outcome.skipped)
        status = "converted" if outcome.changes else "unchanged"
        lists = tuple(outcome.changes), tuple(outcome.left), tuple(outcome.kept)
        return cls(path, status, *lists, diff=diff, excerpts=excerpts or Excerpts())

    @classmethod
    def not_read(cls, path: str, why: Left) -> FileReport:
        """The report of a file that was left alone altogether."""
        return cls(path, "skipped", reason=why.reason, line=why.line)


@dataclass
class RuleReport:
    """One rule and what it did. ``defined`` is its ``file:line``; the numbers count places, ``files`` changed files.

    ``matches`` also counts places that already had the rule's result. What a rule that is about something
    ``unsupported`` leaves is counted by the coverage.
    """

    id: str
    kind: str
    why: str
    defined: str
    matches: int = 0
    files: int = 0
    edits: int = 0
    left: int = 0
    kept: int = 0
    unsupported: bool = False


@dataclass
class Report:
    """A whole run. ``mode``: in-place, output, check or diff. ``files`` has only those with something to say.

    ``seen`` is the number of files that rules may be about. With ``coverage_min``, a percentage, unsupported APIs fail
    the run only if the rate of supported uses is below it; without, any that the code needs does.
    """

    root: str
    mode: str
    rules: tuple[str, ...]
    output: str | None = None
    seen: int = 0
    seconds: float = 0.0
    files: list[FileReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    by_rule: list[RuleReport] = field(default_factory=list)
    coverage: Coverage = field(default_factory=lambda: Coverage(unknown="the uses were not looked at"))
    coverage_min: float | None = None

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
    def kept(self) -> list[tuple[FileReport, Left]]:
        """The places that stay as they are on purpose."""
        return [(file, kept) for file in self.files for kept in file.kept]

    @cached_property
    def edits(self) -> int:
        """How many edits were made."""
        return sum(len(file.changes) for file in self.files)

    @property
    def edits_by_rule(self) -> Counter[str]:
        """How many edits each rule made; one that several rules made together counts for each."""
        return Counter(rule for file in self.files for change in file.changes for rule in change.rule.split(","))

    @property
    def exit_code(self) -> int:
        """0 done, 1 something is left, unsupported or (with --check) would change."""
        would_change = self.mode == "check" and bool(self.converted)
        return 1 if self.left_undone or self.skipped or self.notes or would_change or self.lacks_support else 0

    @property
    def left_undone(self) -> bool:
        """Whether places are left for another reason than that something is unsupported, which the coverage counts."""
        counted = {rule.id for rule in self.by_rule if rule.unsupported} if self.coverage.unknown is None else set()
        return any(not counted.issuperset((left.rule or "").split(",")) for _, left in self.left)

    @property
    def lacks_support(self) -> bool:
        """Whether too little of what the code uses is supported; with ``coverage_min`` also if that is unknown."""
        if self.coverage_min is None:
            return bool(self.coverage.needed)
        return self.coverage.rate is None or self.coverage.rate < self.coverage_min

    def count_rules(self, rules: RuleSet, outcomes: Iterable[Outcome]) -> None:
        """Fill ``by_rule`` in the order of ``rules``."""
        by_id = {r.id: RuleReport(r.id, r.kind, r.why, str(r.mark)) for r in rules.rules}
        for rule, _ in lacking(rules).values():
            by_id[rule.id].unsupported = True
        for outcome in outcomes:
            for name, count in outcome.matches.items():
                by_id[name].matches += count
            edited = Counter(name for change in outcome.changes for name in change.rule.split(","))
            for name, count in edited.items():
                by_id[name].edits += count
                by_id[name].files += 1
            for name in _rules_of(outcome.left):
                by_id[name].left += 1
            for name in _rules_of(outcome.kept):
                by_id[name].kept += 1
        self.by_rule = list(by_id.values())

    def as_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        unsupported = self.coverage.by_file()
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
                "kept": len(self.kept),
                "unsupported": len(self.coverage.needed),
                "edits": self.edits,
                "edits_by_rule": dict(sorted(self.edits_by_rule.items())),
                "coverage": None if self.coverage.rate is None else round(self.coverage.rate, 3),
                "coverage_min": self.coverage_min,
                "seconds": round(self.seconds, 3),
                "exit_code": self.exit_code,
            },
            "notes": self.notes,
            "coverage": self.coverage.as_json(),
            "by_rule": [asdict(rule) for rule in self.by_rule],
            "files": [_file_json(file, unsupported.get(file.path, [])) for file in self.files],
        }


def _rules_of(items: Iterable[Left]) -> list[str]:
    return [rule for item in items for rule in (item.rule or "").split(",") if rule]


def _file_json(file: FileReport, unsupported: list[tuple[int, UnsupportedApi, bool]]) -> dict[str, Any]:
    data: dict[str, Any] = {"path": file.path, "status": file.status}
    if file.status == "skipped":
        data |= {"reason": file.reason, "line": file.line}
    else:
        shown = ("rule", "line", "column", "before", "after")
        data["edits"] = [{key: getattr(change, key) for key in shown} for change in file.changes]
        data["left"] = [asdict(left) for left in file.left]
        data["kept"] = [asdict(kept) for kept in file.kept]
    data["unsupported"] = [[line, api.name] for line, api, optional in unsupported if not optional]
    if file.diff is not None:
        data["diff"] = file.diff.decode(errors="replace")
    return data
