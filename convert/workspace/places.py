"""The directory of a workspace: who works in it, and what stands in the place of a repository."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConvertError
from ..project.gitstate import uncommitted
from ..project.journal import State, recorded_runs
from ..project.reading import read_regular
from ..project.tree import OWN
from .git import commit_of, marks, open_repository, remotes

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

_PART = ".ms-convert-part"
_NOTE = "ms-convert-clone.json"


@contextmanager
def alone_in(directory: Path) -> Iterator[int]:
    """Work in ``directory``, which is made if it is not there, while no other ms-convert does.

    The value is a descriptor that holds the place as long as any process has it open, git's among them. Raises
    :class:`ConvertError`.
    """
    if fcntl is None:
        raise ConvertError("a workspace needs Linux or macOS")
    if any(letter in str(directory) for letter in ":\n\r\0"):
        raise ConvertError(f"{str(directory)!r} cannot be on PYTHONPATH: it has a colon or a line end; rename it")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConvertError(f"cannot make the workspace {directory}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        raise ConvertError(
            f"another ms-convert, or a git that one has left behind, is working in {directory}; wait until it is done"
        ) from None
    finally:
        os.close(descriptor)


@contextmanager
def part_of(place: Path) -> Iterator[Path]:
    """A directory beside ``place`` in which it can be made, to be renamed when it is whole.

    Carries a note, by which a later run knows what this one left if it is killed. What is left of an earlier run is
    replaced. Raises :class:`ConvertError` if something else has the name.
    """
    part = place.with_name(f".{place.name}{_PART}")
    note = {"of": place.name, "what": "a clone that ms-convert has not finished; it may be removed"}
    if part.is_symlink() or (part.exists() and not _is_ours(part, place.name)):
        raise ConvertError(f"{part} is in the way, and is not what a killed ms-convert leaves: move it away")
    try:
        _clear(part)
        part.mkdir()
        (part / _NOTE).write_text(json.dumps(note), encoding="utf-8")
        yield part
    except OSError as error:
        raise ConvertError(f"cannot make {place}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # the next run does it
            _clear(part)


def leftovers(directory: Path) -> list[Path]:
    """What killed runs have left in ``directory``."""
    parts = (path for path in directory.glob(f".*{_PART}") if path.is_dir() and not path.is_symlink())
    return sorted(path for path in parts if _is_ours(path, path.name[1 : -len(_PART)]))


def settle(made: Path, place: Path) -> None:
    """Give the directory ``made`` the name ``place``, unless something has it meanwhile."""
    try:
        os.rename(made, place)  # POSIX replaces an empty directory, and nothing else
    except OSError as error:
        raise ConvertError(f"cannot make {place}: {error.strerror or error}; move away what is there") from error


def _clear(part: Path) -> None:
    """Remove ``part``, the note in it last: a kill meanwhile leaves what is still known to be ours."""
    if not part.is_dir():
        return
    for path in part.iterdir():
        if path.name != _NOTE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (part / _NOTE).unlink(missing_ok=True)
    part.rmdir()


def _is_ours(part: Path, name: str) -> bool:
    """Whether ``part`` has our note. One that is empty was killed before it had, and holds nothing anyway."""
    if not part.is_dir():
        return False
    if not any(part.iterdir()):
        return True
    try:
        note = json.loads((part / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return (part / _NOTE).stat().st_size == 0 and len(os.listdir(part)) == 1
    return isinstance(note, dict) and note.get("of") == name


@dataclass(frozen=True)
class Found:
    """A repository in its place: the hash of its commit, and where it says that it came from (None: not by us).

    ``source`` is ``git`` or ``pypi``.
    """

    commit: str
    url: str | None
    source: str
    remotes: tuple[str, ...]


def look_at(place: Path) -> Found | None:
    """What is at ``place``; None if there is nothing, or an empty directory.

    Raises :class:`ConvertError` for what is no repository.
    """
    if place.is_symlink():
        raise ConvertError(f"{place} is a symbolic link, which is not followed: {_MOVE}")
    if not place.exists():
        return None
    if not place.is_dir():
        raise ConvertError(f"{place} is a file: {_MOVE}")
    if not any(place.iterdir()):
        return None
    repo = open_repository(place)
    if repo is None:
        raise ConvertError(f"{place} is not a git repository, so nobody knows what it is: {_MOVE}")
    with repo:
        commit = commit_of(repo)
        if commit is None:
            raise ConvertError(f"{place} is a git repository without commits: {_MOVE}")
        known = marks(repo)
        return Found(commit, known.get("url"), known.get("source", "git"), tuple(remotes(repo)))


def edited_files(place: Path, *, untracked: bool) -> list[str]:
    """Files of the repository ``place`` that differ from its commit, and not only by what conversions have written.

    With ``untracked`` also files that git does not know.
    """
    written = _written(place)
    changed = (name for name in uncommitted(place, "all" if untracked else "no") if OWN not in name.split("/"))
    return [name for name in changed if name not in written or not _is_as_written(place / name, written[name])]


def as_written(place: Path) -> bool:
    """Whether ``place`` has been converted, and each file that a conversion wrote is still there."""
    written = _written(place)
    return bool(written) and all(_is_as_written(place / name, after) for name, after in written.items())


def _written(place: Path) -> dict[str, State | None]:
    """What conversions have made of the files of ``place``, by path; None for one that they removed."""
    written: dict[str, State | None] = {}
    for run in recorded_runs(place):
        written.update((entry.path, entry.after) for entry in run.entries)
    return written


def _is_as_written(path: Path, after: State | None) -> bool:
    try:
        data, status = read_regular(path)
    except FileNotFoundError:
        return after is None
    except OSError:
        return False
    return after is not None and State.of(data, status).sha256 == after.sha256


_MOVE = "move it away, or choose another directory for the workspace"
