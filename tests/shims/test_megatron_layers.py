"""Megatron-LM's TransformerEngine layers give what its local ones give, and split layers what whole ones give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mpi4py")

HERE = Path(__file__).parent


def run(command: list[str], *paths: Path, kernels: str = "") -> str:
    """Run a program to its end and give what it printed; its output is shown when it fails.

    ``kernels`` "reference": those in NumPy, which start faster.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path]), "OMP_NUM_THREADS": "1"}
    if kernels:
        environment["MINDTORCH_KERNELS"] = kernels
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        environment.pop(name, None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def mpiexec(ranks: int, *arguments: str) -> list[str]:
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    return [launcher, "-n", str(ranks), sys.executable, *arguments]


def check(result: dict[str, Any]) -> None:
    """Both specs give the same losses and gradient norms, and the losses move."""
    local, engine = result["local"], result["engine"]
    assert engine["losses"] == pytest.approx(local["losses"], rel=0, abs=1e-5)
    assert engine["norms"] == pytest.approx(local["norms"], rel=1e-4, abs=0)
    assert len(set(engine["losses"])) == 3
    assert all(2 < loss < 6 for loss in engine["losses"])
    # The optimizer is the stand-in's, and attention and its layers are those of TransformerEngine.
    assert engine["optimizer"] == "mindtorch_shims.transformer_engine.pytorch.optimizers.fused_adam"
    name = "decoder.layers.0.self_attention.core_attention._extra_state"
    assert name in engine["extra_states"]
    assert name not in local["extra_states"]


ONE_RANK = ["dropout", "norms", "fused", "moe", "moe_fused", "distributed_optimizer"]


@pytest.fixture(scope="module")
def one_rank(converted_core: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("one") / "results.json"
    program = [sys.executable, str(HERE / "gpt_program.py"), str(output), "1", *ONE_RANK]
    run(program, converted_core, kernels="reference")
    return json.loads(output.read_text())


@pytest.mark.parametrize("case", ONE_RANK)
def test_specs_agree(one_rank: dict[str, Any], case: str) -> None:
    check(one_rank[case])


def test_cases_differ(one_rank: dict[str, Any]) -> None:
    # The two with experts differ in how tokens are sorted only.
    assert len({result["engine"]["losses"][-1] for result in one_rank.values()}) == len(ONE_RANK) - 1


def test_specs_agree_on_two_ranks(converted_core: Path, tmp_path: Path) -> None:
    """Tensor parallel and, for TransformerEngine's layers, sequence parallel."""
    output = tmp_path / "results.json"
    run(mpiexec(2, str(HERE / "gpt_program.py"), str(output), "2", "rms"), converted_core)
    results = json.loads(output.read_text())
    for result in results.values():
        check(result)
        assert result["engine"]["sequence_parallel"] is True
    assert results["rms"]["local"]["sequence_parallel"] is False


def test_layers_over_two_ranks_are_whole_layers() -> None:
    printed = run(mpiexec(2, str(HERE / "parallel_program.py")), kernels="reference")
    assert printed.split() == [
        "tensor_parallel", "sequence_parallel", "gathered_norm", "context_parallel", "context_parallel_packed",
        "cross_entropy", "recomputation", "random_states",
    ]  # fmt: skip
