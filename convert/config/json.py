"""JSON with the place of every key and value.

The parser of the standard library says whether a file is JSON and what its values are; the scanner here walks over text
that is known to be valid and only has to find where things are.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..edits import Span
from ..errors import SourceError
from ..textfile import LINE_END
from .model import CannotEdit, Child, Document, Node

_SKIP = re.compile(r"[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OTHER_VALUE = re.compile(r"[^\s,\]}]+")


def parse(text: str) -> Document:
    """Parse a JSON file. Raises :class:`SourceError` with the line if it is none."""
    try:
        data = json.loads(text)
        return Document(text, _Scanner(text).value(), data)
    except json.JSONDecodeError as error:
        line = len(LINE_END.findall(text, 0, error.pos)) + 1
        what = "comments are not JSON" if text.startswith(("//", "/*"), error.pos) else error.msg
        raise SourceError(f"not valid JSON: {what}", line) from error
    except ValueError as error:  # a number of thousands of digits
        raise SourceError(f"not valid JSON: {error}") from error
    except RecursionError as error:
        raise SourceError("not valid JSON: nested too deeply") from error


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._skip(_SKIP)

    def value(self) -> Node:
        start = self.at
        opening = self.text[start]
        if opening not in "[{":
            self._skip(_STRING if opening == '"' else _OTHER_VALUE)
            return Node(Span(start, self.at))
        node = Node(Span(start, start), "flow", is_mapping=opening == "{")
        self.at += 1
        self._skip(_SKIP)
        while self.text[self.at] not in "]}":
            child = self._entry() if node.is_mapping else Child(len(node.children), self.value())
            self._skip(_SKIP)
            if self.text[self.at] == ",":
                child.comma = self.at
                self.at += 1
                self._skip(_SKIP)
            if child.key in node.children:
                node.twice.add(child.key)
            node.children[child.key] = child
        self.at += 1
        node.span = Span(start, self.at)
        return node

    def _entry(self) -> Child:
        start = self.at
        self._skip(_STRING)
        key = Span(start, self.at)
        self._skip(_COLON)
        return Child(json.loads(self.text[key.start : key.end]), self.value(), [key])

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is None:  # the two parsers disagree about the text
            line = len(LINE_END.findall(self.text, 0, self.at)) + 1
            raise SourceError("this form of JSON is not understood", line)
        self.at = match.end()


def write_key(old: str, key: str) -> str:
    """``key`` as JSON, with escapes for other alphabets if ``old`` has such."""
    return _dumps(old, key)


def write_value(old: str, value: Any) -> str:
    """``value`` as JSON in one line. Raises :class:`CannotEdit` for infinity and NaN."""
    if _has_infinity(value):
        raise CannotEdit("JSON has no infinity and no NaN")
    return _dumps(old, value)


def _dumps(old: str, value: Any) -> str:
    text = json.dumps(value, ensure_ascii="\\u" in old)
    # Half a surrogate pair cannot be written but as an escape.
    return json.dumps(value) if any("\ud800" <= character <= "\udfff" for character in text) else text


def _has_infinity(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return any(map(_has_infinity, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)
