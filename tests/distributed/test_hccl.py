"""The HCCL backend: each of its calls fits MindSpore's function of that name, and what it composes is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "distributed.md"


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    command = [sys.executable, str(HERE / "hccl_program.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_reductions(printed: dict[str, Any]) -> None:
    right = {
        "SUM": [2, 4, 0], "PRODUCT": [1, 4, 0], "MIN": [1, 2, 0], "MAX": [1, 2, 0], "AVG": [1, 2, 0],
        "BAND": [1, 2, 0], "BXOR": [0, 0, 0],
    }  # fmt: skip
    seen = 0
    for name, got in printed.items():
        if name.startswith("all_reduce "):
            _, op, dtype = name.split()
            values = right[op]
            assert got == ([bool(v) for v in values] if dtype == "torch.bool" else values), name
            seen += 1
    assert seen == 30


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("premul", [6, 12, 18]),
        ("reduce elsewhere", [1, 2, 3]),
        ("reduce", [2, 4, 6]),
        ("strided", [[0, 8, 0], [0, 10, 0]]),
        ("host", [2, 2]),
        ("all_gather_into", [1, 2, 1, 2]),
        ("all_gather", [[1, 2], [1, 2]]),
        ("all_gather uneven", [[1, 2], [1, 2, 1]]),
        ("reduce_scatter_into", [1, 2]),
        ("reduce_scatter uneven", [2, 4]),
        ("all_to_all_single", [1, 2, 1, 2]),
        ("all_to_all", [[1], [1, 1]]),
        ("receive", [7, 7, 7]),
        ("batch", [7, 7]),
        ("recorded", ["barrier completed", *["isend completed", "irecv completed"] * 2]),
        ("bytes", ["abc", "abc"]),
        ("broadcast bytes", "xyz"),
        ("group", ["hccl_2_group", "hccl_2_group", "SingleProcessBackend"]),
    ],
)
def test_calls(printed: dict[str, Any], name: str, right: Any) -> None:
    assert printed[name] == right


def test_groups_of_the_same_ranks_are_made_and_unmade_once(printed: dict[str, Any]) -> None:
    assert printed["calls"]["new_group"] == 1
    assert printed["calls"]["destroy_process_group"] == 2  # that group and the world


def test_the_document_names_the_calls_that_are_used(printed: dict[str, Any]) -> None:
    table = DOCUMENT.read_text().partition("## Which MindSpore call serves which collective")[2]
    named = set(re.findall(r"`mint\.distributed\.(\w+)`", table))
    used = set(printed["calls"]) - {"wait"}
    assert named == used
