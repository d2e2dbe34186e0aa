"""Megatron's torch_dist checkpoints between PyTorch and mindtorch, also with other numbers of tensor parallel ranks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mpi4py")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples" / "megatron_core_gpt"
MPIEXEC = Path(sys.executable).with_name("mpiexec")


class Programs:
    """Runs ``megatron_program.py`` under either library; a checkpoint or dump is made once."""

    def __init__(self, core: Path, directory: Path) -> None:
        self.directory = directory
        sources = directory / "sources"
        sources.mkdir()
        for file in (HERE / "megatron_program.py", EXAMPLE / "cpu_host.py"):
            shutil.copy(file, sources)
        for source, target in ((core, "core"), (sources, "program")):
            self._run(
                [sys.executable, "-m", "ms_convert", str(source), "--rules", str(ROOT / "rules/llm.yaml"), "-o",
                 str(directory / target)],
                {}, (0, 1),
            )  # fmt: skip
        self._paths = {
            "torch": (sources, core),
            "mindtorch": (directory / "program", directory / "core"),
        }

    @staticmethod
    def _finish(process: subprocess.Popen[str], good: tuple[int, ...] = (0,)) -> None:
        try:
            _, errors = process.communicate(timeout=200)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        assert process.returncode in good, errors[-3000:]

    @staticmethod
    def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def _run(self, command: list[str], environment: dict[str, str], good: tuple[int, ...] = (0,)) -> None:
        self._finish(self._start(command, environment), good)

    def run(self, library: str, action: str, checkpoint: Path, dump: str, ranks: int) -> list[Any]:
        """What each rank holds in the end, by name."""
        program, core = self._paths[library]
        target = self.directory / dump
        arguments = [str(program / "megatron_program.py"), action, str(checkpoint), str(target)]
        command = [sys.executable, *arguments, "--tensor-parallel", str(ranks)]
        paths = {"PYTHONPATH": os.pathsep.join([str(core), *(p for p in sys.path if p)])}
        if ranks == 1:
            self._run(command, paths)
        elif library == "mindtorch":
            mpiexec = str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec") or "mpiexec"
            self._run([mpiexec, "-n", str(ranks), *command], paths)
        else:
            store = self.directory / f"store-{dump}"
            started = [
                self._start([*command, "--rank", str(rank), "--store", str(store)], paths) for rank in range(ranks)
            ]
            try:
                for process in started:
                    self._finish(process)
            finally:
                for process in started:
                    process.kill()
                    process.wait()
        return [dict(np.load(f"{target}.{rank}.npz")) for rank in range(ranks)]

    def save(self, library: str, ranks: int) -> tuple[Path, list[Any]]:
        """A checkpoint, and what was saved."""
        checkpoint = self.directory / f"{library}{ranks}"
        checkpoint.mkdir()
        return checkpoint, self.run(library, "save", checkpoint, f"{library}{ranks}-saved", ranks)


@pytest.fixture(scope="module")
def programs(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    core = next(upstream.rglob("megatron/core/__init__.py")).parents[2]
    return Programs(core, tmp_path_factory.mktemp("megatron"))


def same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert list(one) == list(other)
        for name, value in one.items():
            assert value.dtype == other[name].dtype, name
            np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_from_pytorch(programs: Programs) -> None:
    checkpoint, saved = programs.save("torch", 1)
    assert len([name for name in saved[0] if name.startswith("exp_avg_sq.")]) >= 10
    assert saved[0]["iteration"] == 12
    same(programs.run("mindtorch", "load", checkpoint, "from-torch", 1), saved)


def test_from_two_ranks_to_pytorch_and_to_one(programs: Programs) -> None:
    """Two tensor parallel ranks save under mindtorch; one process of either library loads, cut anew."""
    checkpoint, saved = programs.save("mindtorch", 2)
    assert (checkpoint / "__1_0.distcp").exists()
    theirs = programs.run("torch", "load", checkpoint, "m2-torch", 1)
    same(programs.run("mindtorch", "load", checkpoint, "m2-mindtorch", 1), theirs)
    name = "decoder.layers.0.self_attention.linear_proj.weight"
    for key in (name, f"exp_avg.{name}"):
        np.testing.assert_array_equal(np.concatenate([part[key] for part in saved], 1), theirs[0][key])


@pytest.mark.slow
def test_between_two_ranks_and_two(programs: Programs) -> None:
    checkpoint, saved = programs.save("torch", 2)
    same(programs.run("mindtorch", "load", checkpoint, "t2-mindtorch", 2), saved)
    one = programs.run("mindtorch", "load", checkpoint, "t2-one", 1)
    assert one[0]["iteration"] == 12
