"""Ranks that fail: the whole job ends soon, with a message that names rank and cause, and leaves no process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mpi4py")

import jobs


def run(name: str, directory: Path, size: int = 2) -> jobs.Job:
    """One case; no process may be left."""
    job = jobs.run("fault_program.py", size, directory, name, str(directory))
    assert job.left == [], str(job)
    return job


def results(name: str, directory: Path) -> list[dict[str, Any]]:
    return [json.loads((directory / f"{name}-{rank}.json").read_text()) for rank in range(2)]


def test_at_the_start(tmp_path: Path) -> None:
    job = run("at_the_start", tmp_path)
    zero, one = results("at_the_start", tmp_path)
    for found in (zero, one):
        assert found["world"] == "world size is 3 (WORLD_SIZE), but mpiexec started 2 processes"
    assert f"port: {zero['port number']}" in zero["port"]
    assert "EADDRINUSE" in zero["port"]
    assert f"(pid {zero['pid']}: " in zero["port"]
    assert zero["missing"] == "rank 0: init_process_group timed out after 1 s: 1 of 2 ranks joined; missing: 1"
    assert zero["seconds"] < 11
    assert "trying to connect to (127.0.0.1, 1)" in one["nobody"]
    # And the exception at the end.
    assert job.code == 1, str(job)
    assert "[rank1]: LookupError: rank 1 has had enough" in job.err[1]


def test_one_never_starts(tmp_path: Path) -> None:
    job = run("one_never_starts", tmp_path)
    assert job.code != 0
    assert "rank 0: init_process_group timed out after 1 s: 1 of 2 ranks of this host joined; missing: 1" in job.err[0]


def test_the_code_of_sys_exit_is_kept(tmp_path: Path) -> None:
    job = run("one_exits", tmp_path)
    assert job.code == 3, str(job)
    assert job.out[1] == "caught 5\n"
    assert "[rank1]: exit code 3" in job.err[1]


def test_one_leaves(tmp_path: Path) -> None:
    job = run("one_leaves", tmp_path)
    assert job.out[0] == "received 1.0\n", str(job)
    assert job.code != 0
    assert "all_reduce on rank 0 of group 0 (2 ranks): rank 1 ended without taking part" in job.err[0], str(job)
    assert "fault_program.py:" in job.err[0], str(job)


def test_one_is_killed(tmp_path: Path) -> None:
    job = run("one_is_killed", tmp_path)
    assert job.code == 9, str(job)
    assert "Killed (signal 9)" in job.err[0]


def test_every_rank_reports_a_mismatch(tmp_path: Path) -> None:
    job = run("one_of_three_differs", tmp_path, 3)
    assert job.code == 1, str(job)
    for rank in range(3):
        said = [line for line in job.err[rank].splitlines() if line.startswith(f"[rank{rank}]:   rank ")]
        assert ["float32 [5]" in line for line in said] == [False, True, False], str(job)


@pytest.mark.slow
def test_mpiexec_is_killed(tmp_path: Path) -> None:
    job = run("mpiexec_is_killed", tmp_path)
    assert job.code == -9, str(job)


@pytest.mark.slow
def test_one_is_terminated(tmp_path: Path) -> None:
    job = run("one_is_terminated", tmp_path)
    assert job.code == 15, str(job)
    assert "Terminated (signal 15)" in job.err[0]


@pytest.mark.slow
def test_one_is_interrupted(tmp_path: Path) -> None:
    job = run("one_is_interrupted", tmp_path)
    assert job.code == 130, str(job)
    assert "[rank0]: KeyboardInterrupt" in job.err[0]
