"""The words of a command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..edits import Span
from .code import Code, Decoded, descend

if TYPE_CHECKING:
    from tree_sitter import Node

_EXPANSIONS = ("simple_expansion", "expansion")


@dataclass(frozen=True, eq=False)
class Word:
    """One word as it stands in ``code``.

    ``site`` is the word of the command that was replaced by this one, when it comes from the value of a variable,
    ``owner``.
    """

    code: Code
    node: Node
    site: Word | None = None
    owner: str | None = None

    @cached_property
    def span(self) -> Span:
        """Where it stands in the file."""
        return self.code.span(self.node)

    @cached_property
    def decoded(self) -> Decoded:
        """It without quotes."""
        return self.code.decode(self.node)

    @property
    def text(self) -> str:
        """It without quotes; expansions as they are spelled."""
        return self.decoded.text

    @property
    def value(self) -> str | None:
        """What the shell makes of it; None if that shows at run time only."""
        return None if self.decoded.dynamic else self.decoded.text

    @cached_property
    def variable(self) -> str | None:
        """The variable whose value the word is, if it is nothing else."""
        node = self.node.children[0] if self.node.type == "command_name" and self.node.children else self.node
        if node.type == "string":
            inner = [child for child in node.children if child.type != '"']
            if len(inner) != 1 or self.code.source(inner[0]) != self.text:
                return None
            node = inner[0]
        return variable_of(self.code, node)

    @property
    def quoted(self) -> bool:
        """Whether it starts with a quote, so that the shell does not split it."""
        return self.code.source(self.node)[:1] in ("'", '"')

    @property
    def is_script(self) -> bool:
        """Whether it holds several words, as a string with code does."""
        return self.quoted and any(character.isspace() for character in self.text.strip())

    def tail(self, name: str) -> Span | None:
        """Where the last characters of the word, which are ``name``, stand in the file; None if quotes split them."""
        places = self.decoded.places[-len(name) :]
        if not places or places[-1] - places[0] != len(places) - 1:
            return None
        return Span(places[0], places[-1] + 1)


def variable_of(code: Code, node: Node) -> str | None:
    """The variable whose value (all elements, for an array) the expansion ``node`` stands for."""
    if node.type not in _EXPANSIONS:
        return None
    names = [child for child in node.children if child.type not in ("$", "${", "}")]
    if not names:
        return None
    name = names[0]
    if name.type == "subscript":
        inner = [child for child in name.children if child.is_named]
        if len(inner) != 2 or code.source(inner[1]) not in ("@", "*") or len(names) != 1:
            return None
        return code.source(inner[0])
    if name.type not in ("variable_name", "special_variable_name"):
        return None
    if len(names) == 1:
        return code.source(name)
    # ${NAME:-default}: the default is one more value of the variable, see default_of().
    return code.source(name) if code.source(names[1]) in (":-", "-", ":=", "=") else None


def default_of(node: Node) -> Node | None:
    """The default in ``${NAME:-default}``."""
    if node.type != "expansion":
        return None
    for index, child in enumerate(node.children):
        if child.type in (":-", "-", ":=", "=") and index + 2 < len(node.children):
            return node.children[index + 1]
    return None


def command_words(code: Code, command: Node) -> list[Word]:
    """Name and arguments of a command, without assignments and redirections."""
    skipped = ("variable_assignment", "file_redirect", "herestring_redirect", "heredoc_redirect", "ERROR", "(", ")")
    return [Word(code, node) for node in command.children if node.type not in skipped]


def array_words(code: Code, array: Node) -> list[Word]:
    """The elements of an array."""
    return [Word(code, node) for node in array.children if node.type not in ("(", ")", "comment", "ERROR")]


def expansions(code: Code, node: Node) -> Iterator[tuple[str, Node]]:
    """The variables that are expanded in ``node``, with the expansion."""
    for inner in descend(node):
        if inner.type in _EXPANSIONS:
            for child in inner.children:
                if child.type == "subscript" and child.children:
                    child = child.children[0]
                if child.type in ("variable_name", "special_variable_name"):
                    yield code.source(child), inner
                    break
