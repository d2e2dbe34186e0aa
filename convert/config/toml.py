"""TOML with the place of every key and value.

``tomllib`` says whether a file is TOML and what its values are; the scanner here walks over text that is known to be
valid and only has to find where things are.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from ..edits import Span
from ..errors import SourceError
from ..textfile import LINE_END
from .model import CannotEdit, Child, Document, Key, Node

_AT = re.compile(r"\(at line (\d+),")
_SKIP_BLANKS = re.compile(r"[ \t]*")
_SKIP_ALL = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OTHER_VALUE = re.compile(r"[^,\]}#\r\n]+")
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\Z)")


def loads(text: str) -> dict[str, Any]:
    """The plain data of a TOML file. Raises :class:`SourceError` with the line if it is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        raise SourceError(f"not valid TOML: {str(error).partition(' (at')[0]}", int(at[1]) if at else None) from error
    except ValueError as error:  # a number of thousands of digits
        raise SourceError(f"not valid TOML: {error}") from error
    except RecursionError as error:
        raise SourceError("not valid TOML: nested too deeply") from error


def parse(text: str) -> Document:
    """Parse a TOML file. Raises :class:`SourceError` with the line if it is none."""
    data = loads(text)
    try:
        return Document(text, _Scanner(text).document(), data)
    except RecursionError as error:
        raise SourceError("nested too deeply") from error


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Node:
        root = Node(Span(0, 0), "spread", is_mapping=True)
        table, section, section_of = root, Span(0, 0), list[Child]()
        while True:
            self._skip(_SKIP_ALL)
            if self.at == len(self.text):
                break
            start = self._line_start(self.at)
            if self._next() == "[":
                self._close(section_of, section)
                table, section_of = self._header(root)
                section = Span(start, self._line_end())
            else:
                section = Span(section.start, self._statement(table))
        self._close(section_of, section)
        return root

    @staticmethod
    def _close(children: list[Child], section: Span) -> None:
        for child in children:
            child.parts.append(section)

    def _header(self, root: Node) -> tuple[Node, list[Child]]:
        """Read ``[a.b]`` or ``[[a.b]]``: the table that follows, and the entries that it is a part of."""
        is_array = self.text.startswith("[[", self.at)
        self.at += 1 + is_array
        node, passed = root, list[Child]()
        names = self._key()
        self.at += 1 + is_array
        for number, (name, span) in enumerate(names):
            is_new_item = is_array and number == len(names) - 1
            child = node.children.get(name)
            if child is None:
                child = Child(name, Node(Span(0, 0), "spread", is_mapping=not is_new_item))
                node.children[name] = child
            child.keys.append(span)
            passed.append(child)
            node = child.node
            if not node.is_mapping:
                if is_new_item:
                    index = len(node.children)
                    node.children[index] = Child(index, Node(Span(0, 0), "spread", is_mapping=True))
                last = list(node.children.values())[-1]
                passed.append(last)
                node = last.node
        return node, passed

    def _statement(self, table: Node) -> int:
        """Read ``a.b = value`` with the rest of its line; returns where that ends."""
        start = self._line_start(self.at)
        passed = self._entry(table, "spread")
        end = self._line_end()
        for child in passed:
            child.parts.append(Span(start, end))
        return end

    def _entry(self, table: Node, style: str) -> list[Child]:
        passed: list[Child] = []
        node = table
        names = self._key()
        self.at += 1  # the equals sign
        self._skip(_SKIP_BLANKS)
        value = self._value()
        for number, (name, span) in enumerate(names):
            child = node.children.get(name)
            if child is None:
                between = Node(Span(0, 0), "spread" if style == "spread" else "dotted", is_mapping=True)
                child = Child(name, value if number == len(names) - 1 else between)
                node.children[name] = child
            child.keys.append(span)
            passed.append(child)
            node = child.node
        return passed

    def _key(self) -> list[tuple[str, Span]]:
        """Read a dotted key, and the blanks around it."""
        names: list[tuple[str, Span]] = []
        while True:
            self._skip(_SKIP_BLANKS)
            start = self.at
            if self._next() in "\"'":
                self._skip(_STRING)
                name = loads(f"k = {self.text[start : self.at]}")["k"]
            else:
                self._skip(_BARE_KEY)
                name = self.text[start : self.at]
            names.append((name, Span(start, self.at)))
            self._skip(_SKIP_BLANKS)
            if self._next() != ".":
                return names
            self.at += 1

    def _value(self) -> Node:
        start = self.at
        opening = self._next()
        if opening in "[{":
            return self._flow(start, opening == "{")
        self._skip(_STRING if opening in "\"'" else _OTHER_VALUE)
        end = start + len(self.text[start : self.at].rstrip(" \t"))
        self.at = end
        return Node(Span(start, end))

    def _flow(self, start: int, is_mapping: bool) -> Node:
        node = Node(Span(start, start), "flow", is_mapping=is_mapping)
        self.at += 1
        self._skip(_SKIP_ALL)
        while self._next() not in "]}":
            if is_mapping:
                child = self._entry(node, "dotted")[0]
            else:
                child = Child(len(node.children), self._value())
                node.children[child.key] = child
            self._skip(_SKIP_ALL)
            if self._next() == ",":
                child.comma = self.at
                self.at += 1
                self._skip(_SKIP_ALL)
        self.at += 1
        node.span = Span(start, self.at)
        return node

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is None:  # tomllib and this scanner disagree about the text
            line = len(LINE_END.findall(self.text, 0, self.at)) + 1
            raise SourceError("this form of TOML is not understood", line)
        self.at = match.end()

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self) -> int:
        self._skip(_REST_OF_LINE)
        return self.at


def write_key(old: str, key: str) -> str:
    """``key`` as it is written where ``old`` was."""
    if old[:1] not in "\"'" and _BARE_KEY.fullmatch(key):
        return key
    return _string(old, key)


def write_value(old: str, value: Any) -> str:
    """``value`` as TOML; a string with the quotes that ``old`` has. Raises :class:`CannotEdit` for null."""
    if isinstance(value, str):
        return _string(old, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(write_value(old, item) for item in value)}]"
    if isinstance(value, dict):
        entries = ", ".join(f"{write_key('', _text(key))} = {write_value(old, item)}" for key, item in value.items())
        return f"{{ {entries} }}" if entries else "{}"
    raise CannotEdit("TOML has no null" if value is None else f"TOML cannot hold {value!r} from a rule")


def _text(key: Key) -> str:
    return str(key)


def _string(old: str, value: str) -> str:
    # A literal string can hold no control character but the tab.
    if old.startswith("'") and "'" not in value and not _CONTROL.search(value):
        return f"'{value}'"
    # JSON's escapes are TOML's too, but for DEL, and for surrogate pairs, which ensure_ascii would write.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
