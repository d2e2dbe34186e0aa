"""The file ``env.sh`` of a workspace: what the converted stack needs, for every shell that has POSIX syntax."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from .stack import Stack

NAME = "env.sh"


def python_path(stack: Stack, directory: Path, names: Iterable[str]) -> list[Path]:
    """The directories that go on PYTHONPATH, for those repositories of ``stack`` that ``names`` has."""
    present = set(names)
    return [
        (directory / repository.name / path).resolve()
        for repository in stack.repositories
        if repository.name in present
        for path in repository.python_path
    ]


def environment_script(stack: Stack, directory: Path, names: Iterable[str]) -> bytes:
    """The text of ``env.sh``.

    It may be sourced again and again. Variables that are set already keep their values; the workspace comes first on
    PYTHONPATH. It works under ``set -u`` and ``set -e``, and leaves no other variable behind.
    """
    lines = [
        "# Written by ms-convert workspace, which writes it anew: do not edit.",
        f"# Source it:  source {shlex.quote(str(directory / NAME))}",
        f"_ms_convert_path={shlex.quote(':'.join(map(str, python_path(stack, directory, names))))}",
        'case "${PYTHONPATH-}:" in',
        '  "$_ms_convert_path:"*) ;;',
        '  *) PYTHONPATH="$_ms_convert_path${PYTHONPATH:+:$PYTHONPATH}" ;;',
        "esac",
        "export PYTHONPATH",
        "unset _ms_convert_path",
    ]
    for name, value in stack.environment.items():
        lines.append(f'if [ -z "${{{name}+set}}" ]; then export {name}={shlex.quote(value)}; else export {name}; fi')
    return ("\n".join(lines) + "\n").encode()
