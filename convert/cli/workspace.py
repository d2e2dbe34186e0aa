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
        bool, typer.Option("--from-pypi", help="Take sources from PyPI (with pip) where upstream publishes them there.")
    ] = False,
    jobs: JobsOption = None,
) -> None:
    """Clone the repositories of a stack at the commits that it pins, convert them, and write env.sh.

    What is there already stays: a second run changes nothing, and one after an interruption goes on. A directory with
    the name of a repository that is something else (another remote, another commit, local changes) is an error, and is
    not touched. Proxy and credentials are those of git. stdout has the path of env.sh, everything else goes to stderr.

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
        voice.line(f"set the environment with: source {shlex.quote(str(environment))}")
        if not sys.stdout.isatty():
            print(environment)


@contextmanager
def _voice(console: Console) -> Iterator[Voice]:
    """Lines on ``console``; on a terminal also what passes, one at a time with the progress bar."""
    from ..workspace.build import Voice

    status = Status("", console=console)

    def line(text: str) -> None:
        status.stop()
        console.print(Text(visible(text).replace("\n", "\\n")), soft_wrap=True)

    def passing(text: str) -> None:
        if console.is_terminal:
            status.update(Text(visible(text)))
            status.start()

    def progress(total: int) -> AbstractContextManager[Callable[[int], object]]:
        status.stop()
        return progress_bar(console)(total)

    try:
        yield Voice(line, passing, progress)
    finally:
        status.stop()
