"""The variables of a script: what is assigned to them, and what they are used for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .code import Code
from .words import Word, array_words, command_words

if TYPE_CHECKING:
    from tree_sitter import Node

# What a use of a variable is: the value is run, shown to people, or means something to a program.
RUN_USE, TEXT_USE, DATA_USE = "run", "text", "data"
_VALUES = frozenset(
    {
        "word",
        "number",
        "string",
        "raw_string",
        "ansi_c_string",
        "concatenation",
        "array",
        "simple_expansion",
        "expansion",
    }
)


@dataclass(eq=False)
class Value:
    """What one assignment gives a variable. ``start`` is its place in the file; it may be ``appended`` (``+=``)."""

    code: Code
    node: Node
    appended: bool
    start: int
    _words: list[Word] | None = None
    _inner: Code | None = None

    def inner(self, owner: str) -> Code | None:
        """The value as code; None for an array, whose elements are words already."""
        if self._inner is None and self.node.type != "array":
            self._inner = self.code.code_of(self.node, owner=owner)
        return self._inner

    def first_command(self, owner: str) -> Node | None:
        """The first command of the value as code."""
        inner = self.inner(owner)
        node = inner.tree.root_node if inner else None
        while node is not None and node.type not in ("command", "declaration_command"):
            named = [child for child in node.named_children if child.type not in ("comment", "variable_assignment")]
            node = named[0] if named else None
        return node

    def words(self, owner: str) -> list[Word]:
        """The words that the value becomes when a shell splits it."""
        if self._words is None:
            inner = self.inner(owner)
            first = self.first_command(owner)
            if inner is None:
                self._words = array_words(self.code, self.node)
            else:
                self._words = command_words(inner, first) if first is not None and first.type == "command" else []
        return self._words


@dataclass
class Variables:
    """By name: the values in order of place, and what the uses of the variable are, by place."""

    values: dict[str, list[Value]] = field(default_factory=lambda: defaultdict(list))
    uses: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    def assign(self, name: str, code: Code, node: Node | None, appended: bool = False) -> None:
        """Note the value ``node`` of an assignment."""
        if node is None or node.type not in _VALUES:
            return
        start = code.span(node).start
        known = self.values[name]
        if all(value.start != start for value in known):
            known.append(Value(code, node, appended, start))

    def alternatives(self, name: str, before: int | None = None) -> list[tuple[str, list[Word]]]:
        """The words that the variable may stand for; ``before`` leaves out later assignments. Owner and words each."""
        values = [v for v in self.values.get(name, ()) if before is None or v.start < before]
        added = [word for value in values if value.appended for word in value.words(name)]
        bases: Sequence[list[Word]] = [value.words(name) for value in values if not value.appended]
        found = [[*base, *added] for base in bases or ([[]] if added else [])]
        return [(name, words) for words in found if words]

    def use(self, name: str, place: int, role: str) -> None:
        """Note a use; that a value is run weighs most."""
        if self.uses[name].get(place) != RUN_USE:
            self.uses[name][place] = role

    def roles(self, name: str) -> set[str]:
        """What the variable is used for."""
        return set(self.uses.get(name, {}).values())
