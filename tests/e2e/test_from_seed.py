"""Training from the seed alone: the generator draws PyTorch's initial parameters, so the losses are PyTorch's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"


def test_losses_from_the_seed_are_pytorchs(converted: Path, tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    done = subprocess.run(
        [sys.executable, str(converted / "example" / "train.py"), "--from-seed", "--data", str(DATA), "--output",
         str(output)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(converted / "megatron_core"), *sys.path])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    run = json.loads(output.read_text())
    reference = json.loads((DATA / "results" / "llama_from_seed.json").read_text())
    assert run["losses"] == pytest.approx(reference["losses"], rel=0, abs=1e-5)
    assert run["grad_norms"] == pytest.approx(reference["grad_norms"], rel=0, abs=1e-4)
    assert len(run["losses"]) == 10
