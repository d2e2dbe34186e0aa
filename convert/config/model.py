"""What the formats have in common: a tree of values with their places in the text, and changes to be made in it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..edits import Span

Key = str | int
Path = tuple[Key, ...]


class CannotEdit(Exception):
    """A change that cannot be made in this place; the message is the reason, for the user."""


@dataclass(eq=False, slots=True)
class Node:
    """A value at ``span``.

    ``style``: ``scalar``; ``flow`` (brackets and commas); ``block`` (YAML by indentation); ``spread`` (a TOML table
    made of statements and sections; its span is empty); ``dotted`` (the same inside an inline table). ``fixed`` says
    why the value itself is not to be edited, ``shared`` why nothing in it is. ``twice`` are keys given more than once.
    ``data`` (YAML only) is the plain value, of an alias that of what it stands for.
    """

    span: Span
    style: Literal["scalar", "flow", "block", "spread", "dotted"] = "scalar"
    children: dict[Key, Child] = field(default_factory=dict)
    is_mapping: bool = False
    fixed: str = ""
    shared: str = ""
    twice: set[Key] = field(default_factory=set)
    data: Any = None


@dataclass(eq=False, slots=True)
class Child:
    """An entry of a mapping or an item of a sequence.

    ``keys``: where the key is spelled (a TOML key may be in several places). ``parts``: the statements and sections
    that make it up where there are no commas. ``comma``: index of the comma after it, in flow style. ``is_plain``: the
    key is spelled in a way that can be replaced. ``is_inherited``: it stands elsewhere and only counts as one here.
    """

    key: Key
    node: Node
    keys: list[Span] = field(default_factory=list)
    parts: list[Span] = field(default_factory=list)
    comma: int | None = None
    is_plain: bool = True
    is_inherited: bool = False

    @property
    def start(self) -> int:
        """Where the entry starts: at its key, if it has one."""
        return self.keys[0].start if self.keys else self.node.span.start

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.node.span.end


@dataclass(frozen=True)
class Document:
    """A parsed file: its text, the tree of places, and the same as plain data.

    If it ``has_documents``, the tree is the list of these.
    """

    text: str
    root: Node
    data: Any
    has_documents: bool = False

    def value(self, path: Path) -> Any:
        """The plain value at ``path``."""
        return locate(self.root, path)[1].node.data if self.has_documents else value_at(self.data, path)


@dataclass(frozen=True)
class Set:
    """The value at ``path`` becomes ``value``."""

    path: Path
    value: Any


@dataclass(frozen=True)
class Remove:
    """The entry at ``path`` goes."""

    path: Path


@dataclass(frozen=True)
class Rename:
    """The key at the end of ``path`` becomes ``key``; value and order stay."""

    path: Path
    key: str


Change = Set | Remove | Rename


def walk(root: Node, pattern: Sequence[Key]) -> Iterator[Path]:
    """The paths that fit ``pattern``, in which ``*`` stands for any key or index."""

    def down(node: Node, depth: int, path: Path) -> Iterator[Path]:
        if depth == len(pattern):
            yield path
            return
        wanted = pattern[depth]
        if wanted == "*":
            for key, child in node.children.items():
                yield from down(child.node, depth + 1, (*path, key))
            return
        key = _key(node, wanted)
        if key in node.children:
            yield from down(node.children[key].node, depth + 1, (*path, key))

    return down(root, 0, ())


def _key(node: Node, wanted: Key) -> Key:
    """``wanted`` as a key of ``node``: digits are an index in a sequence and text in a mapping."""
    if node.is_mapping:
        return str(wanted)
    return int(wanted) if isinstance(wanted, str) and wanted.isascii() and wanted.isdigit() else wanted


def locate(root: Node, path: Path) -> tuple[Node, Child]:
    """The container and the entry at ``path``, which has at least one part."""
    node = root
    for key in path[:-1]:
        node = node.children[key].node
    return node, node.children[path[-1]]


def value_at(data: Any, path: Path) -> Any:
    """The value at ``path`` in plain data."""
    for key in path:
        data = data[key]
    return data


def expected(data: Any, changes: Sequence[Change]) -> Any:
    """A copy of ``data`` with ``changes`` made; all paths are those before any change."""
    data = copy.deepcopy(data)
    # The last first, and the inner before the outer: what is done does not move what is still to be done.
    for change in sorted(changes, key=_order_of_change, reverse=True):
        holder = value_at(data, change.path[:-1])
        last = change.path[-1]
        if isinstance(change, Set):
            holder[last] = copy.deepcopy(change.value)
        elif isinstance(change, Remove):
            del holder[last]
        else:
            entries = list(holder.items())
            holder.clear()
            holder.update((change.key if key == last else key, value) for key, value in entries)
    return data


def _order_of_change(change: Change) -> tuple[list[tuple[int, str]], bool]:
    path = [(key, "") if isinstance(key, int) else (0, key) for key in change.path]
    return path, not isinstance(change, Rename)


def same(first: Any, second: Any, *, ordered: bool = True) -> bool:
    """Whether two plain values are equal in type, value and (if ``ordered``) order of keys; NaN equals NaN."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        if first.keys() != second.keys() or (ordered and list(first) != list(second)):
            return False
        return all(same(value, second[key], ordered=ordered) for key, value in first.items())
    if isinstance(first, list):
        return len(first) == len(second) and all(
            same(*pair, ordered=ordered) for pair in zip(first, second, strict=True)
        )
    return bool(first == second or (first != first and second != second))
