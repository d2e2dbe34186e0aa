"""Convert the files of a tree in memory, on several processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import repeat

from ..edits import Left
from ..engine import convert_source
from ..errors import ConvertError
from ..language.ruleset import RuleSet
from ..outcome import Outcome
from ..settings import Settings

_CHUNK = 16


def convert_files(
    root: str,
    files: Sequence[str],
    rules: RuleSet,
    settings: Settings,
    jobs: int,
    advance: Callable[[int], object] = lambda count: None,
) -> dict[str, Outcome]:
    """Convert ``files`` (relative to ``root``); calls ``advance`` with how many more are done.

    Raises :class:`ConvertError` if rules clash or a worker process dies.
    """
    work = partial(convert_file, root, rules, settings)
    jobs = min(jobs, -(-len(files) // _CHUNK))
    outcomes: dict[str, Outcome] = {}
    if jobs <= 1:
        with _no_gc():
            for relative in files:
                outcomes[relative] = work(relative)
                advance(1)
        return outcomes
    from ..python import rewrite  # noqa: F401  imported here once, so that forked workers need not

    # Forking is safe (there are no threads yet) and spares each worker the imports.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    try:
        with ProcessPoolExecutor(jobs, context, initializer=gc.disable) as pool:
            for chunk, results in zip(chunks, pool.map(_convert_chunk, repeat(work), chunks), strict=True):
                outcomes.update(zip(chunk, results, strict=True))
                advance(len(chunk))
    except BrokenProcessPool as error:
        raise ConvertError("a worker process was killed (out of memory?); nothing was written; try -j 1") from error
    return outcomes


def _convert_chunk(work: Callable[[str], Outcome], chunk: Sequence[str]) -> list[Outcome]:
    return [work(relative) for relative in chunk]


def convert_file(root: str, rules: RuleSet, settings: Settings, relative: str) -> Outcome:
    """Convert one file with the rules that are about it."""
    try:
        with open(os.path.join(root, relative), "rb") as file:
            raw = file.read()
    except OSError as error:
        return Outcome(skipped=Left(f"cannot be read: {error.strerror}"))
    return convert_source(raw, rules.for_path(relative), relative, settings)


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
