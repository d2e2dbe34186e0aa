"""Shell code: the text of a script, or of a string or here-document in it that a shell runs, parsed.

Every place is told in the characters of the file, whatever the code was quoted with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..edits import Span

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

RUN, UNSURE, TEXT = "run", "unsure", "text"
# What a backslash takes the meaning from, in double quotes.
_ESCAPED_IN_QUOTES = '"$`\\'
# Each line that is taken out costs a parse of the whole text.
_MOST_TO_MEND, _MOST_LINES_TO_MEND = 20_000, 40
DYNAMIC = frozenset(
    {
        "simple_expansion",
        "expansion",
        "command_substitution",
        "arithmetic_expansion",
        "process_substitution",
        "brace_expression",
        "translated_string",
    }
)


class Decoded(NamedTuple):
    """What a word is after quotes and backslashes are gone; expansions are spelled as they are.

    ``places`` has the index in the file of each character. ``dynamic`` tells whether there are expansions.
    """

    text: str
    places: list[int]
    dynamic: bool


@cache
def _parser() -> Parser:
    import tree_sitter  # only for runs with shell rules
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


@dataclass(eq=False)
class Code:
    """Shell code. ``places`` has the index in the file of each character of ``text``, and of its end.

    ``verdict``: RUN if a shell runs the code, TEXT if it is printed, UNSURE with a ``reason`` if nobody knows.
    ``owner`` is the variable whose value the code is.
    """

    text: str
    places: Sequence[int]
    verdict: str = RUN
    reason: str = ""
    owner: str | None = None
    tree: Tree = field(init=False)
    # Lines that the parser was not shown since it did not understand them.
    masked: list[Span] = field(init=False)

    def __post_init__(self) -> None:
        self.tree, self.masked = mend(self.text)

    @cached_property
    def _characters(self) -> list[int] | None:
        """For each byte the index of its character; None if they are the same."""
        if self.text.isascii():
            return None
        characters: list[int] = []
        for index, character in enumerate(self.text):
            characters += [index] * len(character.encode())
        return [*characters, len(self.text)]

    def local(self, node: Node) -> Span:
        """Where ``node`` stands in ``text``."""
        if self._characters is None:
            return Span(node.start_byte, node.end_byte)
        return Span(self._characters[node.start_byte], self._characters[node.end_byte])

    def span(self, node: Node) -> Span:
        """Where ``node`` stands in the file."""
        start, end = self.local(node)
        return Span(self.places[start], self.places[end - 1] + 1 if end > start else self.places[start])

    def source(self, node: Node) -> str:
        """The text of ``node``."""
        start, end = self.local(node)
        return self.text[start:end]

    def document(self, body: Node, quoted: bool, verdict: str, reason: str) -> Code:
        """The code in a here-document; if its end mark is not ``quoted``, backslashes protect what else is expanded."""
        text: list[str] = []
        places: list[int] = []
        start, end = self.local(body)
        self._unescape(start, end, "" if quoted else "$`\\", text, places)
        return Code("".join(text), [*places, self.places[end]], verdict, reason)

    def decode(self, node: Node) -> Decoded:
        """What the word ``node`` is without its quotes."""
        text: list[str] = []
        places: list[int] = []
        dynamic = False
        stack = [node]
        while stack:
            part = stack.pop()
            start, end = self.local(part)
            if part.type == "command_name" or part.type == "concatenation":
                stack += reversed(part.children)
                continue
            escaped = ""
            if part.type == "string":
                start, end = start + 1, end - 1
                escaped = _ESCAPED_IN_QUOTES
                dynamic = dynamic or any(child.type in DYNAMIC for child in part.children)
            elif part.type == "raw_string":
                start, end = start + 1, end - 1
            elif part.type == "ansi_c_string":
                start, end = start + 2, end - 1
                dynamic = dynamic or "\\" in self.text[start:end]
            elif part.type == "word":
                escaped = "any"
            else:
                dynamic = dynamic or part.type in DYNAMIC
            self._unescape(start, end, escaped, text, places)
        return Decoded("".join(text), places, dynamic)

    def _unescape(self, start: int, end: int, escaped: str, text: list[str], places: list[int]) -> None:
        if not escaped or "\\" not in self.text[start:end]:
            text.append(self.text[start:end])
            places += self.places[start:end]
            return
        index = start
        while index < end:
            if self.text[index] == "\\" and index + 1 < end and escaped:
                following = self.text[index + 1]
                if escaped == "any" or following in escaped:
                    index += 1
            text.append(self.text[index])
            places.append(self.places[index])
            index += 1

    def code_of(
        self, node: Node, verdict: str = RUN, reason: str = "", skip: int = 0, owner: str | None = None
    ) -> Code:
        """The code that the word ``node`` holds after its first ``skip`` characters."""
        decoded = self.decode(node)
        end = decoded.places[-1] + 1 if decoded.places else self.span(node).end
        return Code(decoded.text[skip:], [*decoded.places[skip:], end], verdict, reason, owner)


def parse(text: str) -> Tree:
    """The syntax tree of shell code."""
    return _parser().parse(text.encode())


def mend(text: str) -> tuple[Tree, list[Span]]:
    """The tree of ``text`` without the lines that are no shell code, such as ``PATH=<path of your data>``, and these.

    One such line can make the parser lose its way for the rest of the file. A line with a quote that it does not close
    is never taken out, since what follows would change its meaning.
    """
    tree = parse(text)
    masked: list[Span] = []
    if not tree.root_node.has_error or len(text) > _MOST_TO_MEND:
        return tree, masked
    lines = text.split("\n")
    row = -1
    for _ in range(_MOST_LINES_TO_MEND):
        first = _first_error(tree)
        if first is None or first < row or not _may_go(lines[first]):
            break
        row = first
        start = sum(len(line) + 1 for line in lines[:row])
        masked.append(Span(start, start + len(lines[row])))
        lines[row] = "".join(" " * len(character.encode()) for character in lines[row])
        tree = _parser().parse("\n".join(lines).encode())
    return tree, masked


def _first_error(tree: Tree) -> int | None:
    """The row of the first place that the parser did not understand."""
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            return int(node.start_point[0])
        stack += (child for child in reversed(node.children) if child.has_error or child.is_missing)
    return None


def _may_go(line: str) -> bool:
    quotes = line.count('"') - line.count('\\"'), line.count("'") - line.count("\\'"), line.count("`")
    return bool(line.strip()) and "<<" not in line and not any(count % 2 for count in quotes)


def descend(node: Node) -> Iterator[Node]:
    """``node`` and all below it in order of place. What the parser did not understand is not entered."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if current.type != "ERROR":
            stack += reversed(current.children)


def errors(tree: Tree) -> int:
    """How many places of ``tree`` the parser did not understand."""
    if not tree.root_node.has_error:
        return 0
    count = 0
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        count += node.is_error or node.is_missing
        stack += (child for child in node.children if child.has_error or child.is_missing)
    return count
