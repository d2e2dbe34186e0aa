"""The files of a tree: which there are, and which of them somebody is to look into."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..edits import Left

# What the converter itself keeps in a tree (see :mod:`.journal`).
OWN = ".ms-convert"
# Directories that are none of the project's files: version control, bytecode.
NOT_ENTERED = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "__pycache__", OWN})


@dataclass
class Tree:
    """What there is to convert: paths relative to ``root`` with forward slashes, sorted.

    ``skipped`` has files that are left alone before anybody reads them, with the reason. ``paths`` are all files of the
    tree, wanted or not.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    skipped: dict[str, Left] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    _writable: dict[str, bool] = field(default_factory=dict, repr=False)

    def may_write(self, directory: str) -> bool:
        """Whether files in ``directory`` (relative to the root) can be replaced."""
        if directory not in self._writable:
            self._writable[directory] = os.access(self.root / directory, os.W_OK)
        return self._writable[directory]


def scan(path: Path, wanted: Callable[[str], bool], *, in_place: bool) -> Tree:
    """The files at or below ``path`` whose relative path is ``wanted``.

    Symbolic links are not followed, nor virtual environments entered.

    With ``in_place``, read-only files, and those in read-only directories, are left alone: somebody wants them to stay
    as they are.
    """
    if path.is_dir():
        tree = Tree(path)
        for relative, entry in _walk(path, tree):
            tree.paths.append(relative)
            if not wanted(relative):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                tree.skipped[relative] = Left(f"cannot be read: {error.strerror}")
            else:
                _add(tree, relative, status, in_place)
    else:
        tree = Tree(path.parent)
        _add(tree, path.name, path.lstat(), in_place)
    tree.files.sort()
    return tree


def _walk(directory: Path, tree: Tree) -> Iterator[tuple[str, os.DirEntry[str]]]:
    stack = [""]
    while stack:
        current = stack.pop()
        try:
            entries = sorted(os.scandir(directory / current), key=lambda entry: entry.name)
        except OSError as error:
            tree.skipped[current or "."] = Left(f"directory cannot be read: {error.strerror}")
            continue
        if current and any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            relative = f"{current}/{entry.name}" if current else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield relative, entry
            elif entry.name not in NOT_ENTERED:
                stack.append(relative)


def _add(tree: Tree, relative: str, status: os.stat_result, in_place: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        path = tree.root / relative
        # A link to a file of this tree needs nothing: the file itself is converted.
        if path.is_file() and not path.resolve().is_relative_to(tree.root.resolve()):
            tree.skipped[relative] = Left("a symbolic link out of the tree; links are not followed")
    elif not stat.S_ISREG(status.st_mode):
        tree.skipped[relative] = Left("not a regular file")
    elif in_place and not status.st_mode & 0o222:
        tree.skipped[relative] = Left("read-only; make it writable to convert it")
    elif in_place and hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
        tree.skipped[relative] = Left("belongs to another user, and would not any more; convert a copy")
    elif in_place and not tree.may_write(os.path.dirname(relative)):
        tree.skipped[relative] = Left("in a read-only directory; make it writable, or convert a copy")
    else:
        tree.files.append(relative)


def own_modules(root: Path, modules: frozenset[str]) -> dict[str, str]:
    """Which of ``modules`` the tree itself has at top level, with the path: importing those means the tree's own.

    Looks where imports start from: the root of the tree and its ``src``.
    """
    found = {}
    for module in sorted(modules):
        for candidate in (f"{module}.py", f"{module}/__init__.py", f"src/{module}.py", f"src/{module}/__init__.py"):
            if (root / candidate).is_file():
                found[module] = candidate
                break
    return found
