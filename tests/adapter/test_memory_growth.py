"""Training steps leave the resident memory as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("memory_growth.py")
MB = 1 << 20


def _grown(kernels: str, steps: int) -> dict[str, int]:
    env = {**os.environ, "MINDTORCH_KERNELS": kernels, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, SCRIPT, str(steps)], env=env, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.slow
def test_numpy_kernels_leave_memory_flat() -> None:
    assert _grown("reference", 3000)["steps"] < 5 * MB


@pytest.mark.slow
def test_mindspore_kernels_lose_no_more_than_their_own_calls() -> None:
    """MindSpore's CPU kernels lose memory at each call; the steps may not lose more than these calls alone."""
    for kernels, calls in (("mindspore-always", 15), ("mindspore", 2)):
        grown = _grown(kernels, 300)
        assert grown["calls"] > calls
        assert grown["steps"] < grown["bare"] * 1.05 + 3 * MB
