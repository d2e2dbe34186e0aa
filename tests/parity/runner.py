"""Run checks of the operator database in worker processes that may crash or hang, and write down what came out.

    python tests/parity/runner.py --check forward --dtype float32 [--match REGEX] [--json FILE] [--most N]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

TIMEOUT = 240.0


class Task(NamedTuple):
    """One check of one entry. ``dtype`` None is the check's own."""

    entry: str
    check: str
    dtype: str | None = None
    most: int | None = None


class Result(NamedTuple):
    """What came of a task; ``status`` as in :func:`checks.run`, or crash or timeout."""

    entry: str
    check: str
    dtype: str | None
    status: str
    detail: str
    seconds: float


def _serve(connection: Connection) -> None:
    warnings.simplefilter("ignore")
    import checks
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    torch.set_num_threads(1)
    entries = {checks.full_name(entry): entry for entry in op_db}
    while True:
        task = connection.recv()
        if task is None:
            return
        started = time.perf_counter()
        dtype = getattr(torch, task.dtype) if task.dtype else None
        status, detail = checks.run(entries[task.entry], task.check, dtype, task.most)
        connection.send(Result(task.entry, task.check, task.dtype, status, detail, time.perf_counter() - started))


class _Worker:
    def __init__(self) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.deadline = 0.0

    def give(self, task: Task) -> None:
        self.task = task
        self.deadline = time.monotonic() + TIMEOUT
        self.connection.send(task)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_all(tasks: Iterable[Task], jobs: int = 2) -> Iterator[Result]:
    """The results of ``tasks``, as they come."""
    todo = list(tasks)[::-1]
    workers: list[_Worker] = []
    try:
        while todo or any(worker.task for worker in workers):
            while todo and len(workers) < jobs:
                workers.append(_Worker())
            for worker in workers:
                if worker.task is None and todo:
                    worker.give(todo.pop())
            wait([worker.connection for worker in workers if worker.task], timeout=1)
            for worker in list(workers):
                task = worker.task
                if task is None:
                    continue
                try:
                    if worker.connection.poll():
                        yield worker.connection.recv()
                        worker.task = None
                        continue
                except (EOFError, OSError):
                    yield Result(task.entry, task.check, task.dtype, "crash", "the process died", 0.0)
                    worker.stop()
                    workers.remove(worker)
                    continue
                if time.monotonic() > worker.deadline:
                    yield Result(task.entry, task.check, task.dtype, "timeout", "", TIMEOUT)
                    worker.stop()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.stop()


def tasks_for(check: str, dtype: str | None, match: str = "", most: int | None = None) -> list[Task]:
    """The tasks of one check for all entries that it applies to."""
    warnings.simplefilter("ignore")
    import checks
    import torch
    from known import SKIPPED
    from torch.testing._internal.common_methods_invocations import op_db

    found: list[Task] = []
    for entry in checks.applicable(op_db):
        name = checks.full_name(entry)
        wanted = getattr(torch, dtype) if dtype else torch.float32
        if not SKIPPED.keys().isdisjoint((name, f"{name} {check}", f"{name} {dtype}")):
            continue
        if not re.search(match, name) or wanted not in entry.supported_dtypes("cpu"):
            continue
        double = torch.float64 in entry.supported_dtypes("cpu")
        if check in ("gradient", "gradgrad") and not (entry.supports_autograd and double):
            continue
        found.append(Task(name, check, dtype, most))
    return found


def record(results: Iterable[Result]) -> None:
    """Bring ``failing.json`` up to date: by check (and dtype), the entries that do not pass, each with the reason."""
    path = Path(__file__).parent / "failing.json"
    data: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
    for result in results:
        group = data.setdefault(f"{result.check} {result.dtype}" if result.dtype else result.check, {})
        group.pop(result.entry, None)
        if result.status not in ("pass", "none"):
            group[result.entry] = f"{result.status}: {result.detail}".rstrip(": ")
    path.write_text(json.dumps({k: dict(sorted(v.items())) for k, v in sorted(data.items())}, indent=1) + "\n")


def main() -> None:
    """Run, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="append", default=None)
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--match", default="")
    parser.add_argument("--most", type=int, default=None, help="samples an entry")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--record", action="store_true", help="write what does not pass into failing.json")
    options = parser.parse_args()
    from summary import summarize

    results: list[Result] = []
    for check in options.check or ["forward"]:
        dtype = options.dtype or ("float32" if check == "forward" else None)
        for result in run_all(tasks_for(check, dtype, options.match, options.most), options.jobs):
            results.append(result)
            if result.status not in ("pass", "none"):
                where = f"{result.entry} {result.check} {result.dtype or ''}"
                print(f"{where}: {result.status}: {result.detail}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([result._asdict() for result in results], indent=0))
    if options.record:
        record(results)
    for line in summarize(results):
        print(line)


if __name__ == "__main__":
    main()
