"""Megatron's parallelism over several processes: the losses of one process, and PyTorch's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ranks

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
ITERATIONS = 4
LIMIT = 240.0  # seconds; a run takes about ten on an idle machine
Train = Callable[..., dict[str, Any]]

# Configuration: processes, the configuration of one process that trains the same model on the same batches.
CORE = {"dp2": (2, "llama"), "tp2": (2, "llama"), "pp2": (2, "llama4")}
LONG = {
    "dp2_overlap_grad_reduce": (2, "llama"), "dp2_distopt": (2, "llama"), "tp2_sp": (2, "llama"),
    "pp2_interleaved": (2, "llama4"), "tp2_pp2": (4, "llama4"), "tp2_dp2": (4, "llama"),
    "moe_allgather_ep2": (2, "moe_allgather"), "moe_alltoall_ep2": (2, "moe_alltoall"),
}  # fmt: skip
LAYOUTS = CORE | LONG


@pytest.fixture(scope="module")
def train(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """``train(config, *flags, processes=..., launcher=...)``: the JSON of a run; each is run once."""
    runs: dict[Any, dict[str, Any]] = {}

    def run(config: str, *flags: str, processes: int = 1, launcher: str = "mpiexec") -> dict[str, Any]:
        key = (config, flags, processes, launcher)
        if key not in runs:
            out = tmp_path_factory.mktemp("run") / "run.json"
            start = {
                "mpiexec": [ranks.MPIEXEC, "-n", str(processes), sys.executable],
                "mindtorchrun": [sys.executable, "-m", "mindtorchrun", "--standalone", f"--nproc_per_node={processes}"],
            }[launcher]
            ranks.run(
                [*start, str(converted / "example" / "train.py"), "--config", config, "--data", str(DATA), "--output",
                 str(out), "--iterations", str(ITERATIONS), *flags],
                {"PYTHONPATH": os.pathsep.join([str(converted / "megatron_core"), *filter(None, sys.path)])}, LIMIT,
            )  # fmt: skip
            runs[key] = json.loads(out.read_text())
        return runs[key]

    return run


def _check_against_pytorch(run: dict[str, Any], config: str) -> None:
    reference = json.loads((DATA / "results" / f"{config}.json").read_text())
    assert run["losses"] == pytest.approx(reference["losses"][:ITERATIONS], rel=0, abs=1e-5)
    assert run["grad_norms"] == pytest.approx(reference["grad_norms"][:ITERATIONS], rel=0, abs=1e-4)
    assert len(run["losses"]) == ITERATIONS


def _check_against_one_process(run: dict[str, Any], alone: dict[str, Any]) -> None:
    assert run["losses"] == pytest.approx(alone["losses"], rel=0, abs=2e-6)
    assert run["grad_norms"] == pytest.approx(alone["grad_norms"], rel=0, abs=2e-6)


@pytest.mark.parametrize("config", [*CORE, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_sharing_a_model_changes_nothing(train: Train, config: str) -> None:
    processes, alone = LAYOUTS[config]
    run = train(config, processes=processes)
    # What PyTorch was not asked for is compared with its run in one process.
    _check_against_pytorch(run, config if (DATA / "results" / f"{config}.json").exists() else alone)
    _check_against_one_process(run, train(alone))
    # Data-parallel ranks have the whole model, others a part of it.
    whole = train(alone)["parameters"]
    assert run["parameters"] == whole if config.startswith("dp") else run["parameters"] < 0.95 * whole


@pytest.mark.slow
@pytest.mark.parametrize("config", ["moe_allgather", "moe_alltoall"])
def test_experts_in_one_process(train: Train, config: str) -> None:
    _check_against_pytorch(train(config), config)


@pytest.mark.slow
def test_flags_make_the_layout_and_mindtorchrun_starts_it(train: Train) -> None:
    run = train("llama", "--tensor-parallel", "2", "--sequence-parallel", processes=2, launcher="mindtorchrun")
    assert run["losses"] == train("tp2_sp", processes=2)["losses"]


@pytest.mark.slow
def test_a_layout_for_another_number_of_processes_is_refused(converted: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(converted / "example" / "train.py"), "--config", "dp2", "--data", str(DATA)],
        env={**os.environ, "PYTHONPATH": str(converted / "megatron_core")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "needs 2 processes, not 1" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("config", ["pp2_interleaved", "moe_alltoall_ep2"])
def test_the_example_runs_unconverted_under_torchrun(core: Path, tmp_path: Path, config: str) -> None:
    processes, alone = LAYOUTS[config]
    out = tmp_path / "run.json"
    ranks.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}",
         str(ROOT / "examples" / "megatron_core_gpt" / "train.py"), "--config", config, "--data", str(DATA),
         "--iterations", str(ITERATIONS), "--output", str(out)],
        {"PYTHONPATH": str(core)}, LIMIT,
    )  # fmt: skip
    _check_against_pytorch(json.loads(out.read_text()), alone)


def _alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ranks_do_not_outlive_a_run_that_takes_too_long(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch(); signal.pause()"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        ranks.run([ranks.MPIEXEC, "-n", "2", sys.executable, "-c", program], {}, 3.0)
    started = [int(path.name) for path in tmp_path.iterdir()]
    assert len(started) == 2
    limit = time.monotonic() + 20
    while any(_alive(pid) for pid in started):
        assert time.monotonic() < limit, f"still running: {started}"
