"""The report for people: plain lines, coloured on a terminal, never wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from .coverage import EFFORTS
from .excerpts import visible
from .model import Report

DONE = {"in-place": "converted", "output": "converted", "check": "would convert", "diff": "would convert"}
# How many unsupported APIs, and how many kept places, are printed.
TOP_APIS = 10
TOP_KEPT = 10


def print_report(report: Report, console: Console) -> None:
    """Headline, edits by rule, coverage, and everything that was left alone with ``file:line: reason``."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(visible(text).replace("\n", "\\n"), style=style), soft_wrap=True)

    line(headline(report), "bold")
    for rule, number in sorted(report.edits_by_rule.items()):
        line(f"  {number:6}  {rule}")
    if report.mode == "check":
        for file in report.converted:
            line(f"{file.path}: would change ({plural(len(file.changes), 'edit')})")
    for note in report.notes:
        line(note, "yellow")
    for file in report.skipped:
        place = file.path if file.line is None else f"{file.path}:{file.line}"
        line(f"{place}: file left alone: {file.reason}", "yellow")
    for file, left in report.left:
        line(f"{file.path}:{left.line}: left as it is: {_one_line(left.text)}: {left.reason} [{left.rule}]", "yellow")
    for file, kept in report.kept[:TOP_KEPT]:
        rule = f" [{kept.rule}]" if kept.rule else ""
        line(f"{file.path}:{kept.line}: kept: {_one_line(kept.text)}: {kept.reason}{rule}", "dim")
    _more(line, len(report.kept) - TOP_KEPT, "kept place")
    _print_coverage(report, line)


def headline(report: Report) -> str:
    """What was done, in one line."""
    if report.mode == "scan":
        return f"scanned {plural(report.seen, 'file')}, in {report.seconds:.1f} s: {report.root}"
    files = f"{len(report.converted)} of {plural(report.seen, 'file')}, {plural(report.edits, 'edit')}"
    where = f" -> {report.output}" if report.mode == "output" else ""
    return f"{DONE[report.mode]} {files}, in {report.seconds:.1f} s: {report.root}{where}"


def coverage_line(report: Report) -> str:
    """How much of the API is supported, in one line; empty if nothing of it is used."""
    coverage = report.coverage
    if coverage.unknown is not None:
        return f"API coverage unknown: {coverage.unknown}"
    if not coverage.uses:
        return ""
    text = f"{coverage.rate_text} of {coverage.uses:,} torch API uses are supported by {coverage.package}"
    if not coverage.needed:
        return text
    return f"{text}; {plural(len(coverage.needed), 'API')} {'is' if len(coverage.needed) == 1 else 'are'} not:"


def _print_coverage(report: Report, line: Callable[..., None]) -> None:
    text = coverage_line(report)
    if not text:
        return
    line(text, "yellow" if report.lacks_support else "bold")
    for api in report.coverage.needed[: None if report.mode == "scan" else TOP_APIS]:
        hint = f": {api.hint}" if api.hint else ""
        line(f"  {api.uses:6}  {api.name} ({EFFORTS[api.effort][0]}), first at {api.first_place()}{hint}")
    _more(line, 0 if report.mode == "scan" else len(report.coverage.needed) - TOP_APIS, "API")
    if report.coverage_min is not None and report.lacks_support:
        found = "not known to be enough" if report.coverage.rate is None else "too few"
        line(f"{found}: at least {report.coverage_min:g} % were asked for", "yellow")


def progress_bar(console: Console) -> Callable[[int], AbstractContextManager[Callable[[int], object]]]:
    """What :func:`.run.run` shows progress with: a bar on a terminal, nothing in a pipe."""

    @contextmanager
    def show(total: int) -> Iterator[Callable[[int], object]]:
        columns = TextColumn("converting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        # auto_refresh would start a thread, and worker processes are forked while the bar is shown.
        bar = Progress(*columns, console=console, transient=True, auto_refresh=False, disable=not console.is_terminal)
        with bar:
            task = bar.add_task("", total=total)

            def advance(count: int) -> None:
                bar.advance(task, count)
                bar.refresh()

            yield advance

    return show


def plural(count: int, noun: str) -> str:
    """``1 file``, ``1,234 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _more(line: Callable[..., None], count: int, noun: str) -> None:
    if count > 0:
        line(f"  ... and {plural(count, f'more {noun}')}: --report html or --report json lists all")


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
