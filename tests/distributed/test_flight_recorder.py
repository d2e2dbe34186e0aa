"""The flight recorder, and the messages of time limits that are made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("mpi4py")

import jobs

Found = tuple[list[dict[str, Any]], jobs.Job]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each rank found, and how the job ended."""
    directory = tmp_path_factory.mktemp("flight")
    job = jobs.run(
        "flight_program.py", 2, directory, str(directory),
        TORCH_NCCL_DEBUG_INFO_TEMP_FILE=f"{directory}/trace_", TORCH_NCCL_TRACE_BUFFER_SIZE="40",
    )  # fmt: skip
    assert job.left == [], str(job)
    paths = [directory / f"flight-{rank}.json" for rank in range(2)]
    assert all(path.exists() for path in paths), str(job)
    return [json.loads(path.read_text()) for path in paths], job


def line_of(text: str) -> int:
    """Where the program says so."""
    lines = (jobs.HERE / "flight_program.py").read_text().splitlines()
    return 1 + next(i for i, line in enumerate(lines) if text in line)


def test_entries(found: Found) -> None:
    for rank, result in enumerate(found[0]):
        entries = result["trace"]["entries"]
        assert result["trace"]["rank"] == rank
        first = entries[0]
        assert first["profiling_name"] == "mindtorch:all_reduce"
        assert (first["input_sizes"], first["input_dtypes"], first["output_sizes"]) == ([[4]], ["float32"], [[4]])
        assert (first["op"], first["state"], first["is_p2p"]) == ("SUM", "completed", False)
        assert first["process_group"] == ["0", ""]
        assert first["frames"][0]["line"] == line_of("dist.all_reduce(x)")
        assert first["frames"][0]["filename"].endswith("flight_program.py")
        times = [first[f"time_{name}_ns"] for name in ("created", "discovered_started", "discovered_completed")]
        assert times == sorted(times)
        gathered = entries[4]
        assert (gathered["output_sizes"], gathered["collective_seq_id"]) == ([[2], [2]], 5)
        (message,) = [entry for entry in entries if entry["is_p2p"]]
        assert (message["p2p_seq_id"], message["peer"]) == (1, 1 - rank)
        assert message["profiling_name"] == ("mindtorch:send to 0" if rank else "mindtorch:receive from 1")
        assert result["same"]
        assert "entries" not in result["without"]


def test_only_the_last_are_kept(found: Found) -> None:
    for result in found[0]:
        assert len(result["kept"]) == 40
        assert result["kept"] == list(range(result["kept"][0], result["kept"][0] + 40))


def test_futures_complete_while_they_are_waited_for(found: Found) -> None:
    assert [result["futures"] for result in found[0]] == [[[3.0, 3.0]] * 3] * 2


def test_who_is_late_is_told(found: Found) -> None:
    text = found[0][0]["late"]
    assert text.startswith("all_reduce on rank 0 of group 0 (2 ranks) timed out after 300 ms")
    line = line_of("op=dist.ReduceOp.MAX, async_op=True")
    assert f"waits in all_reduce #6 of float32 [4] with MAX at {jobs.HERE}/flight_program.py:{line} in main" in text
    (other,) = [part for part in text.splitlines() if part.startswith("  rank 1: ")]
    assert f"flight_program.py:{line_of('time.sleep(0.01)')} in wait_for" in other
    assert "has not called #6 of group 0; last collective of the group: all_gather #5" in other
    text = found[0][0]["late message"]
    assert text.startswith("receive from 1 on rank 0 of group 0 (2 ranks) timed out after 300 ms")
    assert "rank 1: now at " in text


def test_all_ranks_write_their_records(found: Found) -> None:
    result = found[0][0]
    assert result["files"] == ["trace_0", "trace_1"]
    assert [entry["state"] for entry in result["written"]["entries"]] == ["completed"] * 5 + ["scheduled"]
    assert result["written"]["pg_status"]["0"] == {
        "last_enqueued_collective": 6, "last_started_collective": 5, "last_completed_collective": 5
    }  # fmt: skip
    assert [entry["collective_seq_id"] for entry in result["active"]] == [6]


def test_a_group_that_a_rank_does_not_make(found: Found) -> None:
    job = found[1]
    assert job.code == 1, str(job)
    assert "new_group(1, [0, 1]) on rank 0 of group set-up (2 ranks) timed out after 1000 ms" in job.err[0]
    (other,) = [line for line in job.err[0].splitlines() if "  rank 1: " in line]
    assert f"flight_program.py:{line_of('time.sleep(120)')} in main" in other
