"""``torch.distributed.breakpoint`` on a pseudo-terminal, under mpiexec."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytest.importorskip("mpi4py")

import jobs

LIMIT = 120.0


def talk(terminal: int, answers: list[str]) -> str:
    """Type an answer at each prompt of the debugger; everything that was shown until the program ended."""
    shown, seen, left = "", 0, list(answers)
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # nobody has the other side open any more
            return shown
        shown += data.decode()
        while left and "(Pdb) " in shown[seen:]:
            seen = shown.index("(Pdb) ", seen) + len("(Pdb) ")
            os.write(terminal, f"{left.pop(0)}\n".encode())
    raise AssertionError(f"no end in {LIMIT:g} s:\n{shown}")


@pytest.mark.parametrize("rank", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_rank_stops_and_the_others_wait(tmp_path: Path, rank: int) -> None:
    mark = uuid.uuid4().hex
    ours, theirs = pty.openpty()
    command = [
        jobs.mpiexec(), "-n", "2", sys.executable, str(jobs.HERE / "breakpoint_program.py"), str(rank), str(tmp_path),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env=jobs.environment(mark), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        shown = talk(ours, ["p secret + 1000", "secret = 100", "next", "next", "continue"])
        assert process.wait(LIMIT) == 0, shown
    finally:
        left = jobs.end(mark)
        process.kill()
        process.wait()
        os.close(ours)
    assert left == []
    assert f"rank {rank} stops here" in shown
    assert str(1040 + rank) in shown
    assert "breakpoint_program.py(" in shown
    total = 101.0 + (41 if rank else 42)
    assert [Path(tmp_path, f"breakpoint-{r}").read_text() for r in range(2)] == [str(total)] * 2
