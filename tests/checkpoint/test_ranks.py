"""Distributed checkpoints of two processes, by mpiexec; PyTorch and mindtorch read them in one."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mindtorch
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("mpi4py")

MPIEXEC = Path(sys.executable).with_name("mpiexec")


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_two_ranks_save_and_one_loads(tmp_path: Path) -> None:
    mpiexec = str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec") or "mpiexec"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        environment.pop(name, None)
    program = Path(__file__).with_name("rank_program.py")
    done = subprocess.run(
        [mpiexec, "-n", "2", sys.executable, str(program), str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for library in (torch, mindtorch):
        checkpoint = importlib.import_module(f"{library.__name__}.distributed.checkpoint")
        target = {
            "x": library.zeros(5, 3), "same": library.zeros(4, dtype=library.int64), "own0": None, "own1": None,
            "model": library.nn.Linear(1, 1),
        }  # fmt: skip
        checkpoint.load(target, checkpoint_id=tmp_path / "a")
        assert target["x"].tolist() == library.arange(15.0).reshape(5, 3).tolist()
        assert (target["same"].tolist(), target["own0"], target["own1"]) == ([0, 1, 2, 3], [0], [1])
