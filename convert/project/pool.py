"""Convert the files of a tree in memory, on several processors; what the cache knows is not converted again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from ..edits import Conflict, Left
from ..engine import MAX_BYTES, convert_source
from ..errors import ConvertError
from ..language.ruleset import RuleSet
from ..outcome import Outcome
from ..settings import Settings
from .cache import Cache
from .reading import Identity, identity, read_regular

_CHUNK = 16
# Files are read, converted and forgotten by so many bytes at a time.
_BATCH_BYTES = 32_000_000

_Work = Callable[[str, bytes], Outcome]
_File = tuple[str, bytes]


@dataclass
class Conversion:
    """The outcome of every file, and what each file was when it was read."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    seen: dict[str, Identity] = field(default_factory=dict)


def convert_files(
    root: str,
    files: Sequence[str],
    rules: RuleSet,
    settings: Settings,
    jobs: int,
    cache: Cache | None = None,
    advance: Callable[[int], object] = lambda count: None,
) -> Conversion:
    """Convert ``files`` (relative to ``root``); calls ``advance`` with how many more are done.

    Raises :class:`ConvertError` if rules clash or a worker process dies.
    """
    conversion = Conversion()
    with ExitStack() as stack:
        stack.enter_context(_no_gc())
        convert_all = _Converter(partial(_convert, rules, settings), jobs, stack)
        for batch in _batches(root, files, rules, conversion, advance):
            known = cache.get(dict(batch)) if cache is not None else {}
            conversion.outcomes.update(known)
            advance(len(known))
            rest = [(path, raw) for path, raw in batch if path not in known]
            new = convert_all(rest, advance)
            conversion.outcomes.update(new)
            if cache is not None and new:
                cache.put(dict(rest), new)
    conversion.outcomes = {path: conversion.outcomes[path] for path in files}
    return conversion


def _batches(
    root: str, files: Sequence[str], rules: RuleSet, conversion: Conversion, advance: Callable[[int], object]
) -> Iterator[list[_File]]:
    """The files in which a rule may match something; all others have their outcome already."""
    batch: list[_File] = []
    size = 0
    for path in files:
        raw: bytes | None = None
        try:
            raw, status = read_regular(os.path.join(root, path))
        except OSError as error:
            conversion.outcomes[path] = Outcome(skipped=Left(f"cannot be read: {error.strerror}"))
        else:
            conversion.seen[path] = identity(status)
            if not rules.for_path(path).prefilter.search(raw):
                conversion.outcomes[path] = Outcome()
                raw = None
            elif len(raw) > MAX_BYTES:
                conversion.outcomes[path] = convert_source(raw, rules.for_path(path), path)
                raw = None
        if raw is None:
            advance(1)
            continue
        batch.append((path, raw))
        size += len(raw)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Converter:
    """Converts lists of files, with worker processes from the first list on that is worth it."""

    def __init__(self, work: _Work, jobs: int, stack: ExitStack) -> None:
        self._work = work
        self._jobs = jobs
        self._stack = stack
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, files: Sequence[_File], advance: Callable[[int], object]) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        if self._jobs <= 1 or len(files) <= _CHUNK:
            for path, raw in files:
                outcomes[path] = self._work(path, raw)
                advance(1)
            return outcomes
        if self._pool is None:
            from ..python import rewrite  # noqa: F401  imported here once, so that forked workers need not

            # Forking is safe (there are no threads yet) and spares each worker the imports.
            context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
            jobs = min(self._jobs, -(-len(files) // _CHUNK))
            pool = ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(self._work,))
            self._pool = self._stack.enter_context(pool)
        chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
        try:
            for chunk, results in zip(chunks, self._pool.map(_convert_chunk, chunks), strict=True):
                outcomes.update(zip((path for path, _ in chunk), results, strict=True))
                advance(len(chunk))
        except BrokenProcessPool as error:
            raise ConvertError("a worker process was killed (out of memory?); nothing was written; try -j 1") from error
        return outcomes


_worker: list[_Work] = []


def _start_worker(work: _Work) -> None:
    gc.disable()
    _worker[:] = [work]


def _convert_chunk(chunk: Sequence[_File]) -> list[Outcome]:
    return [_worker[0](path, raw) for path, raw in chunk]


def _convert(rules: RuleSet, settings: Settings, path: str, raw: bytes) -> Outcome:
    try:
        return convert_source(raw, rules.for_path(path), path, settings)
    except (RecursionError, MemoryError) as error:
        return Outcome(skipped=Left(f"too deep or too large to convert ({type(error).__name__})"))
    except Conflict as error:
        raise ConvertError(f"{path}: {error}") from error
    except ConvertError:
        raise
    except Exception as error:
        # A fault of the converter, not of the file: nobody can tell what else is wrong, so the run ends.
        if "MS_CONVERT_TRACEBACK" in os.environ:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f"internal error while converting {path}: {what}; nothing was written; please report it"
        raise ConvertError(f"{message} with what MS_CONVERT_TRACEBACK=1 prints") from error


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
