"""How fast the converter is, and how much memory it takes: cold, without a cache, and warm.

    python benchmarks/bench_convert.py PATH [--runs 5] [--jobs 2] [--style alias]

Each run is a fresh ``ms-convert PATH --check``, so it counts what a user waits for: starting Python, importing the
converter, reading the rules and every file, rewriting, compiling the result, and reporting. Nothing is written but the
cache, which is a directory of the benchmark's own. Processor time is that of the process and its workers (user and
system). Memory is the largest sum over all processes at the same time, each page that they share counted once
(``Pss`` of ``/proc``, read every 20 ms).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """Processor and wall seconds, megabytes, and the report's summary."""

    processor: float
    wall: float
    memory: float
    summary: dict[str, int]


def family(pid: int) -> list[int]:
    """``pid`` and all processes below it."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                found += map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def memory(pid: int) -> float:
    """Megabytes that ``pid`` and all processes below it use together."""
    total = 0
    for process in family(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def measure(path: Path, jobs: int, style: str, cache: Path) -> Run:
    """One run."""
    command = [sys.executable, "-m", "ms_convert", str(path), "--check", "--report", "json", "-j", str(jobs)]
    environment = os.environ | {"MS_CONVERT_CACHE_DIR": str(cache)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--style", style], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, errors = process.communicate()
    done.set()
    watcher.join()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, 1):
        raise SystemExit(errors.strip())
    processor = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return Run(processor, wall, peak, json.loads(out)["summary"])


def show(name: str, runs: list[Run]) -> None:
    """The least and the median of several runs."""
    times = [run.processor for run in runs]
    files = runs[0].summary["files"]
    print(
        f"{name}: CPU seconds min {min(times):.2f}, median {statistics.median(times):.2f}; "
        f"wall median {statistics.median(run.wall for run in runs):.2f} s; "
        f"{files / statistics.median(times):.0f} files per CPU second; "
        f"peak memory {max(run.memory for run in runs):.0f} MB",
        flush=True,
    )


def main() -> None:
    """Measure, and print the least and the median."""
    parser = argparse.ArgumentParser(description="Processor seconds and memory of ms-convert on a tree.")
    parser.add_argument("path", type=Path, help="a tree that is not converted yet; it is only read")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--style", default="alias")
    options = parser.parse_args()
    cold: list[Run] = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as directory:
            cold.append(measure(options.path, options.jobs, options.style, Path(directory)))
    with tempfile.TemporaryDirectory() as directory:
        measure(options.path, options.jobs, options.style, Path(directory))
        warm = [measure(options.path, options.jobs, options.style, Path(directory)) for _ in range(options.runs)]
    summary = cold[0].summary
    print(f"{summary['files']} files, {summary['converted']} to convert, {summary['edits']} edits; {options.jobs} jobs")
    show("cold", cold)
    show("warm", warm)
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
