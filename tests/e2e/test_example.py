"""The whole road: convert megatron-core and the example, train on MindSpore, compare with the original's losses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
MINDSPORE_KERNELS = {
    "llama": {"matmul", "softmax", "silu", "embedding", "exp"},
    "dense_abs": {"matmul", "softmax", "layer_norm", "embedding", "exp"},
}


@pytest.fixture(scope="module")
def train(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``train(config, *flags, kernels=...)``: the JSON of a run; each is run once."""
    runs: dict[Any, dict[str, Any]] = {}

    def run(config: str, *flags: str, kernels: str = "mindspore") -> dict[str, Any]:
        key = (config, flags, kernels)
        if key not in runs:
            out = tmp_path_factory.mktemp("run") / "run.json"
            env = {**os.environ, "PYTHONPATH": str(converted / "megatron_core"), "MINDTORCH_KERNELS": kernels}
            script = converted / "example" / "train.py"
            done = subprocess.run(
                [sys.executable, str(script), "--config", config, "--data", str(DATA), "--output", str(out), *flags],
                env=env, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            runs[key] = json.loads(out.read_text())
        return runs[key]

    return run


def _reference(config: str) -> dict[str, Any]:
    return json.loads((DATA / "results" / f"{config}.json").read_text())


@pytest.mark.parametrize("kernels", ["mindspore", "reference"])
@pytest.mark.parametrize("config", ["llama", "dense_abs"])
def test_losses_are_pytorchs(train: Any, config: str, kernels: str) -> None:
    run, reference = train(config, kernels=kernels), _reference(config)
    assert run["losses"] == pytest.approx(reference["losses"], rel=0, abs=1e-5)
    assert run["grad_norms"] == pytest.approx(reference["grad_norms"], rel=0, abs=1e-4)
    assert len(run["losses"]) == 10


@pytest.mark.parametrize("config", ["llama", "dense_abs"])
def test_full_recomputation_changes_nothing(train: Any, config: str) -> None:
    recomputed = train(config, "--recompute")
    assert recomputed["losses"] == train(config)["losses"]
    matmuls = [run["kernels"]["numpy"]["matmul"] for run in (recomputed, train(config))]
    assert matmuls[0] > matmuls[1], "nothing was recomputed"


@pytest.mark.parametrize("config", ["llama", "dense_abs"])
def test_the_tables_agree(train: Any, config: str) -> None:
    assert train(config)["losses"] == pytest.approx(train(config, kernels="reference")["losses"], rel=0, abs=1e-5)


@pytest.mark.parametrize("config", ["llama", "dense_abs"])
def test_mindspore_computes(train: Any, config: str) -> None:
    report = train(config)["kernels"]
    assert report["table"] == "mindspore"
    assert set(report["mindspore"]) >= MINDSPORE_KERNELS[config]
    # Small products are NumPy's, unless MindSpore is to compute whatever it can.
    assert set(report["numpy"]) & MINDSPORE_KERNELS[config] <= {"matmul"}
    always = train(config, kernels="mindspore-always")
    assert always["kernels"]["table"] == "mindspore-always"
    assert not set(always["kernels"]["numpy"]) & MINDSPORE_KERNELS[config]
    assert always["losses"] == pytest.approx(train(config)["losses"], rel=0, abs=1e-5)


def test_the_reference_table_needs_no_mindspore_kernel(train: Any) -> None:
    report = train("llama", kernels="reference")["kernels"]
    assert report["table"] == "reference"
    assert not report["mindspore"]


@pytest.mark.parametrize("config", ["llama", "dense_abs"])
def test_the_example_runs_unconverted_under_pytorch(core: Path, tmp_path: Path, config: str) -> None:
    out = tmp_path / "run.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "megatron_core_gpt" / "train.py"), "--config", config, "--data",
         str(DATA), "--output", str(out)],
        env={**os.environ, "PYTHONPATH": str(core)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(out.read_text())["losses"] == pytest.approx(_reference(config)["losses"], rel=0, abs=1e-6)
