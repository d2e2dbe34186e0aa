"""Every collective among several processes: ours by mpiexec, against PyTorch's gloo and against NumPy."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mpi4py")

import collective_cases
import own_scenarios
import scenarios

HERE = Path(__file__).parent
MPIEXEC = Path(sys.executable).with_name("mpiexec")
SIZES = [2, 3, pytest.param(4, marks=pytest.mark.slow)]
Results = dict[str, list[dict[str, Any]]]

# What gloo refuses or gives bytes that are no bools for; NumPy says what is right there.
NOT_IN_GLOO = {
    "AVG": "can't be cast to the desired output type", "PREMUL_SUM": "PREMUL_SUM", "int16": "Invalid scalar type",
    "complex64": "Invalid scalar type",
    "all_to_all": "does not support alltoall", "strided": "input tensor has to be contiguous",
}  # fmt: skip


def launch(command: list[str]) -> None:
    """Run a program to its end; its output is shown when it fails."""
    paths = [str(HERE), str(HERE.parents[1] / "shims"), *(p for p in sys.path if p)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        environment.pop(name, None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module", params=SIZES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Results]:
    """What all ranks of both libraries got, by library."""
    size = request.param
    directory = tmp_path_factory.mktemp(f"world{size}")
    arguments = [str(HERE / "program.py")]
    launch([sys.executable, *arguments, "torch", str(size), str(directory)])
    mpiexec = str(MPIEXEC) if MPIEXEC.exists() else shutil.which("mpiexec") or "mpiexec"
    launch([mpiexec, "-n", str(size), sys.executable, *arguments, "mindtorch", str(size), str(directory)])
    return size, {
        library: [pickle.loads((directory / f"{library}-{rank}.pickle").read_bytes()) for rank in range(size)]
        for library in ("torch", "mindtorch")
    }


def difference(ours: Any, right: list[np.ndarray], dtype: str) -> str:
    """What is wrong with a call's outputs; empty if nothing is."""
    if isinstance(ours, tuple):
        return f"raised {ours[1]}: {ours[2]}"
    if len(ours) != len(right):
        return f"{len(ours)} outputs, not {len(right)}"
    rtol = {"bfloat16": 2**-8, "float16": 2**-11}.get(dtype, 1e-6)
    for a, b in zip(ours, right, strict=True):
        if a.shape != b.shape or not np.allclose(a, b, rtol=rtol, atol=0):
            return f"{a.tolist()}, not {b.tolist()}"
    return ""


def refused_by_gloo(case: collective_cases.Case, theirs: Any) -> bool:
    """Whether gloo has no answer, for one of the known reasons."""
    if isinstance(theirs, tuple):
        keys = {case.op if case.collective in collective_cases.REDUCTIONS else "", case.dtype, case.collective}
        if case.strided and case.collective in collective_cases.POINT_TO_POINT:
            keys.add("strided")
        return any(NOT_IN_GLOO[key] in theirs[2] for key in keys & NOT_IN_GLOO.keys())
    return False


def test_collectives_give_what_numpy_says(results: tuple[int, Results]) -> None:
    size, found = results
    wrong = []
    for case in collective_cases.cases(size):
        for me, rank in enumerate(case.ranks):
            text = difference(found["mindtorch"][rank][str(case)], collective_cases.expected(case, me), case.dtype)
            if text:
                wrong.append(f"{case} on rank {rank}: {text}")
    assert not wrong, "\n".join(wrong)


def test_collectives_give_what_gloo_gives(results: tuple[int, Results]) -> None:
    size, found = results
    wrong, compared = [], 0
    for case in collective_cases.cases(size):
        for rank in case.ranks:
            theirs = found["torch"][rank][str(case)]
            if refused_by_gloo(case, theirs):
                continue
            compared += 1
            if isinstance(theirs, tuple):
                wrong.append(f"{case}: PyTorch {theirs}")
                continue
            text = difference(found["mindtorch"][rank][str(case)], theirs, case.dtype)
            if text:
                wrong.append(f"{case} on rank {rank}: {text}")
    assert not wrong, "\n".join(wrong)
    assert compared > len(collective_cases.COPIES) * size


def close(a: Any, b: Any) -> bool:
    """Whether two results are the same; numbers nearly, for sums are added in other orders."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 2e-7 * max(1.0, abs(b))
    return bool(a == b)


@pytest.mark.parametrize("name", list(scenarios.SCENARIOS))
def test_scenarios_go_as_with_gloo(results: tuple[int, Results], name: str) -> None:
    size, found = results
    for rank in range(size):
        theirs = found["torch"][rank][name]
        assert not (isinstance(theirs, tuple) and theirs[:1] == ("raised",)), f"PyTorch on rank {rank}: {theirs}"
        ours = found["mindtorch"][rank][name]
        assert close(ours, theirs), f"rank {rank}: {ours}, not {theirs}"


@pytest.mark.parametrize("name", list(own_scenarios.SCENARIOS))
def test_own_scenarios(results: tuple[int, Results], name: str) -> None:
    size, found = results
    for rank in range(size):
        outcome = found["mindtorch"][rank][name]
        assert len(outcome) == 2, f"rank {rank}: {outcome}"
        assert outcome[0] == outcome[1], f"rank {rank}"
