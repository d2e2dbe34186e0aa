"""Find the Python files of a tree and convert them, on several processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path

from .engine import Left, Outcome, convert_source
from .errors import ConvertError
from .ruleset import RuleSet

SUFFIXES = (".py", ".pyi", ".pyw")
_NOT_ENTERED = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "__pycache__"})
_CHUNK = 16


@dataclass
class Tree:
    """What there is to convert: paths relative to ``root`` with forward slashes, sorted.

    ``skipped`` has Python files that are left alone before anybody reads them, with the reason.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    skipped: dict[str, Left] = field(default_factory=dict)


def scan(path: Path, *, in_place: bool) -> Tree:
    """The Python files at or below ``path``. Symbolic links are not followed, nor virtual environments entered.

    With ``in_place``, read-only files are left alone: somebody wants them to stay as they are.
    """
    if path.is_dir():
        tree = Tree(path)
        for entry in _walk(path, tree):
            relative = os.path.relpath(entry.path, path).replace(os.sep, "/")
            _add(tree, relative, entry.stat(follow_symlinks=False), in_place)
    else:
        tree = Tree(path.parent)
        _add(tree, path.name, path.lstat(), in_place)
    tree.files.sort()
    return tree


def _walk(directory: Path, tree: Tree) -> Iterator[os.DirEntry[str]]:
    stack = [str(directory)]
    while stack:
        current = stack.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            relative = os.path.relpath(current, directory).replace(os.sep, "/")
            tree.skipped[relative] = Left(f"directory cannot be read: {error.strerror}")
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries) and current != str(directory):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_ENTERED:
                    stack.append(entry.path)
            elif entry.name.endswith(SUFFIXES):
                yield entry


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


def convert_files(
    tree: Tree, rules: RuleSet, jobs: int, advance: Callable[[int], object] = lambda count: None
) -> dict[str, Outcome]:
    """Convert every file of ``tree`` in memory; calls ``advance`` with how many more are done.

    Raises :class:`ConvertError` if rules clash or a worker process dies.
    """
    work = partial(_convert_file, str(tree.root), rules)
    jobs = min(jobs, -(-len(tree.files) // _CHUNK))
    outcomes: dict[str, Outcome] = {}
    if jobs <= 1:
        with _no_gc():
            for relative in tree.files:
                outcomes[relative] = work(relative)
                advance(1)
        return outcomes
    from . import rewrite  # noqa: F401  imported here once, so that forked workers need not

    # Forking is safe (there are no threads yet) and spares each worker the imports.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    chunks = [tree.files[start : start + _CHUNK] for start in range(0, len(tree.files), _CHUNK)]
    try:
        with ProcessPoolExecutor(jobs, context, initializer=gc.disable) as pool:
            for chunk, results in zip(chunks, pool.map(_convert_chunk, repeat(work), chunks), strict=True):
                outcomes.update(zip(chunk, results, strict=True))
                advance(len(chunk))
    except BrokenProcessPool as error:
        raise ConvertError("a worker process was killed (out of memory?); nothing was written; try -j 1") from error
    return outcomes


def _convert_chunk(work: Callable[[str], Outcome], chunk: list[str]) -> list[Outcome]:
    return [work(relative) for relative in chunk]


def _convert_file(root: str, rules: RuleSet, relative: str) -> Outcome:
    try:
        with open(os.path.join(root, relative), "rb") as file:
            raw = file.read()
    except OSError as error:
        return Outcome(skipped=Left(f"cannot be read: {error.strerror}"))
    return convert_source(raw, rules)


@contextmanager
def _no_gc() -> Iterator[None]:
    """Syntax trees are many objects and no cycles: collecting them costs a fifth of the time and finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
