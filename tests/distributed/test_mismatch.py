"""Calls on which the ranks of a group do not agree: an error that says who called what, and no wrong data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("mpi4py")

import jobs

Outcomes = list[dict[str, str]]

SAID = {
    "sizes": ("all_reduce", "float32 [4] with SUM", "float32 [5] with SUM"),
    "large_sizes": ("all_reduce", "[300000]", "[600000]"),
    "dtypes": ("all_reduce", "float32 [4]", "float64 [4]"),
    "operations": ("all_reduce", "with SUM", "with MAX"),
    "roots": ("broadcast", "root 0", "root 1"),
    "calls": ("", "all_reduce", "all_gather"),
    "barrier_and_broadcast": ("", "broadcast", "barrier"),
    "gathered_sizes": ("all_gather_into_tensor", "float32 [4]", "float32 [5]"),
    "scattered_sizes": ("reduce_scatter", "float32 [8]", "float32 [10]"),
    "lists": ("all_gather", "float32 [4]", "float32 [5]"),
    "object_and_tensor": ("", "broadcast #", "broadcast_object #"),
    "asynchronous": ("all_reduce", "float32 [4]", "float32 [5]"),
    "groups": ("new_group", "[0])", "[0, 1])"),
}
"""By case: the call that the message begins with ('' where it differs), what rank 0 and what rank 1 did."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What each rank was told, by case."""
    return _run(tmp_path_factory.mktemp("mismatch"))


def _run(directory: Path, **variables: str) -> Outcomes:
    job = jobs.run("mismatch_program.py", 2, directory, str(directory), **variables)
    assert (job.code, job.left) == (0, []), str(job)
    return [json.loads(path.read_text()) for path in sorted(directory.glob("mismatch*.json"))]


@pytest.mark.parametrize("name", list(SAID))
def test_each_rank_is_told_who_called_what(outcomes: Outcomes, name: str) -> None:
    call, *did = SAID[name]
    for rank, outcome in enumerate(outcomes):
        lines = outcome[name].splitlines()
        assert lines[0].startswith(call), outcome[name]
        assert "Detected mismatch between collectives on ranks" in lines[0]
        for peer in range(2):
            (line,) = [line for line in lines if line.startswith(f"  rank {peer}: ")]
            assert did[peer] in line, f"rank {rank}: {outcome[name]}"
            assert "mismatch_program.py:" in line, outcome[name]


def test_messages_of_another_size(outcomes: Outcomes) -> None:
    assert [bool(outcome["long_message"]) for outcome in outcomes] == [False, True]
    assert "expected 8 bytes, got more from rank 0" in outcomes[1]["long_message"]
    assert "expected 32 bytes, got 16 from rank 0" in outcomes[1]["short_message"]
    assert "expected 12 bytes, got 8 from rank 0" in outcomes[1]["parts"]
    assert "mismatch_program.py:" in outcomes[1]["parts"]


def test_shapes_of_the_same_size_are_the_same(outcomes: Outcomes) -> None:
    assert [outcome["shapes"] for outcome in outcomes] == ["", ""]


@pytest.mark.slow
def test_detail(tmp_path: Path) -> None:
    outcomes = _run(tmp_path, TORCH_DISTRIBUTED_DEBUG="DETAIL")
    for outcome in outcomes:
        assert "float32 [4]" in outcome["shapes"]
        assert "float32 [2, 2]" in outcome["shapes"]
        assert all(outcome[name] for name in SAID), outcome
