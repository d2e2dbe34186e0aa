"""Seconds per iteration of the example: mindtorch on MindSpore, mindtorch on NumPy and PyTorch, in one run.

Two models: `llama` of the tests (2 layers of 64, 4 micro-batches of 2 x 64 tokens), and `medium` (4 layers of 512, one
of 2 x 512 tokens). Run it in the environment of `make test`, after `make quickstart`:
    python benchmarks/bench_train.py [--runs 3] [--config llama medium]
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
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".quickstart"
ITERATIONS = {"llama": 10, "medium": 5}


def train(script: Path, core: Path, kernels: str, config: str) -> dict[str, Any]:
    """What one process measured."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run.json"
        env = {**os.environ, "PYTHONPATH": str(core), "MINDTORCH_KERNELS": kernels}
        command = [
            sys.executable, str(script), "--config", config, "--iterations", str(ITERATIONS[config]),
            "--data", str(ROOT / "tests" / "data"), "--output", str(out),
        ]  # fmt: skip
        subprocess.run(command, env=env, check=True, capture_output=True)
        return json.loads(out.read_text())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="processes of each kind (default: 3)")
    parser.add_argument("--config", nargs="+", choices=ITERATIONS, default=list(ITERATIONS), help="models")
    args = parser.parse_args()
    core = next((WORK / "upstream").rglob("megatron/core/__init__.py")).parents[2]
    converted = WORK / "converted"
    cases = {
        "PyTorch": (ROOT / "examples" / "megatron_core_gpt" / "train.py", core, "mindspore"),
        "mindtorch": (converted / "example" / "train.py", converted / "megatron_core", "mindspore"),
        "mindtorch, NumPy only": (converted / "example" / "train.py", converted / "megatron_core", "reference"),
    }
    print(f"{'seconds per iteration':<32}{'min':>8}{'median':>8}{'to PyTorch':>18}{'loss differs by':>18}")
    for config in args.config:
        taken: dict[str, list[float]] = {name: [] for name in cases}
        losses: dict[str, list[float]] = {}
        for _ in range(args.runs):  # interleaved, so that a busy moment hits all
            for name, case in cases.items():
                run = train(*case, config)
                taken[name] += run["seconds"][1:]  # the first iteration warms up
                losses[name] = run["losses"]
        reference = taken["PyTorch"]
        for name, values in taken.items():
            ratios = min(values) / min(reference), statistics.median(values) / statistics.median(reference)
            worst = max(abs(a - b) for a, b in zip(losses[name], losses["PyTorch"], strict=True))
            print(
                f"{config + ': ' + name:<32}{min(values):>8.3f}{statistics.median(values):>8.3f}"
                f"{f'{ratios[0]:.2f} / {ratios[1]:.2f}':>18}{worst:>18.1e}"
            )
    print(f"({args.runs} processes each; ratios of the minima / of the medians)")


if __name__ == "__main__":
    main()
