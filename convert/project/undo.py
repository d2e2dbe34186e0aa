"""Take back what a run has changed: all of it, or, for a run that was interrupted, as much as it did."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..errors import ConvertError
from .journal import TMP, Entry, Journal, Run, State, interrupted, last_run, locked
from .reading import shown
from .tree import OWN

_OLD, _NEW, _EDITED = "old", "new", "edited"
_NAMED = 5
_FORBIDDEN = frozenset({OWN, ".git"})


@dataclass(frozen=True)
class UndoResult:
    """What :func:`undo` did. Paths are relative to ``root``.

    ``restored`` files have the bytes and permissions from before the run; ``removed`` ones it had added.
    ``overwritten`` are those among them that had been edited since. ``left`` is how many earlier runs can still be
    taken back.
    """

    root: Path
    restored: tuple[str, ...]
    removed: tuple[str, ...]
    overwritten: tuple[str, ...]
    left: int


def undo(path: Path, force: bool = False) -> UndoResult:
    """Take back the last conversion in place of ``path``, a directory or a file.

    Files that have been edited since are overwritten with ``force``; without, nothing is changed. Goes on with an undo
    that was interrupted. Raises :class:`ConvertError` with the reason for anything that cannot be done.
    """
    try:
        path = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ConvertError(f"no such file or directory: {path}; give the path that was converted") from error
    root, target = (path, None) if path.is_dir() else (path.parent, path.name)
    if last_run(root, target) is None:
        raise ConvertError(f"nothing to undo: {path} has not been converted in place, or all of it has been taken back")
    with locked(root) as journal:
        runs = [run for run in journal.runs() if target in (None, run.target)]
        if not runs:
            raise ConvertError(f"nothing to undo: all conversions of {path} have been taken back")
        return _take_back(journal, runs[-1], force, len(runs) - 1)


def recover(root: Path) -> str | None:
    """Bring ``root`` into order if a run in it, or an undo, was interrupted.

    An interrupted run is taken back, as if it had never begun, and an interrupted undo is finished. If files have been
    edited since, an interrupted run stays, and can be undone like one that came to its end; the result tells so. Does
    not write anything if nothing was interrupted. Raises :class:`ConvertError` if it was an undo and files were edited.
    """
    if not interrupted(root):
        return None
    with locked(root) as journal:
        runs = [run for run in journal.runs() if not run.done or run.undoing]
        notes = [_recover(journal, run) for run in reversed(runs)]
    return "; ".join(note for note in notes if note) or None


def _recover(journal: Journal, run: Run) -> str | None:
    edited = [entry.path for entry in run.entries if _state(journal, entry) == _EDITED]
    if not edited:
        _take_back(journal, run, False, 0)
        return None
    if run.undoing:
        raise ConvertError(
            f"{journal.root}: an undo was interrupted, and {_listed(edited)} edited since; "
            "finish it with --undo and --force before you convert again"
        )
    journal.mark(run, "done")
    return f"an earlier run was interrupted, and {_listed(edited)} edited since; what it changed stays"


def take_back_now(journal: Journal, run: Run) -> None:
    """Take back ``run``, which has just failed. Raises :class:`ConvertError` or :class:`OSError`."""
    _take_back(journal, run, False, 0)


def _take_back(journal: Journal, run: Run, force: bool, left: int) -> UndoResult:
    inside = journal.inside
    states = {entry: _state(journal, entry) for entry in run.entries}
    edited = [entry.path for entry, state in states.items() if state == _EDITED]
    if edited and not force:
        raise ConvertError(
            f"{_listed(edited)} edited after the conversion; nothing was undone "
            "(with --force they get their earlier bytes and the edits are lost)"
        )
    todo = [entry for entry, state in states.items() if state != _OLD]
    staged = _stage(journal, run, todo)
    journal.mark(run, "undoing")
    try:
        for path in inside.missing_directories(staged):
            inside.make_directory(path)
        inside.forget()
        for entry in todo:
            if entry.path in staged:
                inside.move(staged[entry.path], entry.path)
            elif inside.status(entry.path) is not None:
                inside.remove(entry.path)
        for path in reversed(run.made):
            inside.remove_directory(path)
    except OSError as error:
        raise ConvertError(
            f"cannot restore {shown(journal.root / entry.path)}: {error.strerror or error}; --undo goes on from here"
        ) from error
    journal.drop(run)
    removed = tuple(entry.path for entry in run.entries if entry.before is None)
    restored = tuple(entry.path for entry in run.entries if entry.before is not None)
    return UndoResult(journal.root, restored, removed, tuple(edited), left)


def _stage(journal: Journal, run: Run, todo: Sequence[Entry]) -> dict[str, str]:
    """Write the original bytes of the files ``todo`` where they can be swapped in from; by path."""
    inside = journal.inside
    originals = journal.originals(run)
    staged: dict[str, str] = {}
    for number, entry in enumerate(todo):
        if entry.before is None:
            continue
        data = originals[entry.path]
        if sha256(data).hexdigest() != entry.before.sha256:
            lost = f"it lost the bytes of {shown(entry.path)}"
            raise ConvertError(f"the journal {journal.root / run.name} is damaged: {lost}")
        now = inside.status(entry.path)
        # A journal that came with a hostile tree must not make programs that run as somebody else.
        allowed = 0o1777 | (stat.S_IMODE(now.st_mode) if now is not None else 0)
        name = f"{TMP}/{number}"
        inside.write_new(name, data, entry.before.mode & allowed, (entry.before.uid, entry.before.gid))
        staged[entry.path] = name
    inside.sync(TMP, [name.rpartition("/")[2] for name in staged.values()])
    return staged


def _state(journal: Journal, entry: Entry) -> str:
    """Whether the file of ``entry`` is the old or the new one, or has been edited."""
    if not _FORBIDDEN.isdisjoint(entry.path.split("/")):
        raise ConvertError(f"the journal in {journal.root / OWN} is damaged: no run changes {shown(entry.path)}")
    try:
        status = journal.inside.status(entry.path)
        if status is None:
            return _OLD if entry.before is None else _NEW if entry.after is None else _EDITED
        now = State.of(*journal.inside.read(entry.path)) if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        raise ConvertError(f"cannot read {shown(journal.root / entry.path)}: {error.strerror or error}") from error
    for name, state, other in ((_OLD, entry.before, entry.after), (_NEW, entry.after, entry.before)):
        if now is None or state is None or now.sha256 != state.sha256:
            continue
        # Where a run changed nothing but the permissions, these tell which one it is.
        if other is None or other.sha256 != state.sha256 or now.mode == state.mode:
            return name
    return _EDITED


def _listed(paths: Sequence[str]) -> str:
    listed = ", ".join(map(shown, paths[:_NAMED]))
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{listed}{more} {'was' if len(paths) == 1 else 'were'}"
