"""A training goes on from a Megatron checkpoint of the other library: the losses of a run that nothing interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("mpi4py")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = ROOT / "tests" / "data"
MPIEXEC = Path(sys.executable).with_name("mpiexec")
LIMIT = 200.0  # seconds; a run takes about ten on an idle machine
LAUNCHERS = {
    "torch": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"],
    "mindtorch": [
        str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec") or "mpiexec", "-n", "2", sys.executable,
    ],
}  # fmt: skip


class Training:
    """The program ``resume_program.py`` on two ranks, under either library."""

    def __init__(self, core: Path, directory: Path) -> None:
        self.directory = directory
        sources = directory / "sources"
        sources.mkdir()
        for file in (HERE / "resume_program.py", *(ROOT / "examples" / "megatron_core_gpt").glob("*.py")):
            shutil.copy(file, sources)
        self._paths = {"torch": (sources, core)}
        self._paths["mindtorch"] = (directory / "program", directory / "core")
        for source, target in zip(self._paths["torch"], self._paths["mindtorch"], strict=True):
            command = [sys.executable, "-m", "ms_convert", str(source), "--rules", str(ROOT / "rules/llm.yaml")]
            done = subprocess.run([*command, "-o", str(target)], check=False, capture_output=True, text=True)
            # Parts of megatron-core that the program does not need use more than mindtorch has; then it is 1.
            assert done.returncode in (0, 1), done.stderr

    def run(self, library: str, layout: str, until: int, start: Path | None = None, save: bool = True) -> Path:
        """Train from a checkpoint, or the stored weights, up to an iteration; compare with the uninterrupted run.

        Returns:
            The checkpoint that was saved in the end; without ``save`` there is none.
        """
        program, core = self._paths[library]
        name = f"{start.name}-{library}-{layout}" if start else f"{library}-{layout}"
        checkpoint, output = self.directory / name, self.directory / f"{name}.json"
        command = [*LAUNCHERS[library], str(program / "resume_program.py"), layout, "--data", str(DATA), "--until",
                   str(until), "--output", str(output)]  # fmt: skip
        if start:
            command += ["--load", str(start)]
        if save:
            checkpoint.mkdir()
            command += ["--save", str(checkpoint)]
        path = os.pathsep.join([str(core), *filter(None, sys.path)])
        launched = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        surroundings = {key: value for key, value in os.environ.items() if key not in launched}
        # PyTorch does not spend its time on compiling a few small functions.
        added = {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1", "PYTHONPATH": path}
        process = subprocess.Popen(
            command, env=surroundings | added, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            log, _ = process.communicate(timeout=LIMIT)
        finally:  # The ranks end when their launcher does.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.returncode == 0, log[-5000:]
        run = json.loads(output.read_text())
        reference = json.loads((DATA / "results" / f"{'tp2' if layout == 'tp2' else 'dp2_distopt'}.json").read_text())
        begun = run["iterations"][0]
        assert run["iterations"] == list(range(begun, until + 1))
        assert begun == 1 if start is None else begun > 1
        for numbers, tolerance in (("losses", 1e-5), ("grad_norms", 1e-4)):
            right = reference[numbers][begun - 1 : until]
            assert run[numbers] == pytest.approx(right, rel=0, abs=tolerance), f"{name}: {numbers}"
        return checkpoint


@pytest.fixture(scope="module")
def training(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    core = next(upstream.rglob("megatron/core/__init__.py")).parents[2]
    return Training(core, tmp_path_factory.mktemp("resume"))


@pytest.mark.slow
def test_there_and_back(training: Training) -> None:
    """PyTorch, two data-parallel ranks that share the optimizer; mindtorch, as many, and cut for tensor parallelism;
    each goes on under PyTorch in the other layout."""
    begun = training.run("torch", "dp2", 3)
    data_parallel = training.run("mindtorch", "dp2", 5, begun)
    training.run("torch", "tp2", 7, data_parallel, save=False)
    tensor_parallel = training.run("mindtorch", "tp2", 5, begun)
    training.run("torch", "dp2", 7, tensor_parallel, save=False)
