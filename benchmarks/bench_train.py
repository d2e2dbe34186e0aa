"""Seconds per iteration of the example: mindtorch on MindSpore, mindtorch on NumPy and PyTorch, in one run.

Run it in the environment of `make test`, after `make quickstart`:
    python benchmarks/bench_train.py [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".quickstart"


def seconds(script: Path, core: Path, kernels: str) -> list[float]:
    """Seconds of each iteration after the first, which warms up."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run.json"
        env = {**os.environ, "PYTHONPATH": str(core), "MINDTORCH_KERNELS": kernels}
        command = [sys.executable, str(script), "--data", str(ROOT / "tests" / "data"), "--output", str(out)]
        subprocess.run(command, env=env, check=True, capture_output=True)
        return json.loads(out.read_text())["seconds"][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="processes of each kind (default: 3)")
    runs = parser.parse_args().runs
    core = next((WORK / "upstream").rglob("megatron/core/__init__.py")).parents[2]
    converted = WORK / "converted"
    cases = {
        "mindtorch, MindSpore kernels": (converted / "example" / "train.py", converted / "megatron_core", "mindspore"),
        "mindtorch, NumPy reference": (converted / "example" / "train.py", converted / "megatron_core", "reference"),
        "PyTorch": (ROOT / "examples" / "megatron_core_gpt" / "train.py", core, "mindspore"),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):  # interleaved, so that a busy moment hits all
        for name, case in cases.items():
            taken[name] += seconds(*case)
    print(f"{'seconds per iteration':<32}{'min':>8}{'median':>8}   ({runs} runs of 9 iterations)")
    for name, values in taken.items():
        print(f"{name:<32}{min(values):>8.3f}{statistics.median(values):>8.3f}")


if __name__ == "__main__":
    main()
