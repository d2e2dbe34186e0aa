"""mindtorchrun: what a rank is given, where its output goes, how failures and signals end; nothing is left running."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import mindtorchrun
import pytest
from launching import LIMIT, Launcher
from mindtorchrun.arguments import get_args_parser, parse_args
from mindtorchrun.engines import engine_command
from mindtorchrun.job import free_port, job_from

pytest.importorskip("mpi4py")

# One write a line: with -u, print() writes the end of the line apart, and ranks share the stream.
HOLD = "import signal, sys\nsys.stdout.write('up\\n')\nwhile True: signal.pause()\n"


NAMES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK",
         "GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_NAME", "OMP_NUM_THREADS", "TORCHELASTIC_RUN_ID")  # fmt: skip
TELL = f"""
import json, os, sys
sys.stdout.write(json.dumps([[os.environ.get(n) for n in {NAMES}], sys.argv[1:]]) + "\\n")
sys.exit(int(os.environ['RANK']) and 0)
"""


# ------------------------------------------------------------------ what a rank gets
@pytest.mark.parametrize("extra", [[], ["--run-path"]])
@pytest.mark.parametrize("count", [1, 3])
def test_the_script_gets_torchruns_variables(launcher: Launcher, count: int, extra: list[str]) -> None:
    flags = ["--nproc_per_node", str(count), "--master_port=1234", "--role", "trainer", *extra]
    code, out, err = launcher.run(*flags, "train.py", "--lr", "1", "-m", script=TELL)
    assert code == 0, err
    ranks = sorted(json.loads(line) for line in out.splitlines())
    threads = None if count == 1 else "1"
    assert ranks == [
        [[str(r), str(r), str(count), str(count), "127.0.0.1", "1234", "0", "1", str(r), "trainer", threads, "none"],
         ["--lr", "1", "-m"]]
        for r in range(count)
    ]  # fmt: skip


def test_modules_and_programs(launcher: Launcher) -> None:
    (launcher.directory / "package").mkdir()
    (launcher.directory / "package" / "tool.py").write_text("import sys; print(__name__, sys.argv[1:])")
    assert launcher.run("-m", "package.tool", "a")[1] == "__main__ ['a']\n"
    assert launcher.run("--no-python", "/bin/sh", "-c", "echo $RANK of $WORLD_SIZE")[1] == "0 of 1\n"


def test_launch_gives_the_local_rank(launcher: Launcher) -> None:
    parser = get_args_parser()
    parser.add_argument("--use-env", action="store_true")
    (launcher.directory / "train.py").touch()
    script = str(launcher.directory / "train.py")
    job = job_from(parser.parse_args(["--nproc_per_node=2", script, "--x"]))
    assert job.rank_command(1)[-3:] == [script, "--local-rank=1", "--x"]
    job = job_from(parser.parse_args(["--use-env", "--nproc_per_node=2", script, "--x"]))
    assert job.rank_command(1)[-2:] == [script, "--x"]


def test_ranks_form_one_mpi_world(launcher: Launcher) -> None:
    script = (
        "import os, sys\nfrom mpi4py import MPI\nworld = MPI.COMM_WORLD\n"
        "sys.stdout.write(f\"{world.rank == int(os.environ['RANK'])} {world.allreduce(world.rank)}\\n\")"
    )
    code, out, err = launcher.run("--nproc_per_node=3", "train.py", script=script)
    assert (code, out) == (0, "True 3\n" * 3), err


def test_standard_input_reaches_the_script(launcher: Launcher) -> None:
    (launcher.directory / "in.txt").write_text("hello")
    with (launcher.directory / "in.txt").open() as given:
        assert launcher.run("train.py", script="print(input())", stdin=given)[1] == "hello\n"


def test_no_standard_input(launcher: Launcher) -> None:
    (launcher.directory / "train.py").write_text("import sys; print(repr(sys.stdin.read()))")
    command = f"exec {sys.executable} -m mindtorchrun train.py <&-"
    process = subprocess.run(
        ["/bin/sh", "-c", command], cwd=launcher.directory, capture_output=True, text=True, timeout=LIMIT, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(mindtorchrun.__file__).parents[1])},
    )  # fmt: skip
    assert (process.returncode, process.stdout) == (0, "''\n"), process.stderr


def test_a_terminal_stays_a_terminal(launcher: Launcher) -> None:
    master, slave = pty.openpty()
    try:
        script = "import sys; sys.exit(0 if sys.stdout.isatty() else 3)"
        code, _, err = launcher.run("--nproc_per_node=2", "train.py", script=script, stdout=slave)
        assert code == 0, err
    finally:
        os.close(master)
        os.close(slave)


# ------------------------------------------------------------------ output
SPEAK = "import os, sys\nprint('out', os.environ['RANK'])\nprint('err', os.environ['RANK'], file=sys.stderr)\n"


def logs(launcher: Launcher) -> dict[str, str]:
    return {str(Path(*p.parts[-3:])): p.read_text() for p in (launcher.directory / "logs").rglob("*.log")}


def test_redirects_and_tee_write_log_files(launcher: Launcher) -> None:
    flags = ["--nproc_per_node=2", "--log-dir=logs", "--redirects=0:1", "--tee=1:3", "--rdzv_id=job"]
    code, out, err = launcher.run(*flags, "train.py", script=SPEAK)
    assert code == 0
    assert out == "[default1]:out 1\n"
    assert sorted(err.splitlines()) == ["[default1]:err 1", "err 0"]
    assert logs(launcher) == {
        "attempt_0/0/stdout.log": "out 0\n",
        "attempt_0/1/stdout.log": "out 1\n",
        "attempt_0/1/stderr.log": "err 1\n",
    }
    assert [p.name.startswith("job_") for p in (launcher.directory / "logs").iterdir()] == [True]


def test_only_some_ranks_are_shown(launcher: Launcher) -> None:
    flags = ["--nproc_per_node=2", "--log-dir=logs", "--tee=3", "--local-ranks-filter=1", "--role=r"]
    _, out, err = launcher.run(*flags, "train.py", script=SPEAK)
    assert (out, err) == ("[r1]:out 1\n", "[r1]:err 1\n")
    assert len(logs(launcher)) == 4


def test_the_traceback_of_a_redirected_rank_is_shown(launcher: Launcher) -> None:
    _, _, err = launcher.run("--log-dir=logs", "--redirects=3", "train.py", script="raise ValueError('bad')")
    assert "ValueError: bad" in err


# ------------------------------------------------------------------ failures
FAIL = """
import os, signal, subprocess, sys
if os.environ["RANK"] == "1":
    {fault}
subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
{stubborn}
while True: signal.pause()
"""


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("raise ValueError('bad thing')", 1, "ended with exit code 1"),
        ("sys.exit(7)", 7, "ended with exit code 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "was killed by SIGKILL"),
    ],
)
def test_one_rank_fails_and_all_end(launcher: Launcher, fault: str, code: int, text: str) -> None:
    ended, _, err = launcher.run("--nproc_per_node=3", "train.py", script=FAIL.format(fault=fault, stubborn=""))
    assert ended == code
    assert "mindtorchrun: rank 1 (local rank 1, pid " in err
    assert text in err
    assert launcher.left() == []
    if "ValueError" in fault:
        assert err.startswith("Traceback"), "the traceback comes first"
        assert err.count("ValueError: bad thing") == 2, "and again in the summary"


def test_ranks_that_ignore_sigterm_are_killed(launcher: Launcher) -> None:
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    script = FAIL.format(fault="sys.exit(3)", stubborn=stubborn)
    code, _, _ = launcher.run("--nproc_per_node=2", "train.py", script=script)
    assert code == 3
    assert launcher.left() == []


def test_abort_of_mpi(launcher: Launcher) -> None:
    script = """
from mpi4py import MPI
import sys
world = MPI.COMM_WORLD
world.Barrier()
if world.rank == 1:
    print("no use", file=sys.stderr, flush=True)
    world.Abort(5)
world.Barrier()
"""
    code, _, err = launcher.run("--nproc_per_node=2", "train.py", script=script)
    assert code == 5
    assert "no use" in err
    assert "Abort(5)" in err
    assert launcher.left() == []


def test_a_program_that_does_not_exist(launcher: Launcher) -> None:
    code, _, err = launcher.run("--no-python", "./missing")
    assert code == 127, err
    assert "cannot start ./missing: No such file or directory" in err


def test_restarts(launcher: Launcher) -> None:
    script = "import os, sys\nn = os.environ['TORCHELASTIC_RESTART_COUNT']\nprint(n, flush=True)\nsys.exit(n != '2')\n"
    code, out, err = launcher.run("--max-restarts=3", "train.py", script=script)
    assert (code, out) == (0, "0\n1\n2\n")
    assert err.count("starting again") == 2
    code, out, err = launcher.run("--max-restarts=1", "train.py")
    assert (code, out) == (1, "0\n1\n")


# ------------------------------------------------------------------ signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_everything(launcher: Launcher, number: signal.Signals) -> None:
    process = launcher.start("--nproc_per_node=2", "train.py", script=HOLD)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 128 + number
    assert f"stopped by signal {number.value}" in err
    assert launcher.left() == []


def test_ctrl_c_lets_the_script_clean_up(launcher: Launcher) -> None:
    script = """
import signal, sys
try:
    sys.stdout.write("up\\n")
    signal.pause()
finally:
    sys.stdout.write("clean\\n")
"""
    process = launcher.start("--nproc_per_node=2", "train.py", script=script)
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LIMIT)[0] == "clean\nclean\n"


def test_a_launcher_that_is_killed_leaves_nothing(launcher: Launcher) -> None:
    process = launcher.start("--nproc_per_node=2", "train.py", script=HOLD)
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()
    process.kill()
    process.wait()  # the fixture waits for the rest, and fails when there is one


# ------------------------------------------------------------------ several nodes
def start_two_nodes(launcher: Launcher, script: str) -> list[subprocess.Popen[str]]:
    """Node 1, node 0."""
    common = ["--nnodes=2", "--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    return [launcher.start(*common, f"--node_rank={i}", "train.py", script=script) for i in (1, 0)]


def two_nodes(launcher: Launcher, script: str) -> list[tuple[int, str, str]]:
    """Exit code, stdout, stderr of node 0 and of node 1."""
    processes = start_two_nodes(launcher, script)
    results = []
    for process in reversed(processes):
        out, err = process.communicate(timeout=LIMIT)
        results.append((process.returncode, out, err))
    return results


def test_two_nodes_form_one_world(launcher: Launcher) -> None:
    script = (
        "import os, sys\nfrom mpi4py import MPI\nworld = MPI.COMM_WORLD\n"
        "node = os.environ['GROUP_RANK']\n"
        "sys.stdout.write(f\"{world.rank} {world.allreduce(1)} {os.environ['RANK']} {node}\\n\")"
    )
    (code, first, err), (other, second, other_err) = two_nodes(launcher, script)
    assert (code, other) == (0, 0), err + other_err
    assert sorted(first.splitlines()) == ["0 4 0 0", "1 4 1 0"]
    assert sorted(second.splitlines()) == ["2 4 2 1", "3 4 3 1"]


@pytest.mark.parametrize("failing", ["1", "2"])
def test_a_failure_on_one_node_ends_the_other(launcher: Launcher, failing: str) -> None:
    script = (
        f"import os, signal\nif os.environ['RANK'] == '{failing}':\n    raise ValueError('bad thing')\nsignal.pause()\n"
    )
    results = two_nodes(launcher, script)
    assert [code for code, _, _ in results] == [1, 1]
    for _, _, err in results:
        assert f"rank {failing} " in err
        assert "ValueError: bad thing" in err
    assert launcher.left() == []


@pytest.mark.parametrize("node", [0, 1])
def test_ctrl_c_on_one_node_ends_the_other(launcher: Launcher, node: int) -> None:
    processes = start_two_nodes(launcher, HOLD)[::-1]
    for process in processes:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
    processes[node].send_signal(signal.SIGINT)
    errors = [process.communicate(timeout=LIMIT)[1] for process in processes]
    assert [process.returncode for process in processes] == [130, 130]
    assert "stopped by signal 2" in errors[node]
    assert f"the launcher of node {node} (" in errors[1 - node]
    assert "got SIGINT; 2 rank(s) stopped here" in errors[1 - node]


def test_a_killed_launcher_ends_the_other_node(launcher: Launcher) -> None:
    other, first = start_two_nodes(launcher, HOLD)
    for process in (other, first):
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
    other.kill()
    assert "the launcher of node 1 is gone" in first.communicate(timeout=LIMIT)[1]
    assert first.returncode == 1


def test_a_node_that_does_not_come(launcher: Launcher) -> None:
    port = free_port()
    flags = ["--nnodes=3", "--node_rank=0", f"--master_port={port}", "--rdzv_conf=join_timeout=1"]
    code, _, err = launcher.run(*flags, "train.py", script=HOLD)
    assert code == 2
    assert f"1 of 3 nodes came to 127.0.0.1:{port + 1} within 1 s; missing --node_rank: 1, 2" in err
    flags[1] = "--node_rank=1"
    code, _, err = launcher.run(*flags, "train.py")
    assert code == 2
    assert f"node 0 was not reached at 127.0.0.1:{port + 1}" in err


def test_nodes_that_disagree(launcher: Launcher) -> None:
    port = free_port()
    flags = [f"--master_port={port}", "--nnodes=2"]
    other = launcher.start(*flags, "--node_rank=1", "--nproc_per_node=3", "train.py", script=HOLD)
    code, _, err = launcher.run(*flags, "--node_rank=0", "--nproc_per_node=2", "train.py")
    assert code == 2
    assert "node 1 was started with --nnodes=2 --nproc_per_node=3, node 0 with --nnodes=2 --nproc_per_node=2" in err
    assert "node 1 was started with" in other.communicate(timeout=LIMIT)[1]


# ------------------------------------------------------------------ flags
@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--nnodes=2",), "--nnodes=2 needs --node_rank on each node"),
        (("--nnodes=1:4",), "the number of nodes cannot change"),
        (("--nnodes=2", "--node_rank=2"), "--node_rank=2 does not exist among --nnodes=2"),
        (("--nproc_per_node=many",), "Unsupported nproc_per_node value: many"),
        (("--nproc_per_node=0",), "Unsupported nproc_per_node value: 0"),
        (("--master_port=99999",), "--master_port=99999: a number from 1 to 65534"),
        (("--tee=7",), "--tee=7: 0, 1, 2, 3 or"),
        (("--rdzv_backend=etcd",), "--rdzv-backend=etcd is not supported"),
        (("--no-python", "-m"), "Don't use both the '--no-python' flag and the '--module' flag"),
        (("--nproc_per_nod_e=2",), "unknown flag --nproc_per_nod_e; did you mean --nproc-per-node?"),
        (("--log-dri=x",), "unknown flag --log-dri; did you mean --log-dir?"),
    ],
)
def test_what_cannot_be_started_ends_with_2_and_a_line(
    args: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").touch()
    with pytest.raises(SystemExit) as caught:
        mindtorchrun.main([*args, str(tmp_path / "train.py")])
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1


def test_a_script_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mindtorchrun.main(["nowhere.py"])
    assert "there is no script nowhere.py in " in capsys.readouterr().err


def test_a_port_in_use(launcher: Launcher) -> None:
    import socket

    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ["--nnodes=2", "--node_rank=0", f"--master_port={port - 1}", "--rdzv_conf=join_timeout=1"]
        code, _, err = launcher.run(*flags, "train.py", script=HOLD)
    assert code == 2
    assert f"port {port} (the one after --master_port={port - 1})" in err
    assert "Address already in use" in err


def test_environment_variables_stand_for_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PET_NPROC_PER_NODE", "3")
    assert get_args_parser().parse_args(["train.py"]).nproc_per_node == "3"


# ------------------------------------------------------------------ msrun
def test_the_command_of_msrun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mindspore")
    script = tmp_path / "train.py"
    script.touch()
    flags = ["--engine=msrun", "--nnodes=2", "--node_rank=1", "--nproc_per_node=8", "--master_addr=10.0.0.1",
             "--master_port=6000", "--log-dir=logs", "--rdzv_conf=join_timeout=60"]  # fmt: skip
    job = job_from(parse_args(get_args_parser(), [*flags, str(script), "--x"]))
    command = engine_command(job, "logs")
    from mindspore.parallel.cluster.run import get_args

    saved = sys.argv
    try:
        sys.argv = command
        told = get_args()
    finally:
        sys.argv = saved
    assert (told.worker_num, told.local_worker_num, told.node_rank, told.cluster_time_out) == (16, 8, 1, 60)
    assert (told.master_addr, told.master_port, told.join, told.log_dir) == ("10.0.0.1", 6001, True, "logs/msrun")
    assert told.task_script.endswith("mindtorchrun/supervisor.py")
    with pytest.raises(SystemExit) as caught:
        mindtorchrun.main([*flags, "--dry-run", str(script), "--x"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " ".join(command)
    assert len(lines) == 9
    assert "RANK=9 " in lines[2]
    assert lines[2].endswith(f"{script} --x")
