"""The journal of conversions in place: what each run changed, and the bytes that were there before.

It is the directory ``.ms-convert`` of a tree::

    .gitignore          hides the directory from git
    lock                held while somebody writes
    tmp/                new files before they are swapped in; worth nothing when nobody holds the lock
    runs/000001/        one run; complete from the moment it has this name, which is before the first file changes
        manifest.json
        originals       the bytes of all replaced and removed files, one after the other
        undoing         the run is being taken back
        done            all of its files have been swapped in
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConvertError
from .inside import Inside
from .tree import OWN

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

VERSION = 1
KEPT_RUNS = 10
TMP = f"{OWN}/tmp"
_RUNS = f"{OWN}/runs"
_STAGED_RUN = f"{TMP}/run"


class State(NamedTuple):
    """What a file is: SHA-256 of its bytes, their number, permission bits, owner."""

    sha256: str
    size: int
    mode: int
    uid: int
    gid: int

    @classmethod
    def of(cls, data: bytes, status: os.stat_result) -> State:
        """The state of a file with these bytes."""
        return cls(sha256(data).hexdigest(), len(data), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    @classmethod
    def from_json(cls, sha256: str, **numbers: int) -> State:
        """The reverse of ``_asdict``, for data that anybody may have written."""
        return cls(str(sha256), **{name: int(number) for name, number in numbers.items()})


@dataclass(frozen=True)
class Entry:
    """What a run did to the file ``path``. ``before`` is None for one that it added, ``after`` for one it removed."""

    path: str
    before: State | None
    after: State | None

    @property
    def action(self) -> str:
        """``add``, ``remove`` or ``replace``."""
        return "add" if self.before is None else "remove" if self.after is None else "replace"

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON data."""
        states = {"before": self.before, "after": self.after}
        return {"path": self.path} | {key: state and state._asdict() for key, state in states.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Entry:
        """The reverse of :meth:`as_json`. Raises :class:`ValueError`, :class:`TypeError` or :class:`KeyError`."""
        states = (None if state is None else State.from_json(**state) for state in (data["before"], data["after"]))
        return cls(str(data["path"]), *states)


@dataclass(frozen=True)
class Run:
    """A conversion in place.

    ``target`` is the name of the one file that was converted, or ``.`` for the whole tree. ``fingerprint`` identifies
    the rules; ``matches`` counts by rule what they matched. ``made`` are the directories that it made, outer ones
    first. A run that is not ``done`` was interrupted; one that is ``undoing``, while it was taken back.
    """

    number: int
    entries: tuple[Entry, ...]
    target: str = "."
    fingerprint: str = ""
    matches: Counter[str] = field(default_factory=Counter)
    made: tuple[str, ...] = ()
    done: bool = False
    undoing: bool = False

    @property
    def name(self) -> str:
        """The directory of the run."""
        return f"{_RUNS}/{self.number:06}"


class Journal:
    """The journal of the tree ``inside``, while its lock is held (see :func:`locked`)."""

    def __init__(self, root: Path, inside: Inside) -> None:
        self.root = root
        self.inside = inside

    def runs(self) -> list[Run]:
        """All runs that can be taken back, in order of time. Raises :class:`ConvertError` if one cannot be read."""
        return [_read_run(self.root, self.inside, number) for number in _numbers(self.root, self.inside)]

    def clear_tmp(self) -> None:
        """Throw away what an interrupted run has left."""
        self.inside.remove_tree(TMP)
        self.inside.make_directory(TMP)
        if ".gitignore" not in self.inside.names(OWN):
            self.inside.write_new(f"{TMP}/gitignore", b"*\n")
            self.inside.rename(f"{TMP}/gitignore", f"{OWN}/.gitignore")

    def add(self, run: Run, originals: Mapping[str, bytes]) -> Run:
        """Write ``run`` down, durably; returns it with its number. ``originals`` has the bytes before, by path."""
        run = replace(run, number=max(_numbers(self.root, self.inside), default=0) + 1)
        self.inside.make_directory(_STAGED_RUN)
        self.inside.write_new(f"{_STAGED_RUN}/manifest.json", _manifest(run))
        packed = b"".join(originals[entry.path] for entry in run.entries if entry.before is not None)
        self.inside.write_new(f"{_STAGED_RUN}/originals", packed, 0o600)
        self.inside.sync(_STAGED_RUN, ("manifest.json", "originals", "."))
        self.inside.make_directory(_RUNS)
        self.inside.rename(_STAGED_RUN, run.name)
        self.inside.sync(_RUNS)
        return run

    def mark(self, run: Run, what: str) -> None:
        """Note durably that ``run`` is ``done`` or ``undoing``."""
        if what not in self.inside.names(run.name):
            self.inside.write_new(f"{run.name}/{what}", b"")
            self.inside.sync(run.name)

    def originals(self, run: Run) -> dict[str, bytes]:
        """The bytes before ``run`` of the files that it replaced or removed."""
        packed, _ = self.inside.read(f"{run.name}/originals")
        found = {}
        offset = 0
        for entry in run.entries:
            if entry.before is not None:
                found[entry.path] = packed[offset : offset + entry.before.size]
                offset += entry.before.size
        return found

    def drop(self, run: Run) -> None:
        """Forget ``run``, in one step."""
        gone = f"{TMP}/dropped-{run.number}"
        self.inside.rename(run.name, gone)
        self.inside.remove_tree(gone)

    def prune(self) -> None:
        """Forget all but the last :data:`KEPT_RUNS` runs."""
        for number in _numbers(self.root, self.inside)[:-KEPT_RUNS]:
            self.drop(Run(number, ()))

    def close(self) -> None:
        """Throw away temporary files, and the whole directory if there is nothing in it to keep."""
        self.inside.remove_tree(TMP)
        if self.inside.status(_RUNS) is None or self.inside.remove_directory(_RUNS):
            for name in (".gitignore", "lock"):  # the lock last: until then nobody else makes new ones
                if name in self.inside.names(OWN):
                    self.inside.remove(f"{OWN}/{name}")
            self.inside.remove_directory(OWN)


@contextmanager
def locked(root: Path) -> Iterator[Journal]:
    """The journal of ``root``, made if need be, with its lock held.

    Raises :class:`ConvertError` if somebody else has it, or if it cannot be written.
    """
    if fcntl is None:
        raise ConvertError("converting in place needs Linux or macOS; convert a copy with -o DIR")
    try:
        with Inside(root) as inside:
            lock = _lock(root, inside)
            try:
                journal = Journal(root, inside)
                journal.clear_tmp()
                try:
                    yield journal
                finally:
                    journal.close()
            finally:
                os.close(lock)
    except OSError as error:
        raise ConvertError(f"cannot write {root / OWN}: {error.strerror or error}") from error


def _lock(root: Path, inside: Inside) -> int:
    while True:
        inside.make_directory(OWN)
        inside.forget()
        try:
            descriptor = inside.open_or_make(f"{OWN}/lock")
        except FileNotFoundError:
            continue  # somebody has just removed the directory
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held, there = os.fstat(descriptor), inside.status(f"{OWN}/lock")
        except BlockingIOError:
            os.close(descriptor)
            raise ConvertError(f"another ms-convert is writing to {root}; wait until it is done") from None
        except OSError:
            os.close(descriptor)
            raise
        if there is not None and held.st_ino == there.st_ino:
            return descriptor
        os.close(descriptor)  # whoever had it has removed the directory: take the new one


def interrupted(root: Path) -> bool:
    """Whether a conversion in place of ``root``, or an undo, has not come to its end."""
    if not (root / OWN).is_dir():
        return False
    try:
        with Inside(root) as inside:
            marks = [inside.names(Run(number, ()).name) for number in _numbers(root, inside)]
    except OSError as error:
        raise ConvertError(f"cannot read {root / OWN}: {error.strerror or error}") from error
    return any("done" not in names or "undoing" in names for names in marks)


def last_run(root: Path, target: str | None = None) -> Run | None:
    """The last conversion in place of ``root`` that has not been taken back (with ``target``: of that target).

    Reads only. Raises :class:`ConvertError` if the journal cannot be read.
    """
    if not (root / OWN).is_dir():
        return None
    try:
        with Inside(root) as inside:
            for number in reversed(_numbers(root, inside)):
                run = _read_run(root, inside, number)
                if target in (None, run.target):
                    return run
    except OSError as error:
        raise ConvertError(f"cannot read {root / OWN}: {error.strerror or error}") from error
    return None


def recorded_runs(root: Path) -> list[Run]:
    """All conversions in place of ``root`` that have not been taken back. Raises as :func:`last_run` does."""
    if not (root / OWN).is_dir():
        return []
    try:
        with Inside(root) as inside:
            return [_read_run(root, inside, number) for number in _numbers(root, inside)]
    except OSError as error:
        raise ConvertError(f"cannot read {root / OWN}: {error.strerror or error}") from error


def removed_files(root: Path) -> frozenset[str]:
    """The files that conversions in place of ``root`` removed. Raises as :func:`last_run` does."""
    return frozenset(entry.path for run in recorded_runs(root) for entry in run.entries if entry.after is None)


def _numbers(root: Path, inside: Inside) -> list[int]:
    names = inside.names(_RUNS) if inside.status(_RUNS) is not None else []
    for name in names:
        if not (name.isascii() and name.isdecimal() and len(name) == 6):
            raise ConvertError(f"{root / _RUNS / name} does not belong there: remove it")
    return [int(name) for name in names]


def _manifest(run: Run) -> bytes:
    head = {
        "version": VERSION,
        "target": run.target,
        "fingerprint": run.fingerprint,
        "matches": run.matches,
        "made": run.made,
        "entries": [],
    }
    entries = ",\n".join(json.dumps({"action": entry.action, **entry.as_json()}) for entry in run.entries)
    return (json.dumps(head).removesuffix("]}") + f"\n{entries}\n]}}\n").encode()


def _read_run(root: Path, inside: Inside, number: int) -> Run:
    run = Run(number, ())
    try:
        data: dict[str, Any] = json.loads(inside.read(f"{run.name}/manifest.json")[0])
        if data["version"] != VERSION:
            raise ConvertError(f"{root / run.name} was written by another version of ms-convert; use that one")
        names = inside.names(run.name)
        return Run(
            number,
            tuple(Entry.from_json(entry) for entry in data["entries"]),
            str(data["target"]),
            str(data["fingerprint"]),
            Counter({str(rule): int(count) for rule, count in data["matches"].items()}),
            tuple(map(str, data["made"])),
            "done" in names,
            "undoing" in names,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FileNotFoundError) as error:
        raise ConvertError(f"the journal {root / run.name} is damaged: remove it to go on without it") from error
