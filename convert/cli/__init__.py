"""The command ``ms-convert``."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .convert import convert
from .doctor import doctor
from .explain import explain
from .group import DefaultGroup
from .rules import app as rules
from .scan import scan
from .workspace import lock, workspace

_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    cls=DefaultGroup,
    context_settings=_HELP,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        print(f"ms-convert {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Convert PyTorch training stacks so that they run on MindSpore."""


app.command(context_settings=_HELP, short_help="Convert a tree; what ms-convert does without a command.")(convert)
app.command(context_settings=_HELP, short_help="Tell what a tree uses of PyTorch, and what of it is lacking.")(scan)
app.command(context_settings=_HELP, short_help="Explain a rule, or whether an API is supported.")(explain)
app.command(context_settings=_HELP, short_help="Clone and convert the repositories of a stack.")(workspace)
app.command(context_settings=_HELP, short_help="Write down what a workspace is made of; compare; carry it along.")(lock)
app.command(context_settings=_HELP, short_help="Check machine, Python and workspace.")(doctor)
app.add_typer(rules, name="rules")


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="ms-convert")
