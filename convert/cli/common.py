"""What the commands have in common: options, errors, and where reports go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..errors import ConvertError
from ..report.console import print_report
from ..report.model import Report

DEFAULT_RULES = "llm.yaml"


class ReportFormat(str, Enum):
    """How a report is written."""

    console = "console"
    json = "json"
    html = "html"
    sarif = "sarif"


PathArgument = Annotated[
    Path | None,
    typer.Argument(metavar="PATH", help="Repository, directory or file.", show_default=False),
]
RepoOption = Annotated[
    Path | None, typer.Option("--repo", metavar="DIR", help="The same as PATH.", show_default=False)
]
RulesOption = Annotated[
    str | None,
    typer.Option(
        "--rules", metavar="FILE", show_default=DEFAULT_RULES,
        help="Rule file: a path, or one that ships with ms-convert.",
    ),
]  # fmt: skip
SelectOption = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="ID", show_default=False, help="Only the rule with this id (may be repeated)."),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="ID", show_default=False, help="Not the rule with this id (may be repeated)."),
]
ReportOption = Annotated[
    ReportFormat,
    typer.Option(
        "--report", metavar="FORMAT [FILE]",
        help="console, json, html or sarif. A FILE may follow; json and sarif go to stdout without one (or with -), "
        "and then nothing else does.",
    ),
]  # fmt: skip
ReportFileOption = Annotated[Path | None, typer.Option("--report-file", metavar="FILE", hidden=True)]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "-j", "--jobs", min=0, metavar="N", show_default="0",
        help="Worker processes; 0 means one per processor.",
    ),
]  # fmt: skip
CacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Convert every file anew, even if the result is known from an earlier run.")
]
VersionOption = Annotated[
    str | None,
    typer.Option(
        "--upstream-version", metavar="VERSION", show_default=False,
        help="Version of the upstream project, where the tree does not tell it.",
    ),
]  # fmt: skip


def target(path: Path | None, repo: Path | None) -> Path:
    """The one path that was given."""
    if (path is None) == (repo is None):
        raise typer.BadParameter("name what to convert, once: ms-convert PATH, or ms-convert --repo DIR")
    given = path if path is not None else repo
    assert given is not None
    return given


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_line_errors(interrupted: str = "interrupted") -> Iterator[None]:
    """Errors of the converter as one line on stderr and exit code 2."""
    try:
        yield
    except ConvertError as error:
        print(f"ms-convert: error: {_printable(str(error))}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        print(f"ms-convert: {interrupted}", file=sys.stderr)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # The reader has seen enough; nothing more can be said there, not even when Python flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


def write_report(report: Report, form: ReportFormat, file: Path | None) -> None:
    """Print ``report``, or write it to ``file``. Raises :class:`ConvertError` if that cannot be written."""
    errors = Console(stderr=True, highlight=False)
    diffs = [file_report.diff for file_report in report.files if file_report.diff is not None]
    if form is ReportFormat.console:
        if file is not None and str(file) != "-":
            with _opened(file) as write:
                console = Console(file=_Writer(write), highlight=False, width=200)  # type: ignore[arg-type]
                print_report(report, console)
            return
        for diff in diffs:
            sys.stdout.buffer.write(diff)
        sys.stdout.flush()
        # With --diff, stdout is the patch and nothing else.
        print_report(report, errors if report.mode == "diff" or diffs else Console(highlight=False))
        return
    text = _TEXTS[form](report)
    if form is ReportFormat.html and file is None:
        file = Path("ms-convert-report.html")
    if file is None or str(file) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with _opened(file) as write:
        write(text)
    print_report(report, Console(highlight=False))
    Console(highlight=False).print(f"report: {file}", soft_wrap=True)


@contextmanager
def _opened(file: Path) -> Iterator[Callable[[str], object]]:
    """Write to ``file``; it appears when it is whole."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as stream:
            yield stream.write
        os.replace(temporary, file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConvertError(f"cannot write the report {file}: {error.strerror or error}") from error


class _Writer:
    """A text stream that calls a function with what is written."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write

    def flush(self) -> None:
        """Nothing is held back."""


def _json(report: Report) -> str:
    return json.dumps(report.as_json(), indent=2) + "\n"


def _html(report: Report) -> str:
    from ..report.html import write_html

    return write_html(report)


def _sarif(report: Report) -> str:
    from ..report.sarif import as_sarif

    return json.dumps(as_sarif(report), indent=2) + "\n"


_TEXTS = {ReportFormat.json: _json, ReportFormat.html: _html, ReportFormat.sarif: _sarif}


def _printable(text: str) -> str:
    return " ".join(text.encode(errors="replace").decode().splitlines())
