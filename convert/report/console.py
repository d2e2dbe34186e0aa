"""The report for people: plain lines, coloured on a terminal, never wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from .model import Report

_DONE = {"in-place": "converted", "output": "converted", "check": "would convert", "diff": "would convert"}


def print_report(report: Report, console: Console) -> None:
    """Headline, edits by rule, and everything that was left alone with ``file:line: reason``."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(_printable(text), style=style), soft_wrap=True)

    count = len(report.converted)
    edits = sum(report.edits_by_rule.values())
    headline = f"{_DONE[report.mode]} {count} of {_plural(report.seen, 'file')}, {_plural(edits, 'edit')}"
    where = f" -> {report.output}" if report.mode == "output" else ""
    line(f"{headline}, in {report.seconds:.1f} s: {report.root}{where}", "bold")
    for rule, number in sorted(report.edits_by_rule.items()):
        line(f"  {number:6}  {rule}")
    if report.mode == "check":
        for file in report.converted:
            line(f"{file.path}: would change ({_plural(len(file.changes), 'edit')})")
    for note in report.notes:
        line(note, "yellow")
    for file in report.skipped:
        place = file.path if file.line is None else f"{file.path}:{file.line}"
        line(f"{place}: file left alone: {file.reason}", "yellow")
    for file, left in report.left:
        text = " ".join((left.text or "").split())
        line(f"{file.path}:{left.line}: left as it is: {text}: {left.reason} [{left.rule}]", "yellow")


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


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _printable(text: str) -> str:
    """``text`` without bytes of file names that are not UTF-8, which no terminal could show."""
    return text.encode(errors="replace").decode()
