"""Tensors in device memory: a program with the Ascend table, MindSpore's CPU backend standing in for the device, prints
what it prints with the NumPy kernels on the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("ascend_program.py")


def run(table: str) -> dict[str, Any]:
    env = {**os.environ, "MINDTORCH_KERNELS": table, "MINDTORCH_CUDA_ALIAS": "1"}
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])


@pytest.fixture(scope="module")
def printed() -> tuple[dict[str, Any], dict[str, Any]]:
    return run("ascend"), run("reference")


def same(a: Any, b: Any) -> None:
    if isinstance(b, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)


@pytest.mark.parametrize("part", ["windows", "dtypes", "training"])
def test_values(printed: tuple[dict[str, Any], dict[str, Any]], part: str) -> None:
    same(printed[0][part], printed[1][part])


def test_mindspore_served_what_it_can(printed: tuple[dict[str, Any], dict[str, Any]]) -> None:
    report = printed[0]["report"]
    assert report["table"] == "ascend"
    assert {"matmul", "mul", "add", "sum", "mean", "erf"} <= set(report["mindspore"])
    # What MindSpore has no CPU kernel for went to NumPy and came back.
    assert {"embedding", "index"} <= set(report["numpy"])
