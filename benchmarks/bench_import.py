"""Seconds of ``import mindtorch`` beyond ``import mindspore``, which it needs: fresh processes that take turns.

    python benchmarks/bench_import.py [--runs 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(module: str, env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], env=env, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as cache:
        # As installed: with bytecode, which an environment may forbid to write.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "OMP_NUM_THREADS": "1"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds("mindtorch", env)
        pairs = [(seconds("mindspore", env), seconds("mindtorch", env)) for _ in range(runs)]
    mindspore, mindtorch = zip(*pairs, strict=True)
    for name, values in (("mindspore", mindspore), ("mindtorch", mindtorch)):
        print(f"{name:<10} min {min(values):.2f} s, median {statistics.median(values):.2f} s")
    more = statistics.median(b - a for a, b in pairs)
    print(f"more       min {min(mindtorch) - min(mindspore):.2f} s, median {more:.2f} s")


if __name__ == "__main__":
    main()
