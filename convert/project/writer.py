"""Put converted bytes on disk: at any moment each file is either the old or the new one."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConvertError
from .journal import TMP, Entry, Journal, Run, State, locked
from .reading import Identity, Unsafe, identity, read_regular, shown
from .tree import NOT_ENTERED, OWN
from .undo import take_back_now

_TEMPORARY = ".ms-convert-tmp"


@dataclass(frozen=True)
class About:
    """What the journal notes of a run besides its files; see :class:`.journal.Run`."""

    target: str = "."
    fingerprint: str = ""
    matches: Counter[str] = field(default_factory=Counter)


_NOTHING = About()


def write_in_place(
    root: Path,
    files: Mapping[str, bytes | None],
    *,
    modes: Mapping[str, int] | None = None,
    seen: Mapping[str, Identity | None] | None = None,
    about: About = _NOTHING,
) -> None:
    """Give files below ``root`` (keys are relative paths) new bytes; None removes the file, and unknown ones are added.

    Owners and permissions stay, but for files that ``modes`` has other permission bits for. The journal gets what was
    there before, so that :func:`.undo.undo` can restore it. A file that is not any more what it was when it was
    ``seen`` is an error. Raises :class:`ConvertError`; then, unless the message says otherwise, nothing has changed.
    """
    if not files:
        return
    with locked(root) as journal:
        _Writing(journal, files, modes or {}, seen or {}).run(about)


class _Writing:
    """One run of :func:`write_in_place`."""

    def __init__(
        self,
        journal: Journal,
        files: Mapping[str, bytes | None],
        modes: Mapping[str, int],
        seen: Mapping[str, Identity | None],
    ) -> None:
        self.root, self.journal, self.inside = journal.root, journal, journal.inside
        self.files, self.modes, self.seen = files, modes, seen
        self.originals: dict[str, bytes] = {}
        self.identities: dict[str, Identity | None] = {}
        self.checked: set[str] = set()
        self.linked: set[int] = set()

    def run(self, about: About) -> None:
        try:
            run, staged = self._prepare(about)
        except OSError as error:
            reason = error.strerror or error
            raise ConvertError(f"cannot write {self.root / OWN}: {reason}; nothing was changed") from error
        except ConvertError as error:
            raise ConvertError(f"{error}; nothing was changed") from error
        try:
            self._swap(run, staged)
        except ConvertError as error:
            try:
                take_back_now(self.journal, run)
            except (ConvertError, OSError) as second:
                raise ConvertError(f"{error}; some files are converted, --undo takes that back ({second})") from error
            raise ConvertError(f"{error}; nothing was changed") from error
        self.journal.prune()

    def _prepare(self, about: About) -> tuple[Run, dict[str, str]]:
        """Write everything down that the run needs, in the journal; also returns the new files by path."""
        device = self.inside.device(f"{TMP}/x")
        entries: list[Entry] = []
        staged: dict[str, str] = {}
        for number, (relative, data) in enumerate(sorted(self.files.items())):
            with self._naming(relative):
                entry = self._look(relative, device)
                if data is not None:
                    staged[relative] = f"{TMP}/{number}"
                    entries.append(self._stage(entry, staged[relative], data))
                elif entry.before is not None:
                    entries.append(entry)
        self.inside.sync(TMP, [name.rpartition("/")[2] for name in staged.values()])
        made = tuple(self.inside.missing_directories(staged))
        run = Run(0, tuple(entries), about.target, about.fingerprint, about.matches, made)
        return self.journal.add(run, self.originals), staged

    def _look(self, relative: str, device: int) -> Entry:
        """What there is now."""
        directory = relative.rpartition("/")[0]
        if directory not in self.checked and self.inside.device(relative) != device:
            raise Unsafe(errno.EXDEV, "lies on another file system; convert that directory on its own", relative)
        self.checked.add(directory)
        status = self.inside.status(relative)
        before: State | None = None
        if status is not None:
            self.originals[relative], status = self.inside.read(relative)
            before = State.of(self.originals[relative], status)
            if status.st_nlink > 1:
                self.linked.add(status.st_ino)
        self.identities[relative] = status and identity(status)
        if relative in self.seen and self.seen[relative] != self.identities[relative]:
            raise Unsafe(errno.ESTALE, _CHANGED, relative)
        return Entry(relative, before, None)

    def _stage(self, entry: Entry, name: str, data: bytes) -> Entry:
        """Write the new bytes where they can be swapped in from."""
        before = entry.before
        mode = self.modes.get(entry.path, before.mode if before else 0o644)
        self.inside.write_new(name, data, mode, (before.uid, before.gid) if before else None)
        status = self.inside.status(name)
        assert status is not None
        return Entry(entry.path, before, State.of(data, status))

    def _swap(self, run: Run, staged: Mapping[str, str]) -> None:
        for path in run.made:
            with self._naming(path):
                self.inside.make_directory(path)
        self.inside.forget()
        for entry in run.entries:
            with self._naming(entry.path):
                if not self._is_as_it_was(entry.path):
                    raise Unsafe(errno.ESTALE, _CHANGED, entry.path)
                if entry.path in staged:
                    self.inside.move(staged[entry.path], entry.path)
                else:
                    self.inside.remove(entry.path)
        with self._naming(OWN):
            self.journal.mark(run, "done")

    def _is_as_it_was(self, relative: str) -> bool:
        status, was = self.inside.status(relative), self.identities[relative]
        if status is None or was is None:
            return status is was
        now = identity(status)
        # The time of change is new where another name of the same file has just got a file of its own.
        return now == was or (status.st_ino in self.linked and now[:-1] == was[:-1])

    @contextmanager
    def _naming(self, relative: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConvertError(f"cannot write {shown(self.root / relative)}: {error.strerror or error}") from error


_CHANGED = "was changed while it was being converted; run again"


def write_copy(
    root: Path, output: Path, files: Mapping[str, bytes | None], *, modes: Mapping[str, int] | None = None
) -> None:
    """Copy the tree ``root`` to ``output``, with ``files`` in place of what it has under those names; None leaves out.

    Everything is copied but the directories of version control, bytecode and the journal, and pipes, sockets and
    devices; symbolic links stay links. The copy is made beside ``output`` and renamed when it is whole. Raises
    :class:`ConvertError` if that fails.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=_TEMPORARY, dir=output.parent))
    except OSError as error:
        raise ConvertError(f"cannot write to {output.parent}: {error.strerror}") from error
    try:
        for relative, data in files.items():
            if data is not None and not os.path.lexists(root / relative):
                _add(staging / relative, data)
        _copy_tree(root, staging, files)
        for relative, mode in (modes or {}).items():
            (staging / relative).chmod(mode)
        if output.is_dir():
            output.rmdir()  # empty, or this raises
        os.replace(staging, output)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise ConvertError(f"cannot copy {source}: {reason}") from error
    except OSError as error:
        raise ConvertError(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        for directory, _, _ in os.walk(staging):
            os.chmod(directory, 0o700)  # a copy of a read-only directory can be removed only then
        shutil.rmtree(staging, ignore_errors=True)


def _add(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o644)


def _copy_tree(root: Path, copy: Path, files: Mapping[str, bytes | None]) -> None:
    prefix = f"{root}{os.sep}"

    def copy_file(source: str, target: str) -> None:
        data = files.get(source.removeprefix(prefix).replace(os.sep, "/"))
        if data is None:
            shutil.copyfile(source, target)
        else:
            Path(target).write_bytes(data)
        shutil.copystat(source, target)

    def left_out(directory: str, names: list[str]) -> list[str]:
        return [name for name in names if name in NOT_ENTERED or _is_left_out(os.path.join(directory, name))]

    def _is_left_out(path: str) -> bool:
        mode = os.lstat(path).st_mode
        if files.get(path.removeprefix(prefix).replace(os.sep, "/"), b"") is None:
            return True
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))

    shutil.copytree(root, copy, symlinks=True, ignore=left_out, copy_function=copy_file, dirs_exist_ok=True)


def write_one_copy(source: Path, output: Path, data: bytes | None) -> None:
    """Write the single file ``source`` as ``output / source.name``, with the same mode; None: as it is."""
    target = output / source.name
    try:
        original, status = read_regular(source)
        output.mkdir(parents=True, exist_ok=True)
        _write(target, original if data is None else data, status)
    except OSError as error:
        raise ConvertError(f"cannot write {target}: {error.strerror or error}") from error


def _write(path: Path, data: bytes, like: os.stat_result) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, stat.S_IMODE(like.st_mode))
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.chown(temporary, like.st_uid, like.st_gid)  # root in a container must not take over a user's files
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
