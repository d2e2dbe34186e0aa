"""``ms-convert workspace [DIR]`` and ``ms-convert lock [DIR]``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ..report.console import progress_bar
from ..report.excerpts import visible
from .common import DEFAULT_RULES, JobsOption, one_line_errors, processors

if TYPE_CHECKING:
    from ..workspace.build import Voice

DirectoryArgument = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="Directory of the workspace; made if it is not there.")
]
StackOption = Annotated[
    str | None,
    typer.Option(
        "--rules", metavar="FILE", show_default="that of the lock, else llm.yaml",
        help="Stack file: a rule file with repositories; a path, or one that ships with ms-convert.",
    ),
]  # fmt: skip
MirrorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mirror", metavar="FROM=TO|FILE", show_default=False,
        help="Where URLs begin with FROM, take TO instead: a URL or a directory (may be repeated). A FILE has a line "
        "FROM=TO for each. MS_CONVERT_MIRROR has such values too, with blanks between them.",
    ),
]  # fmt: skip


def workspace(
    directory: DirectoryArgument = Path("workspace"),
    rules: StackOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", show_default=False,
            help="Only this repository of the stack, and what it needs (may be repeated).",
        ),
    ] = None,
    mirror: MirrorOption = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use no network: only copies on this machine, and local mirrors.")
    ] = False,
    locked: Annotated[
        bool, typer.Option("--locked", help="Make exactly what ms-convert.lock says; an error if that cannot be.")
    ] = False,
    from_pypi: Annotated[
        bool,
        typer.Option(
            "--from-pypi",
            help="For what is not there yet: take sources from PyPI, by pip, where upstream publishes them.",
        ),
    ] = False,
    jobs: JobsOption = None,
) -> None:
    """Clone the repositories of a stack at the commits that it pins, convert them, and write env.sh.

    What is there already stays: a second run changes nothing, and one after an interruption goes on. A directory with
    the name of a repository that is something else (another remote, another commit, local changes) is an error, and is
    not touched. Proxy and credentials are those of git. Messages go to stderr; where stdout is no terminal, it gets
    the path of env.sh.

    Exit codes: 0 done; 2 an error.
    """
    from ..workspace.build import Options, build
    from ..workspace.mirrors import Mirrors

    console = Console(stderr=True, highlight=False)
    with one_line_errors("interrupted; run again to go on"), _voice(console) as voice:
        options = Options(
            directory,
            rules,
            DEFAULT_RULES,
            only=tuple(only or ()),
            mirrors=Mirrors.of(mirror or ()),
            offline=offline,
            locked=locked,
            from_pypi=from_pypi,
            jobs=jobs or processors(),
        )
        environment = build(options, voice)
        if sys.stdout.isatty():
            voice.line(f"set the environment with: source {shlex.quote(str(environment))}")
        else:
            print(environment)


def lock(
    directory: DirectoryArgument = Path("workspace"),
    rules: StackOption = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Write nothing; exit with 1 if anything is otherwise than the lock says.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", show_default=False,
            help="Write an archive with the lock, your own rule files and the sources, for another machine.",
        ),
    ] = None,
    import_: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE", show_default=False, help="Unpack such an archive into DIR."),
    ] = None,
) -> None:
    """Write ms-convert.lock: what exactly a workspace is made of.

    That is for each repository URL, tag or branch, commit, and the hashes of the rule files, further the versions of
    ms-convert and mindtorch. "ms-convert workspace" writes it as well, and with --locked keeps to it.

    Exit codes: 0 done; 1 --locked found something to be otherwise; 2 an error.
    """
    from ..workspace.build import Options
    from ..workspace.locking import compare, lock_now
    from ..workspace.transfer import export as write_archive
    from ..workspace.transfer import import_ as read_archive

    if sum((locked, export is not None, import_ is not None)) > 1:
        raise typer.BadParameter("choose one of --locked, --export and --import")
    console = Console(stderr=True, highlight=False)
    options = Options(directory, rules, DEFAULT_RULES)
    with one_line_errors(), _voice(console) as voice:
        if import_ is not None:
            found = read_archive(import_, directory.absolute(), voice.passing)
            names = ", ".join(known.name for known in found.repositories)
            voice.line(f"imported {names}; now: ms-convert workspace {shlex.quote(str(directory))} --locked --offline")
        elif export is not None or locked:
            known, stack, wrong = compare(options)
            for text in wrong:
                print(text)
            if wrong:
                raise typer.Exit(1)
            if export is not None:
                write_archive(directory.absolute(), known, stack, export, voice.passing)
                voice.line(f"{export}: there, run: ms-convert lock --import {shlex.quote(export.name)} DIR")
        else:
            known, _, new = lock_now(options)
            number = plural_of(len(known.repositories), "repository", "repositories")
            voice.line(f"{directory / 'ms-convert.lock'}: {number}{'' if new else ', as it was'}")


def plural_of(count: int, one: str, many: str) -> str:
    """``1 repository``, ``2 repositories``."""
    return f"{count} {one if count == 1 else many}"


@contextmanager
def _voice(console: Console) -> Iterator[Voice]:
    """Lines on ``console``; on a terminal also what passes, one at a time with the progress bar."""
    from ..workspace.build import Voice

    status = Status("", console=console)

    def line(text: str) -> None:
        status.stop()
        console.print(Text(visible(text).replace("\n", "\\n")), soft_wrap=True)

    def passing(text: str) -> None:
        # Only while git reports progress: at other times it may ask for a password on this terminal.
        if console.is_terminal and "% (" in text:
            status.update(Text(visible(text)))
            status.start()
        elif console.is_terminal:
            line(text)

    def progress(total: int) -> AbstractContextManager[Callable[[int], object]]:
        status.stop()
        return progress_bar(console)(total)

    try:
        yield Voice(line, passing, progress)
    finally:
        status.stop()
