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
from .reading import Identity, identity, read_regular, shown

_CHANGED = Left("was changed while it was being converted; run again")


@dataclass
class Changes:
    """What a run is about to write in the tree ``root``, by path.

    ``files`` are new bytes (None: the file is removed), ``modes`` permission bits where they change, ``seen`` what was
    there. ``whole`` are the files that file rules are about.
    """

    root: Path
    conversion: Conversion
    files: dict[str, bytes | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    seen: dict[str, Identity | None] = field(default_factory=dict)
    diffs: dict[str, bytes] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    _originals: dict[str, bytes] = field(default_factory=dict, repr=False)

    def original(self, path: str) -> bytes | None:
        """The bytes that were converted; None if there are others now."""
        if path in self._originals:
            return self._originals[path]
        try:
            raw, status = read_regular(self.root / path)
        except OSError:
            return None
        return raw if identity(status) == self.conversion.seen.get(path) else None

    def add(self, path: str, outcome: Outcome) -> None:
        """Note the changes in a file, unless it is not the one any more that was converted."""
        raw = self.original(path)
        if raw is None:
            self.conversion.outcomes[path] = Outcome(skipped=_CHANGED, matches=outcome.matches)
            return
        self.files[path], self.seen[path] = outcome.apply(raw), self.conversion.seen[path]
        self._originals[path] = raw


def collect(root: Path, conversion: Conversion, plan: Plan, diff: bool) -> Changes:
    """The changes of a run, with diffs if ``diff``; adds the outcomes of file rules to those of ``conversion``."""
    changes = Changes(root, conversion)
    for path, outcome in list(conversion.outcomes.items()):
        if outcome.changes:
            changes.add(path, outcome)

    def converted(path: str) -> tuple[bytes, int]:
        try:
            raw, status = read_regular(root / path)
        except OSError as error:
            raise ConvertError(f"cannot read {shown(root / path)}: {error.strerror or error}") from error
        new = changes.files.get(path)
        return raw if new is None else new, stat.S_IMODE(status.st_mode)

    whole = plan.carry_out(converted)
    changes.files.update(whole.files)
    changes.modes.update(whole.modes)
    changes.seen.update(whole.seen)
    changes.whole = frozenset(whole.outcomes)
    for path, outcome in whole.outcomes.items():
        known = conversion.outcomes.setdefault(path, Outcome())
        known.changes += outcome.changes
        known.left += outcome.left
        known.matches.update(outcome.matches)
    if diff:
        for path, data in changes.files.items():
            changes.diffs[path] = _diff(changes, path, data)
    return changes


def _diff(changes: Changes, path: str, data: bytes | None) -> bytes:
    mode = changes.modes.get(path, 0o644)
    if path not in changes.whole:
        return file_diff(path, changes.original(path), data, mode)
    if changes.seen[path] is None:
        return file_diff(path, None, data, mode)
    try:
        before, status = read_regular(changes.root / path)
    except OSError as error:
        raise ConvertError(f"cannot read {shown(changes.root / path)}: {error.strerror or error}") from error
    return file_diff(path, before, data, stat.S_IMODE(status.st_mode), mode if path in changes.modes else None)
