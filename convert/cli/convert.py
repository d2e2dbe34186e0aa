"""``ms-convert [convert] PATH``."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..project.preferences import Preferences, read_preferences
from ..report.console import progress_bar
from ..run import Options, run
from .common import (
    DEFAULT_RULES,
    CacheOption,
    IgnoreOption,
    JobsOption,
    PathArgument,
    RepoOption,
    ReportFileOption,
    ReportFormat,
    ReportOption,
    RulesOption,
    SelectOption,
    VersionOption,
    one_line_errors,
    processors,
    target,
    write_report,
)


class Style(str, Enum):
    """What happens to the names that imports bind."""

    alias = "alias"
    rename = "rename"


def convert(
    path: PathArgument = None,
    repo: RepoOption = None,
    rules: RulesOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", show_default=False,
            help="Write a converted copy of the whole tree there, and leave the source untouched.",
        ),
    ] = None,
    style: Annotated[
        Style | None,
        typer.Option(
            "--style", show_default="alias",
            help='alias: "import mindtorch as torch", uses stay as they are. rename: uses are spelled mindtorch too.',
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print the changes as a patch.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last conversion in place.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --undo: also where files have been edited since; the edits are lost.")
    ] = False,
    select: SelectOption = None,
    ignore: IgnoreOption = None,
    report: ReportOption = ReportFormat.console,
    report_file: ReportFileOption = None,
    coverage_min: Annotated[
        float | None,
        typer.Option(
            "--coverage-min", min=0, max=100, metavar="PCT", show_default=False,
            help="Unsupported APIs alone are no failure if at least this share of all uses is supported.",
        ),
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Convert in place even if git has uncommitted changes there.")
    ] = False,
    upstream_version: VersionOption = None,
    jobs: JobsOption = None,
    no_cache: CacheOption = False,
) -> None:
    """Rewrite a tree that uses PyTorch to run on MindSpore: "import torch" becomes "import mindtorch as torch".

    Without -o the tree is converted in place, and --undo takes that back. Everything outside the rewritten code keeps
    its bytes, and a second run changes nothing. The tree's pyproject.toml may set options in [tool.ms-convert], and a
    comment "# ms-convert: ignore[ID]" keeps a line as it is.

    Exit codes: 0 done; 1 something was left as it is or is not supported (the report says what and why), or --check
    found something to change; 2 an error, and nothing was written.
    """
    where = target(path, repo)
    if output is not None and (check or diff):
        raise typer.BadParameter("-o writes a copy, and --check and --diff write nothing: choose one")
    if force and not undo:
        raise typer.BadParameter("--force is for --undo; --allow-dirty converts a tree with uncommitted changes")
    with one_line_errors("interrupted; every file is either as it was or converted; run again, or --undo"):
        if undo:
            _undo(where, force)
            return
        own = read_preferences(where)
        options = replace(
            _options(where, own, rules, style, select, ignore, jobs, coverage_min),
            output=output,
            check=check,
            diff=diff,
            allow_dirty=allow_dirty,
            upstream_version=upstream_version,
            cache=not no_cache,
        )
        result = run(options, progress_bar(Console(stderr=True, highlight=False)))
        write_report(result, report, report_file)
    raise typer.Exit(result.exit_code)


def _options(
    path: Path,
    own: Preferences,
    rules: str | None,
    style: Style | None,
    select: list[str] | None,
    ignore: list[str] | None,
    jobs: int | None,
    coverage_min: float | None,
) -> Options:
    """What was given on the command line; where nothing was, what the tree prefers."""
    return Options(
        path,
        rules or own.rules or DEFAULT_RULES,
        style=style.value if style else own.style,
        select=tuple(select if select is not None else own.select),
        ignore=tuple(ignore if ignore is not None else own.ignore),
        exclude=own.exclude,
        jobs=(jobs if jobs is not None else own.jobs) or processors(),
        coverage_min=coverage_min if coverage_min is not None else own.coverage_min,
    )


def _undo(path: Path, force: bool) -> None:
    from ..project.undo import undo

    result = undo(path, force)
    for name in result.overwritten:
        print(f"{name}: had been edited since; the edits are lost")
    restored, removed = len(result.restored), len(result.removed)
    added = f", {removed} that it had added removed" if removed else ""
    more = f"; {result.left} earlier conversions can be taken back" if result.left else ""
    print(f"undone: {restored} files restored{added}: {result.root}{more}")
