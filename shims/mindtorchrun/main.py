"""The command."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from .agent import Agent, Outcome
from .arguments import get_args_parser, parse_args
from .engines import engine_command
from .job import Job, LaunchError, job_from
from .nodes import run_among_nodes
from .report import describe, exit_code
from .streams import LogDirectory

__all__ = ["main", "run"]


def _dry_run(job: Job) -> None:
    """The exact command of the engine, then the command and the variables of this node's ranks."""
    log_dir = job.log_dir or "<temporary directory>"
    print(shlex.join(engine_command(job, log_dir)))
    for local_rank in range(job.per_node):
        variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in job.variables(local_rank).items())
        print(f"# local rank {local_rank}: {variables} {shlex.join(job.rank_command(local_rank))}")


def _attempt(job: Job, logs: LogDirectory) -> Outcome:
    if job.nodes > 1 and job.engine == "mpiexec":
        return run_among_nodes(job, logs)
    return Agent(job, logs).run()


def start(job: Job) -> int:
    """Run the job to its end, with restarts; its exit code."""
    logs = LogDirectory(job)
    while True:
        outcome = _attempt(job, logs)
        if outcome.signal is not None:
            print(f"mindtorchrun: stopped by signal {outcome.signal}", file=sys.stderr)
            return 128 + outcome.signal
        if outcome.failure is None:
            return 0
        again = job.restart < job.restarts
        restarting = f"; starting again ({job.restart + 1} of {job.restarts})" if again else ""
        print(describe(outcome.failure, outcome.stopped, restarting), file=sys.stderr, flush=True)
        if not again:
            return exit_code(outcome.failure.status)
        job = job.again()


def run(args: argparse.Namespace) -> int:
    """Start what parsed flags say (`get_args_parser`); the exit code.

    Raises:
        LaunchError: it cannot be started.
    """
    job = job_from(args)
    if args.dry_run:
        _dry_run(job)
        return 0
    return start(job)


def main(args: Sequence[str] | None = None, parser: argparse.ArgumentParser | None = None) -> None:
    """Entry point; exit code 2 for what cannot be started, else that of the rank that failed first (128 + signal)."""
    parsed = parse_args(parser or get_args_parser(), args)
    try:
        code = run(parsed)
    except LaunchError as error:
        print(f"mindtorchrun: error: {error}", file=sys.stderr)
        code = 2
    raise SystemExit(code)
