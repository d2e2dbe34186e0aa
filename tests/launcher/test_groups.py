"""Process groups under mindtorchrun: who failed, how the others end, the debugger on the terminal."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys

import pytest
from launching import Launcher

pytest.importorskip("mindspore")

START = """
import os, signal, sys
from datetime import timedelta
import mindtorch as torch
import mindtorch.distributed as dist
dist.init_process_group("gloo", timeout=timedelta(seconds={limit}))
rank = dist.get_rank()
x = torch.ones(4)
"""


def script(text: str, limit: int = 30) -> str:
    return START.format(limit=limit) + text


def test_groups_and_the_exit_code_of_a_rank(launcher: Launcher) -> None:
    text = "dist.all_reduce(x)\nsys.stdout.write(f'{rank} {x.tolist()}\\n')\n"
    code, out, err = launcher.run("--nproc_per_node=2", "--standalone", "train.py", script=script(text))
    assert (code, sorted(out.splitlines())) == (0, ["0 [2.0, 2.0, 2.0, 2.0]", "1 [2.0, 2.0, 2.0, 2.0]"]), err


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ("raise ValueError('bad thing')", 1, "ended with exit code 1"),
        ("sys.exit(7)", 7, "ended with exit code 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "was killed by SIGKILL"),
    ],
)
def test_the_rank_that_failed_is_named(launcher: Launcher, fault: str, code: int, told: str) -> None:
    text = f"if rank == 1:\n    {fault}\ndist.all_reduce(x)\n"
    ended, _, err = launcher.run("--nproc_per_node=2", "--standalone", "train.py", script=script(text))
    assert ended == code, err
    assert "mindtorchrun: rank 1 (" in err
    assert told in err
    assert launcher.left() == []


def test_ranks_that_disagree(launcher: Launcher) -> None:
    text = "dist.all_reduce(x) if rank else dist.broadcast(x, 0)\n"
    code, _, err = launcher.run("--nproc_per_node=2", "--standalone", "train.py", script=script(text, 3))
    assert code == 1
    assert "all_reduce" in err
    assert "broadcast" in err
    assert launcher.left() == []


def test_the_port_of_rank_0_is_taken(launcher: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ["--nproc_per_node=2", f"--master_port={port}"]
        code, _, err = launcher.run(*flags, "train.py", script=script("", 3))
    assert code == 1
    assert str(port) in err
    assert "ddress already in use" in err
    assert launcher.left() == []


def test_the_debugger_of_a_rank_on_the_terminal(launcher: Launcher) -> None:
    text = "secret = rank + 41\ndist.breakpoint(1)\ndist.all_reduce(x)\n"
    text += "sys.stdout.write(f'end {rank} {x[0].item()}\\n')\n"
    (launcher.directory / "train.py").write_text(script(text))
    master, slave = pty.openpty()
    process = launcher.start("--nproc_per_node=2", "--standalone", "train.py", stdin=slave, stdout=slave)
    os.close(slave)
    try:
        shown = _until(master, "(Pdb)")
        os.write(master, b"p secret\n")
        shown += _until(master, "(Pdb)")
        os.write(master, b"continue\n")
        shown += _until(master, "end 0 2.0", "end 1 2.0")
    finally:
        _, err = process.communicate(timeout=60)
        os.close(master)
    assert process.returncode == 0, err
    assert "42" in shown


def _until(terminal: int, *texts: str) -> str:
    """What comes until all texts have."""
    shown = ""
    while not all(text in shown for text in texts):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"waited for {texts}; so far: {shown}"
        shown += os.read(terminal, 4096).decode()
    return shown


def test_the_launcher_does_not_import_mindspore() -> None:
    code = "import sys, mindtorchrun; print([m for m in ('mindspore', 'mindtorch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
