"""Carry a workspace's lock, its own rule files and its sources to a machine that has no network."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..errors import ConvertError
from ..language.ruleset import load_rules
from .git import Say
from .lockfile import NAME, Lock, stack_of, write_if_new
from .stack import Stack, load_stack
from .store import store, stored_at

_RULES = "rules"
_SOURCES = "sources"
# What a repository consists of; not its settings, which may name programs.
_OF_REPOSITORY = re.compile(
    r"(?:HEAD|packed-refs|shallow|refs(?:/[\w.+-]+)*|objects(?:/(?:[0-9a-f]{2}(?:/[0-9a-f]{38})?|pack(?:/[\w.-]+)?))?)"
)


def export(directory: Path, lock: Lock, stack: Stack, file: Path, say: Say) -> None:
    """Write ``file``, an archive with the lock of the workspace ``directory``, the sources of its repositories at the
    commits of the lock, and the rule files that did not come with ms-convert.

    Raises :class:`ConvertError`.
    """
    with tempfile.TemporaryDirectory(prefix="ms-convert-export-") as made:
        rules, lock = _own_rules(stack, lock)
        for locked in lock.repositories:
            say(f"{locked.name}: packing {locked.ref} ({locked.commit[:12]})")
            store(Path(made, locked.name), directory / locked.name, locked.ref, locked.commit, locked.name)
        with _opened(file) as archive:
            _add_bytes(archive, NAME, lock.as_bytes())
            for name, data in rules.items():
                _add_bytes(archive, f"{_RULES}/{name}", data)
            for locked in lock.repositories:
                _add_repository(archive, Path(made, locked.name), f"{_SOURCES}/{locked.name}")


def import_(file: Path, directory: Path, say: Say) -> Lock:
    """Unpack ``file``: the lock and rule files into ``directory``, the sources to where ``--offline`` finds them.

    What is there must be the same. Raises :class:`ConvertError`.
    """
    with tempfile.TemporaryDirectory(prefix="ms-convert-import-") as made:
        unpacked = Path(made)
        _extract(file, unpacked)
        lock = Lock.from_bytes((unpacked / NAME).read_bytes(), f"{NAME} in {file}")
        new = {path.relative_to(unpacked): path.read_bytes() for path in _rule_files(unpacked)}
        for name, data in {Path(NAME): lock.as_bytes(), **new}.items():
            there = directory / name
            if there.exists() and there.read_bytes() != data:
                raise ConvertError(f"{there} is there already, and another one: import into a new directory")
        for locked in lock.repositories:
            say(f"{locked.name}: unpacking {locked.ref} ({locked.commit[:12]})")
            source = unpacked / _SOURCES / locked.name
            store(stored_at(locked.name, locked.url), source, locked.ref, locked.commit, locked.name)
        try:
            for name, data in new.items():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                write_if_new(directory / name, data)
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConvertError(f"cannot write to {directory}: {error.strerror or error}") from error
        write_if_new(directory / NAME, lock.as_bytes())
        load_stack(stack_of(lock, directory))
    return lock


def _own_rules(stack: Stack, lock: Lock) -> tuple[dict[str, bytes], Lock]:
    """The rule files that did not come with ms-convert, by path from that of the stack; and the lock as it will be."""
    if stack.packaged:
        return {}, lock
    base = Path(stack.file).parent
    files = {stack.file}
    for repository in stack.repositories:
        files.update(file for file in load_rules(repository.rules).files if os.path.isabs(file))
    for file in files:
        if not Path(file).is_relative_to(base):
            raise ConvertError(f"{file} is not beside the stack file {stack.file}, and so is not exported: move it")
    rules = {Path(file).relative_to(base).as_posix(): Path(file).read_bytes() for file in sorted(files)}
    return rules, replace(lock, stack=f"{_RULES}/{Path(stack.file).name}")


def _rule_files(unpacked: Path) -> list[Path]:
    return sorted(path for path in (unpacked / _RULES).rglob("*.yaml") if path.is_file())


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    """An archive that gets the name ``file`` when it is whole."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=1) as archive:  # what git has packed is small already
            yield archive
        os.replace(temporary, file)
    except OSError as error:
        raise ConvertError(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    archive.addfile(member, io.BytesIO(data))


def _add_repository(archive: tarfile.TarFile, source: Path, name: str) -> None:
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source).as_posix()
        if path.is_file() and _OF_REPOSITORY.fullmatch(inner):
            _add_bytes(archive, f"{name}/{inner}", path.read_bytes())


def _extract(file: Path, directory: Path) -> None:
    """Unpack what :func:`export` has packed, and refuse anything else."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                data = archive.extractfile(member) if member.isreg() else None
                if data is None or not _belongs(parts):
                    raise ConvertError(f"{file} is no export of a workspace: it has {member.name!r}")
                path = directory.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "xb") as target:
                    shutil.copyfileobj(data, target)
    except (tarfile.TarError, EOFError) as error:
        raise ConvertError(f"{file} is no export of a workspace: {error}") from error
    except OSError as error:
        raise ConvertError(f"cannot unpack {file}: {error.strerror or error}") from error
    if not (directory / NAME).is_file():
        raise ConvertError(f"{file} is no export of a workspace: it has no {NAME}")
    for source in (directory / _SOURCES).glob("*"):
        (source / "refs").mkdir(exist_ok=True)  # without it git knows no repository


def _belongs(parts: tuple[str, ...]) -> bool:
    if any(part in ("", "/", ".", "..") for part in parts):
        return False
    if parts == (NAME,):
        return True
    if parts[:1] == (_RULES,) and len(parts) > 1:
        return parts[-1].endswith(".yaml")
    return parts[:1] == (_SOURCES,) and len(parts) > 2 and bool(_OF_REPOSITORY.fullmatch("/".join(parts[2:])))
