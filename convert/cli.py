"""The command ``ms-convert``."""

from __future__ import annotations

import json
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import __version__
from .errors import ConvertError
from .report.console import print_report, progress_bar
from .report.model import Report
from .run import Options, run

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)


class ReportFormat(str, Enum):
    """How the report is printed."""

    console = "console"
    json = "json"


class Style(str, Enum):
    """What happens to the names that imports bind."""

    alias = "alias"
    rename = "rename"


def _version(value: bool) -> None:
    if value:
        print(f"ms-convert {__version__}")
        raise typer.Exit


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def convert(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="Repository, directory or file to convert.", show_default=False),
    ] = None,
    repo: Annotated[
        Path | None, typer.Option("--repo", metavar="DIR", help="The same as PATH.", show_default=False)
    ] = None,
    rules: Annotated[
        str, typer.Option("--rules", metavar="FILE", help="Rule file: a path, or one that ships with ms-convert.")
    ] = "llm.yaml",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", show_default=False,
            help="Write a converted copy of the whole tree there, and leave the source untouched.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print the changes as a patch.")] = False,
    report: Annotated[
        ReportFormat, typer.Option("--report", help="json prints the report as JSON, and nothing else, to stdout.")
    ] = ReportFormat.console,
    style: Annotated[
        Style,
        typer.Option(
            "--style", help='alias: "import mindtorch as torch", uses stay; rename: uses are spelled mindtorch too.'
        ),
    ] = Style.alias,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Convert in place even if git has uncommitted changes there.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=0, metavar="N", help="Worker processes; 0 means one per processor.")
    ] = 0,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Rewrite a tree that uses PyTorch to run on MindSpore: "import torch" becomes "import mindtorch as torch".

    Without -o the tree is converted in place. Everything outside the rewritten statements keeps its bytes, and a second
    run changes nothing.

    Exit codes: 0 done; 1 something was left as it is (the report says what and why), or --check found something to
    change; 2 an error, and nothing was written.
    """
    if (path is None) == (repo is None):
        raise typer.BadParameter("name what to convert, once: ms-convert PATH, or ms-convert --repo DIR")
    if output is not None and (check or diff):
        raise typer.BadParameter("-o writes a copy, and --check and --diff write nothing: choose one")
    target = path if path is not None else repo
    assert target is not None
    errors = Console(stderr=True, highlight=False)
    options = Options(target, rules, output, check, diff, allow_dirty, jobs or _processors(), style.value)
    try:
        result = run(options, progress_bar(errors))
    except ConvertError as error:
        print(f"ms-convert: error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        print("ms-convert: interrupted; every file is either as it was or converted", file=sys.stderr)
        raise typer.Exit(130) from None
    _print(result, report, errors)
    raise typer.Exit(result.exit_code)


def _print(result: Report, form: ReportFormat, errors: Console) -> None:
    if form is ReportFormat.json:
        print(json.dumps(result.as_json(), indent=2))
        return
    diffs = [file.diff for file in result.files if file.diff is not None]
    for diff in diffs:
        sys.stdout.buffer.write(diff)
    sys.stdout.flush()
    # With --diff, stdout is the patch and nothing else.
    print_report(result, errors if result.mode == "diff" or diffs else Console(highlight=False))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="ms-convert")


if __name__ == "__main__":
    main()
