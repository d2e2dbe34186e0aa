"""``ms-convert.lock``: what exactly a workspace is made of, so that it can be made again and compared."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ConvertError
from .stack import Repository, Stack, hash_of, rule_hashes

NAME = "ms-convert.lock"
VERSION = 1


@dataclass(frozen=True)
class Locked:
    """One repository of a workspace. ``source`` is ``git``, or ``pypi`` with the ``sha256`` of the file.

    ``rules`` are the SHA-256 of the rule files that it was converted with, by name; empty: not converted yet.
    """

    name: str
    url: str
    ref: str
    commit: str
    source: str = "git"
    sha256: str | None = None
    rules: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lock:
    """The lock of a workspace. ``stack`` is the stack file: packaged, relative to the workspace, or absolute.

    ``tool`` is the version of ms-convert, ``mindtorch`` that of mindtorch (the level of PyTorch's API), None where it
    is not installed.
    """

    stack: str
    stack_sha256: str
    repositories: tuple[Locked, ...]
    tool: str
    mindtorch: str | None

    def get(self, name: str) -> Locked | None:
        """The repository ``name``."""
        return next((locked for locked in self.repositories if locked.name == name), None)

    def with_repository(self, locked: Locked) -> Lock:
        """The lock with ``locked`` in the place of what it had under that name, or added."""
        by_name = {known.name: known for known in self.repositories} | {locked.name: locked}
        return replace(self, repositories=tuple(by_name.values()))

    def as_bytes(self) -> bytes:
        """The file: JSON with one field a line, the same for the same lock."""
        data = {
            "version": VERSION,
            "ms-convert": self.tool,
            "mindtorch": self.mindtorch,
            "stack": {"file": self.stack, "sha256": self.stack_sha256},
            "repositories": [asdict(locked) for locked in self.repositories],
        }
        return (json.dumps(data, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes, shown: str) -> Lock:
        """The reverse of :meth:`as_bytes`. ``shown`` names the file in errors, which are :class:`ConvertError`."""
        try:
            found: dict[str, Any] = json.loads(data)
            if found["version"] != VERSION:
                raise ConvertError(f"{shown} is of version {found['version']}, not {VERSION}: use a newer ms-convert")
            repositories = tuple(_locked(one) for one in found["repositories"])
            mindtorch = found["mindtorch"]
            stack = found["stack"]
            return cls(
                str(stack["file"]),
                str(stack["sha256"]),
                repositories,
                str(found["ms-convert"]),
                None if mindtorch is None else str(mindtorch),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConvertError(f"{shown} is no lock of a workspace: {_what(error)}; remove it and run again") from error


def new_lock(stack: Stack, directory: Path) -> Lock:
    """A lock without repositories, for ``stack`` as it is now and what is installed now."""
    file = stack.file
    if not stack.packaged and Path(file).is_relative_to(directory):
        file = str(Path(file).relative_to(directory))
    return Lock(file, hash_of(stack.file), (), __version__, mindtorch_version())


def read_lock(directory: Path) -> Lock | None:
    """The lock of the workspace ``directory``; None if it has none. Raises :class:`ConvertError`."""
    path = directory / NAME
    try:
        return Lock.from_bytes(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror or error}") from error


def write_if_new(path: Path, data: bytes) -> bool:
    """Write ``data`` to ``path`` in one step, unless that is what it has. Raises :class:`ConvertError`."""
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".ms-convert-tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ConvertError(f"cannot write {path}: {error.strerror or error}") from error
    return True


def stack_of(lock: Lock, directory: Path) -> str:
    """The name to load the stack of ``lock`` by."""
    beside = directory / lock.stack
    return str(beside) if beside.is_file() else lock.stack


def same_stack(lock: Lock, stack: Stack, directory: Path) -> bool:
    """Whether ``stack`` is the one of ``lock``: the same file, or one with the same content."""
    return new_lock(stack, directory).stack == lock.stack or hash_of(stack.file) == lock.stack_sha256


def differences(lock: Lock, stack: Stack, directory: Path) -> Iterator[str]:
    """What is otherwise now than ``lock`` says, but for the trees themselves: one line each."""
    now = new_lock(stack, directory)
    if not same_stack(lock, stack, directory):
        yield f"the stack is {now.stack}, the lock is of {lock.stack}"
    if lock.tool != __version__:
        yield f"ms-convert is {__version__}, the lock is of {lock.tool}: install that one"
    if None not in (lock.mindtorch, now.mindtorch) and lock.mindtorch != now.mindtorch:
        yield f"mindtorch is {now.mindtorch}, the lock is of {lock.mindtorch}"
    for repository in stack.repositories:
        locked = lock.get(repository.name)
        if locked is None:
            yield f"{repository.name} is not in the lock"
        else:
            yield from _repository_differences(locked, stack, repository)


def _repository_differences(locked: Locked, stack: Stack, repository: Repository) -> Iterator[str]:
    name = repository.name
    for what, then, now in (("url", locked.url, repository.url), ("ref", locked.ref, repository.ref)):
        if then != now and locked.source == "git":
            yield f"{name}: the {what} is {now}, the lock has {then}"
    if repository.commit not in (None, locked.commit) and locked.source == "git":
        yield f"{name}: the commit is {repository.commit}, the lock has {locked.commit}"
    hashes = rule_hashes(stack, repository)
    for file in sorted({*hashes, *locked.rules} if locked.rules else ()):
        if hashes.get(file) != locked.rules.get(file):
            yield f"{name}: the rule file {file} is another one than in the lock"


def mindtorch_version() -> str | None:
    """The version of the mindtorch that Python would import, without importing it; None if there is none."""
    try:
        spec = importlib.util.find_spec("mindtorch")
    except (ImportError, ValueError):
        return None
    for directory in (spec.submodule_search_locations or ()) if spec is not None else ():
        try:
            tree = ast.parse((Path(directory) / "version.py").read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                if "__version__" in names:
                    return str(node.value.value)
    return None


def _locked(data: dict[str, Any]) -> Locked:
    sha256 = data["sha256"]
    texts = {key: str(data[key]) for key in ("name", "url", "ref", "commit", "source")}
    if texts["name"] != Path(texts["name"]).name or texts["name"] in ("", ".", ".."):
        raise ValueError(f"{texts['name']!r} is not the name of a directory")
    rules = {str(file): str(digest) for file, digest in data["rules"].items()}
    return Locked(**texts, sha256=None if sha256 is None else str(sha256), rules=rules)


def _what(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
