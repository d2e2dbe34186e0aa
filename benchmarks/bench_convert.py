"""How fast the converter is: Python files per second of processor time, over a whole tree.

    python benchmarks/bench_convert.py PATH [--runs 5] [--jobs 1]

Each run is a fresh ``ms-convert PATH --check``, so it counts what a user waits for: starting Python, importing the
converter, reading the rules and every file, rewriting, compiling the result, and reporting. Nothing is written.
Processor time is that of the process and its workers (user and system).
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
import time
from pathlib import Path


def measure(path: Path, jobs: int) -> tuple[float, float, dict[str, int]]:
    """Processor seconds, wall seconds and the report's summary of one run."""
    command = [sys.executable, "-m", "ms_convert", str(path), "--check", "--report", "json", "-j", str(jobs)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr.strip())
    processor = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return processor, wall, json.loads(done.stdout)["summary"]


def main() -> None:
    """Measure, and print every run, the least and the median."""
    parser = argparse.ArgumentParser(description="Files per processor second of ms-convert on a tree.")
    parser.add_argument("path", type=Path, help="a tree that is not converted yet; it is only read")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    times: list[float] = []
    for run in range(1, options.runs + 1):
        processor, wall, summary = measure(options.path, options.jobs)
        times.append(processor)
        rate = summary["files"] / processor
        print(f"run {run}: {processor:.2f} CPU s, {wall:.2f} s, {rate:.0f} files per CPU second", flush=True)
    files, converted = summary["files"], summary["converted"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{files} Python files, {converted} to convert, {summary['edits']} edits, {options.jobs} jobs")
    print(f"CPU seconds: min {min(times):.2f}, median {statistics.median(times):.2f}")
    per_second = files / min(times), files / statistics.median(times)
    print(f"files per CPU second: best {per_second[0]:.0f}, median {per_second[1]:.0f}")
    print(f"peak memory of one process: {peak:.0f} MB; Python {platform.python_version()}, {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
