"""Several nodes on CPU hosts: each runs mindtorchrun, and they make one MPI world without ssh.

The launcher of node 0 listens at the port after ``--master_port``; the others connect to it, which also tells when one
of them is gone. Node 0 starts MPICH's mpiexec with its manual launcher, which prints the command of one proxy for each
node instead of starting it; node 0 hands them out, and each launcher runs its proxy as its engine. What fails on one
node is told to all.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from .agent import Agent, Outcome
from .engines import engine_command, find_program
from .job import Job, LaunchError
from .lines import Line
from .report import Failure
from .streams import LogDirectory

__all__ = ["run_among_nodes"]

_PAUSE = 0.2


def run_among_nodes(job: Job, logs: LogDirectory) -> Outcome:
    """One attempt of a job on several nodes; this node's outcome.

    Raises:
        LaunchError: the nodes did not meet in time, or do not agree.
    """
    return _lead(job, logs) if job.node_rank == 0 else _follow(job, logs)


# ------------------------------------------------------------------ node 0
def _lead(job: Job, logs: LogDirectory) -> Outcome:
    command = engine_command(job, "")
    lines = _gather(job)
    with contextlib.ExitStack() as stack:
        for line in lines.values():
            stack.callback(line.socket.close)
        mpiexec = subprocess.Popen(
            [command[0], "-genvnone", *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        stack.callback(_end, mpiexec)
        proxies = _proxies(mpiexec, job)
        for rank, line in lines.items():
            line.say({"proxy": proxies[rank]})
        agent = Agent(job, logs, _local_proxy(proxies[0]))
        agent.on_failure = lambda failure: _tell(lines.values(), failure)
        for rank, line in lines.items():
            agent.watch(line.socket, _listener(agent, line, rank, lines))
        outcome = agent.run()
        if outcome.signal is not None:
            _tell(lines.values(), _stopped_by(outcome.signal, job.node_rank))
        elif outcome.failure is None:
            outcome = _await_others(lines, outcome)
        return outcome


def _gather(job: Job) -> dict[int, Line]:
    """Connections of all other nodes, by node rank."""
    lines: dict[int, Line] = {}
    limit = time.monotonic() + job.meeting_timeout
    try:
        server = socket.create_server(("", job.launcher_port))
    except OSError as error:
        raise LaunchError(
            f"port {job.launcher_port} (the one after --master_port={job.port}), where nodes meet, cannot be used: "
            f"{error.strerror}"
        ) from error
    with server:
        while len(lines) < job.nodes - 1:
            server.settimeout(max(limit - time.monotonic(), 0.01))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                missing = sorted(set(range(1, job.nodes)) - lines.keys())
                raise LaunchError(
                    f"{len(lines) + 1} of {job.nodes} nodes came to {job.address}:{job.launcher_port} within "
                    f"{job.meeting_timeout:.0f} s; missing --node_rank: {', '.join(map(str, missing))}"
                ) from None
            line = Line(connection)
            hello = _expect(line, 10.0)
            wrong = _disagreement(job, hello, lines)
            if wrong:
                line.say({"refused": wrong})
                connection.close()
                raise LaunchError(wrong)
            lines[hello["node_rank"]] = line
    return lines


def _disagreement(job: Job, hello: dict[str, Any], lines: dict[int, Line]) -> str:
    if (hello["nodes"], hello["per_node"]) != (job.nodes, job.per_node):
        return (
            f"node {hello['node_rank']} was started with --nnodes={hello['nodes']} --nproc_per_node="
            f"{hello['per_node']}, node 0 with --nnodes={job.nodes} --nproc_per_node={job.per_node}"
        )
    if hello["node_rank"] in lines or hello["node_rank"] == 0:
        return f"two nodes were started with --node_rank={hello['node_rank']}"
    return ""


def _proxies(mpiexec: subprocess.Popen[str], job: Job) -> list[list[str]]:
    """The arguments of each node's proxy, which connect to where node 0 is reached."""
    found: list[list[str]] = []
    said: list[str] = []
    assert mpiexec.stdout is not None
    for text in mpiexec.stdout:
        said.append(text)
        if text.startswith("HYDRA_LAUNCH:"):
            arguments = shlex.split(text.partition(":")[2])[1:]
            at = arguments.index("--control-port") + 1
            arguments[at] = f"{job.address}:{arguments[at].rpartition(':')[2]}"
            found.append(arguments)
        if text.startswith("HYDRA_LAUNCH_END"):
            break
    if len(found) != job.nodes:
        raise LaunchError("mpiexec named no proxies: " + "".join(said).strip())
    threading.Thread(target=mpiexec.stdout.read, daemon=True).start()  # nothing of interest; must not fill up
    return found


def _local_proxy(arguments: list[str]) -> list[str]:
    return [find_program("hydra_pmi_proxy", "'mpich>=5'"), *arguments]


def _listener(agent: Agent, line: Line, rank: int, lines: dict[int, Line]) -> Callable[[], None]:
    def hear() -> None:
        messages = line.hear()
        if messages is None:
            agent.unwatch(line.socket)
            if lines.pop(rank, None) is not None:
                failure = _gone(rank)
                _tell(lines.values(), failure)
                agent.stop_for_others(failure)
            return
        for message in messages:
            if "failure" in message:
                failure = Failure(**message["failure"])
                _tell([other for other in lines.values() if other is not line], failure)
                agent.stop_for_others(failure)
            if "done" in message:
                agent.unwatch(line.socket)
                lines.pop(rank, None)

    return hear


def _await_others(lines: dict[int, Line], outcome: Outcome) -> Outcome:
    """This node is done; the others may still fail."""
    heard: queue.Queue[tuple[int, list[dict[str, Any]] | None]] = queue.Queue()

    def listen(rank: int, line: Line) -> None:
        heard.put((rank, line.hear()))

    for rank, line in lines.items():
        threading.Thread(target=listen, args=(rank, line), daemon=True).start()
    while lines:
        rank, messages = heard.get()
        line = lines[rank]
        failures = [Failure(**m["failure"]) for m in messages or [] if "failure" in m]
        if messages is None:
            failures = [_gone(rank)]
        del lines[rank]
        if failures:
            _tell(lines.values(), failures[0])
            return Outcome(failure=failures[0])
        if not any("done" in m for m in messages or []):
            lines[rank] = line
            threading.Thread(target=listen, args=(rank, line), daemon=True).start()
    return outcome


# ------------------------------------------------------------------ other nodes
def _follow(job: Job, logs: LogDirectory) -> Outcome:
    line = Line(_connect(job))
    line.say({"node_rank": job.node_rank, "nodes": job.nodes, "per_node": job.per_node})
    answer = _expect(line, job.meeting_timeout)
    if "refused" in answer:
        raise LaunchError(answer["refused"])
    agent = Agent(job, logs, _local_proxy(answer["proxy"]))
    agent.on_failure = lambda failure: line.say({"failure": failure.as_dict()})

    def hear() -> None:
        messages = line.hear()
        if messages is None:
            agent.unwatch(line.socket)
            agent.stop_for_others(_gone(0))
        for message in messages or []:
            if "failure" in message:
                agent.stop_for_others(Failure(**message["failure"]))

    agent.watch(line.socket, hear)
    outcome = agent.run()
    if outcome.signal is not None:
        line.say({"failure": _stopped_by(outcome.signal, job.node_rank).as_dict()})
    elif outcome.failure is None:
        line.say({"done": True})
        line.hear()  # node 0 closes the line when all are done
    line.socket.close()
    return outcome


def _expect(line: Line, timeout: float) -> dict[str, Any]:
    try:
        return line.expect(timeout)
    except ConnectionError as error:
        raise LaunchError("another node's launcher closed the connection before the start") from error


def _connect(job: Job) -> socket.socket:
    limit = time.monotonic() + job.meeting_timeout
    while True:
        try:
            return socket.create_connection((job.address, job.launcher_port), timeout=5.0)
        except OSError as error:
            if time.monotonic() > limit:
                raise LaunchError(
                    f"node 0 was not reached at {job.address}:{job.launcher_port} (the port after --master_port) "
                    f"within {job.meeting_timeout:.0f} s: {error.strerror or error}"
                ) from error
            time.sleep(_PAUSE)


# ------------------------------------------------------------------ failures
def _tell(lines: Any, failure: Failure) -> None:
    for line in list(lines):
        line.say({"failure": failure.as_dict()})


def _gone(node: int) -> Failure:
    return Failure(None, None, None, None, 0.0, "", "", cause=f"the launcher of node {node} is gone")


def _stopped_by(number: int, node: int) -> Failure:
    cause = f"the launcher of node {node} ({socket.gethostname()}) got {signal.Signals(number).name}"
    return Failure(None, None, None, -number, 0.0, "", "", cause=cause)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
