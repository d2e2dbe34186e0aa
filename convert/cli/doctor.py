"""``ms-convert doctor [DIR]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..report.excerpts import visible
from .common import one_line_errors

_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}


def doctor(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Directory of the workspace.")] = Path("workspace"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Check whether this machine, this Python and a workspace have what a converted stack needs.

    One line for each check: Python, MindSpore, NumPy, SciPy; NPU, driver and CANN where there are any; packages that
    need the real PyTorch; another project's mindtorch; MPI; the workspace against its lock; PYTHONPATH; free disk.
    Neither MindSpore nor PyTorch is imported.

    Exit codes: 0 nothing is wrong, though there may be warnings; 1 something is; 2 an error.
    """
    from ..workspace.doctor import Machine, examine

    with one_line_errors():
        checks = examine(Machine(directory))
        wrong = any(check.status == "failure" for check in checks)
        if as_json:
            sys.stdout.write(json.dumps({"ok": not wrong, "checks": [check.as_json() for check in checks]}, indent=2))
            sys.stdout.write("\n")
        else:
            console = Console(highlight=False)
            width = max(len(check.name) for check in checks)
            for check in checks:
                text = Text(f"{check.status:7}", style=_STYLES[check.status])
                advice = f": {check.advice}" if check.advice else ""
                text.append(f"  {check.name:{width}}  {visible(check.found + advice)}", style="default")
                console.print(text, soft_wrap=True)
    raise typer.Exit(int(wrong))
