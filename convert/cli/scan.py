"""``ms-convert scan PATH``."""

from __future__ import annotations

import typer
from rich.console import Console

from ..project.preferences import read_preferences
from ..report.console import progress_bar
from ..run import Options, run
from .common import (
    DEFAULT_RULES,
    CacheOption,
    JobsOption,
    PathArgument,
    RepoOption,
    ReportFileOption,
    ReportFormat,
    ReportOption,
    RulesOption,
    VersionOption,
    one_line_errors,
    processors,
    target,
    write_report,
)


def scan(
    path: PathArgument = None,
    repo: RepoOption = None,
    rules: RulesOption = None,
    report: ReportOption = ReportFormat.console,
    report_file: ReportFileOption = None,
    upstream_version: VersionOption = None,
    jobs: JobsOption = None,
    no_cache: CacheOption = False,
) -> None:
    """What a tree uses of PyTorch, and which of it mindtorch lacks. Changes nothing.

    Exit codes: 0 all of it is supported; 1 some of it is not; 2 an error.
    """
    where = target(path, repo)
    with one_line_errors():
        own = read_preferences(where)
        options = Options(
            where,
            rules or own.rules or DEFAULT_RULES,
            scan=True,
            exclude=own.exclude,
            upstream_version=upstream_version,
            jobs=(jobs if jobs is not None else own.jobs) or processors(),
            coverage_min=own.coverage_min,
            cache=not no_cache,
        )
        result = run(options, progress_bar(Console(stderr=True, highlight=False)))
        write_report(result, report, report_file)
    raise typer.Exit(result.exit_code)
