"""Variables that hold a launcher and that no command of the script runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import programs
from .code import RUN, TEXT, UNSURE, Code
from .reading import Reader
from .variables import DATA_USE, RUN_USE, TEXT_USE
from .words import Word, command_words

if TYPE_CHECKING:
    from tree_sitter import Node

# Variables that are part of the value of others; what takes more steps is no script that a person wrote.
_STEPS = 12


def note_uses(reader: Reader) -> None:
    """Note what the uses of variables are that are not run."""
    variables = reader.variables
    parts: list[tuple[str, int, str]] = []
    printing: dict[tuple[int, int], bool] = {}
    for code, node, name in reader.expansions:
        place = code.span(node).start
        role, target = _role(reader, code, node, printing)
        if target is not None:
            parts.append((name, place, target))
        elif role is not None:
            variables.use(name, place, role)
    for _ in range(_STEPS):
        for name, place, target in parts:
            if target != name and DATA_USE in variables.roles(target):
                variables.use(name, place, DATA_USE)


def _role(
    reader: Reader, code: Code, node: Node, printing: dict[tuple[int, int], bool]
) -> tuple[str | None, str | None]:
    """What the expansion is for (None: nothing that matters), or the variable that it becomes part of."""
    current = node.parent
    while current is not None:
        if current.type == "variable_assignment":
            name = current.child_by_field_name("name")
            return (DATA_USE, None) if name is None else (None, code.source(name))
        if current.type == "command":
            key = (id(code), current.id)
            if key not in printing:  # commands can be long
                printing[key] = reader.wrappers.program(command_words(code, current))[0] in programs.PRINTING
            return (TEXT_USE if printing[key] else DATA_USE), None
        if current.type == "unary_expression":
            return None, None  # whether it is empty, which it stays
        if current.type in ("file_redirect", "heredoc_body"):
            return TEXT_USE, None
        current = current.parent
    return DATA_USE, None


def values_not_run(reader: Reader) -> Iterator[tuple[list[Word], Code, bool]]:
    """Values that may start with a launcher and that no command here runs.

    Gives the words, their code with the verdict about them, and whether that is code of its own.
    """
    for name, values in list(reader.variables.values.items()):
        roles = reader.variables.roles(name)
        if RUN_USE in roles:
            continue
        for value in values:
            words = value.words(name)
            if words and reader.names.mentioned(value.code.source(value.node)):
                verdict, reason = _judge(name, len(words), roles)
                inner = value.inner(name)
                code = inner or Code("", [value.start], owner=name)
                code.verdict, code.reason = verdict, reason
                yield words, code, inner is not None


def _judge(name: str, words: int, roles: set[str]) -> tuple[str, str]:
    """What to do with a value that starts like a command and is not run in the file."""
    if words == 1:
        if not roles:
            return UNSURE, f"nothing in this file runs ${name}; change it by hand if another one does"
        return TEXT, f"${name} is not run, it is data"
    if not roles:
        return RUN, ""
    if DATA_USE in roles:
        return UNSURE, f"${name} is not run in this file but given to something that may run it"
    return TEXT, f"${name} is only printed"
