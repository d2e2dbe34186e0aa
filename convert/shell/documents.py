"""Where text goes that a script writes: here-documents and the output of ``echo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import programs
from .code import RUN, TEXT, UNSURE, Code, descend
from .words import Word, command_words

if TYPE_CHECKING:
    from tree_sitter import Node

_SCRIPTS = (".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".sub", ".job", ".pbs")
_READ_SCRIPTS = frozenset({"sbatch", "qsub", "bsub", "su", "at", "batch", "ssh", "eval", "source", "."})


class Programs(Protocol):
    """Whatever tells which program a command runs in the end."""

    def program(self, words: list[Word]) -> tuple[str | None, int]:
        """Name and index of the program."""


def output_files(code: Code, command: Node) -> list[str]:
    """The files that the output of a command is written to."""
    parent = command.parent
    if parent is None or parent.type != "redirected_statement":
        return []
    return _targets(code, parent)


def _targets(code: Code, node: Node) -> list[str]:
    files = []
    for child in node.children:
        if child.type == "file_redirect" and any(part.type in (">", ">>", ">|", "&>") for part in child.children):
            target = child.child_by_field_name("destination")
            if target is not None:
                files.append(code.decode(target).text)
    return files


def piped_programs(code: Code, command: Node, script: Programs) -> set[str]:
    """The programs behind ``command`` in its pipeline."""
    parent = command.parent
    if parent is None or parent.type != "pipeline":
        return set()
    return _programs(code, [child for child in parent.children if child.start_byte > command.start_byte], script)


def _programs(code: Code, nodes: list[Node], script: Programs) -> set[str]:
    found = set()
    for node in nodes:
        for inner in descend(node):
            if inner.type == "command":
                found.add(script.program(command_words(code, inner))[0] or "")
    return found


def consumer(code: Code, redirect: Node, body: Node, script: Programs) -> tuple[str, str]:
    """What becomes of the here-document ``body``: verdict and reason as in :class:`.code.Code`."""
    statement = redirect.parent
    commands = [node for node in descend(statement) if node.type == "command"] if statement is not None else []
    before = [node for node in commands if node.start_byte < redirect.start_byte]
    first = before[-1:] if before else []
    names = _programs(code, first, script)
    names |= _programs(code, [node for node in redirect.children if node.type == "pipeline"], script)
    files = _targets(code, redirect)
    if statement is not None and statement.type == "redirected_statement":
        files += _targets(code, statement)
    for node in first:
        words = command_words(code, node)
        name, index = script.program(words)
        if name == "tee":
            files += [word.text for word in words[index + 1 :] if word.text[:1] != "-"]
    start = code.source(body).lstrip().partition("\n")[0]
    if names & (programs.SHELLS | _READ_SCRIPTS) or any(file.endswith(_SCRIPTS) for file in files):
        return RUN, ""
    if files and start.startswith("#!") and start.rstrip().endswith("sh"):
        return RUN, ""
    shown = ", ".join(file for file in files if file != "/dev/null")
    if any("." in file.rpartition("/")[2] for file in files):
        return TEXT, f"text that is written to {shown}"
    if shown:
        return UNSURE, f"text that is written to {shown}, which is not known to be a shell script"
    if names <= {"cat", "tee", *programs.PRINTING}:
        return TEXT, "text that is printed"
    program = ", ".join(sorted(names))
    return (TEXT if all(map(programs.is_python, names)) else UNSURE), f"text for {program}"
