"""Stack files: rule files that also say which repositories to clone, and in which order to convert them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import ConvertError, Mark, RuleError
from ..language.rulefile import Document, locate, read_document
from ..language.ruleset import load_rules

_OWN_NAMES = frozenset({"env.sh", "ms-convert.lock", "rules"})


@dataclass(frozen=True)
class PyPI:
    """A source distribution: project, version, the SHA-256 of the file, and what its ``setup.py`` requires."""

    name: str
    version: str
    sha256: str | None = None
    build: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Repository:
    """One repository of a stack.

    ``commit`` is None where only ``ref``, a tag or branch, is known. ``rules`` are the rule files that convert it,
    ``python_path`` the directories in it that go on PYTHONPATH. ``needs`` names repositories to be converted before.
    """

    name: str
    url: str
    ref: str
    mark: Mark
    rules: tuple[str, ...]
    commit: str | None = None
    mirrors: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    python_path: tuple[str, ...] = (".",)
    pypi: PyPI | None = None


@dataclass(frozen=True)
class Stack:
    """The repositories of the stack file ``file``, in the order in which they are converted.

    ``environment`` are variables that the converted code needs.
    """

    file: str
    repositories: tuple[Repository, ...]
    environment: dict[str, str]

    @property
    def packaged(self) -> bool:
        """Whether the file came with the converter."""
        return not os.path.isabs(self.file)

    def only(self, names: Sequence[str]) -> Stack:
        """The stack with the repositories ``names`` alone (all, if empty), and what they need.

        Raises :class:`ConvertError` for a name that no repository has.
        """
        by_name = {repository.name: repository for repository in self.repositories}
        kept: set[str] = set()
        todo = list(names or by_name)
        while todo:
            name = todo.pop()
            if name not in by_name:
                raise ConvertError(f"{self.file} has no repository {name}; {_nearest(name, by_name)}")
            if name not in kept:
                kept.add(name)
                todo += by_name[name].needs
        chosen = tuple(repository for repository in self.repositories if repository.name in kept)
        return Stack(self.file, chosen, self.environment)


def load_stack(name: str) -> Stack:
    """Read the stack file ``name``: a path, or a packaged file.

    Raises :class:`RuleError` with ``file:line`` for what is wrong in it, :class:`ConvertError` if it is no stack.
    """
    document = _document(name)
    if "repositories" not in document.data:
        raise ConvertError(f"{document.file} is no stack: it has no 'repositories' (docs/workspace.md); try llm.yaml")
    repositories = [_repository(document, index, data) for index, data in enumerate(document.data["repositories"])]
    _check_names(document, repositories)
    for repository in repositories:
        try:
            load_rules(repository.rules)
        except RuleError:
            raise
        except ConvertError as error:
            raise RuleError(repository.mark, f"{repository.name}: {error}") from error
    return Stack(document.file, _ordered(repositories), dict(document.data.get("environment", {})))


def is_stack(name: str) -> bool:
    """Whether the rule file ``name`` has repositories."""
    return "repositories" in _document(name).data


def rule_hashes(stack: Stack, repository: Repository) -> dict[str, str]:
    """The SHA-256 of each rule file that converts ``repository``, included ones too.

    By name: that of a packaged file, or the path from the directory of the stack file.
    """
    base = os.path.dirname(stack.file)
    hashes: dict[str, str] = {}
    for file in sorted(load_rules(repository.rules).files):
        name = os.path.relpath(file, base) if os.path.isabs(file) and base else file
        hashes[name] = hash_of(file)
    return hashes


def hash_of(file: str) -> str:
    """The SHA-256 of the rule file ``file``."""
    return hashlib.sha256(locate(file)[1]).hexdigest()


def _document(name: str) -> Document:
    shown, raw = locate(name)
    # A path that is absolute means the same wherever the workspace is set up from; a packaged file has a bare name.
    file = shown if shown == Path(name).name and not Path(name).is_file() else str(Path(shown).resolve())
    return read_document(file, raw)


def _repository(document: Document, index: int, data: dict[str, Any]) -> Repository:
    pypi = data.get("pypi")
    directory = os.path.dirname(document.file)
    rules: list[str] = []
    for number, file in enumerate(data.get("rules", ())):
        try:
            rules.append(locate(file, directory)[0])
        except ConvertError as error:
            raise RuleError(document.mark(("repositories", index, "rules", number)), str(error)) from error
    return Repository(
        name=data["name"],
        url=data["url"],
        ref=data["ref"],
        mark=document.mark(("repositories", index, "name")),
        rules=tuple(rules) or (document.file,),
        commit=data.get("commit"),
        mirrors=tuple(data.get("mirrors", ())),
        needs=tuple(data.get("needs", ())),
        python_path=tuple(data.get("python_path", (".",))),
        pypi=pypi and PyPI(pypi["name"], pypi["version"], pypi.get("sha256"), tuple(pypi.get("build", ()))),
    )


def _check_names(document: Document, repositories: Sequence[Repository]) -> None:
    seen: dict[str, Repository] = {}
    for repository in repositories:
        if repository.name.lower() in _OWN_NAMES:
            raise RuleError(repository.mark, f"the workspace itself has {repository.name}: take another name")
        # Some file systems know only one of two names that differ in case.
        other = seen.setdefault(repository.name.lower(), repository)
        if other is not repository:
            raise RuleError(repository.mark, f"the name {repository.name} is taken by {other.mark}")
    names = [repository.name for repository in repositories]
    for index, repository in enumerate(repositories):
        for number, needed in enumerate(repository.needs):
            if needed not in names:
                mark = document.mark(("repositories", index, "needs", number))
                raise RuleError(mark, f"{repository.name} needs {needed}, which is no repository here; "
                                      f"{_nearest(needed, names)}")  # fmt: skip


def _ordered(repositories: Sequence[Repository]) -> tuple[Repository, ...]:
    """In the order of the file, but each after those that it needs."""
    done: dict[str, Repository] = {}
    left = list(repositories)
    while left:
        ready = next((r for r in left if done.keys() >= set(r.needs)), None)
        if ready is None:
            names = " and ".join(repository.name for repository in left)
            raise RuleError(left[0].mark, f"{names} need each other, directly or not; drop one of the 'needs'")
        done[ready.name] = ready
        left.remove(ready)
    return tuple(done.values())


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
