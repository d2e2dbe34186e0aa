"""Put together what a run is about to write: the results of all rules, for files that nobody has touched meanwhile."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..edits import Left
from ..errors import ConvertError
from ..outcome import Outcome
from ..report.diff import file_diff
from .files import Plan
from .pool import Conversion
from .reading import Identity, identity, read_regular

_CHANGED = Left("was changed while it was being converted; run again")


@dataclass
class Changes:
    """New bytes by path (None: the file is removed), permission bits where they change, what was there, and diffs."""

    files: dict[str, bytes | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    seen: dict[str, Identity | None] = field(default_factory=dict)
    diffs: dict[str, bytes] = field(default_factory=dict)


def collect(root: Path, conversion: Conversion, plan: Plan, diff: bool) -> Changes:
    """The changes of a run, with diffs if ``diff``; adds the outcomes of file rules to those of ``conversion``."""
    changes = Changes()
    originals: dict[str, bytes] = {}
    for path, outcome in conversion.outcomes.items():
        if not outcome.changes:
            continue
        try:
            raw, status = read_regular(root / path)
        except OSError:
            raw, status = b"", None
        if status is None or identity(status) != conversion.seen[path]:
            conversion.outcomes[path] = Outcome(skipped=_CHANGED, matches=outcome.matches)
            continue
        changes.files[path], changes.seen[path] = outcome.apply(raw), identity(status)
        if diff:
            originals[path] = raw

    def converted(path: str) -> tuple[bytes, int]:
        try:
            raw, status = read_regular(root / path)
        except OSError as error:
            raise ConvertError(f"cannot read {root / path}: {error.strerror or error}") from error
        new = changes.files.get(path)
        return raw if new is None else new, stat.S_IMODE(status.st_mode)

    whole = plan.carry_out(converted)
    changes.files.update(whole.files)
    changes.modes.update(whole.modes)
    changes.seen.update(whole.seen)
    for path, outcome in whole.outcomes.items():
        known = conversion.outcomes.setdefault(path, Outcome())
        known.changes += outcome.changes
        known.left += outcome.left
        known.matches.update(outcome.matches)
    if diff:
        for path, data in changes.files.items():
            old: bytes | None = originals.get(path)
            mode = changes.modes.get(path, 0o644)
            if old is None and changes.seen[path] is not None:
                old, status = read_regular(root / path)
                mode = mode if path in changes.modes else status.st_mode
            changes.diffs[path] = file_diff(path, old, data, mode)
    return changes
