"""YAML with the place of every key and value, made from the events of PyYAML's parser.

Aliases are not expanded: what is below one is found, but not edited there, and stays one value in the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ..edits import Span
from ..errors import SourceError
from ..textfile import LINE_END
from .model import Child, Document, Key, Node

# Some ten seconds where PyYAML has its parser in C, and minutes where it does not.
_MOST_CHARACTERS = 2_000_000
_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Opaque:
    """A value that has no plain form: an alias, or one with a tag."""

    tag: str
    value: Any = None


def parse(text: str) -> Document:
    """Parse all documents of a YAML file. Raises :class:`SourceError` with the line if it is none."""
    if len(text) > _MOST_CHARACTERS:
        raise SourceError(f"{len(text)} characters; YAML files over {_MOST_CHARACTERS} are not parsed")
    try:
        composer = _Composer(text)
        documents = list(composer.documents())
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        raise SourceError(f"not valid YAML: {problem}", place.line + 1 if place else None) from error
    except yaml.reader.ReaderError as error:
        line = len(LINE_END.findall(text, 0, error.position)) + 1
        raise SourceError(f"not valid YAML: {error.reason}", line) from error
    except RecursionError as error:
        raise SourceError("not valid YAML: nested too deeply") from error
    root = Node(Span(0, len(text)), "block")
    root.children = {index: Child(index, node) for index, (node, _) in enumerate(documents)}
    return Document(text, root, [data for _, data in documents], has_documents=True)


_Value = tuple[Node, Any]


class _Composer:
    def __init__(self, text: str) -> None:
        self.text = text
        # The parser in C does not count byte order marks when it tells a place.
        loader = yaml.SafeLoader if "\ufeff" in text else _FAST_LOADER
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)
        self.event = next(self.events)
        self.anchors: dict[str, _Value] = {}
        self.loader: Any = yaml.SafeLoader("")
        self.plain: dict[str, Any] = {}

    def documents(self) -> Iterator[_Value]:
        self._advance()  # the start of the stream
        while not isinstance(self.event, yaml.StreamEndEvent):
            self._advance()
            self.anchors = {}
            value = self._value()
            self._advance()
            # An empty document (a comment after the last separator) has no place where a value could stand.
            yield value

    def _advance(self) -> yaml.Event:
        event = self.event
        if not isinstance(event, yaml.StreamEndEvent):
            self.event = next(self.events)
        return event

    def _value(self) -> _Value:
        event = self._advance()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            node, data = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node, data = self._collection(event, is_mapping=False)
        elif isinstance(event, yaml.MappingStartEvent):
            node, data = self._collection(event, is_mapping=True)
        else:
            raise SourceError("this form of YAML is not understood", _line(event))
        if event.tag is not None:
            node.fixed = f"has the tag {event.tag}"
            data = Opaque(event.tag, data) if node.style == "scalar" else data
        if event.anchor is not None:
            node.fixed = f"has the anchor &{event.anchor}"
            self.anchors[event.anchor] = node, data
        node.data = data
        return node, data

    def _alias(self, event: yaml.AliasEvent) -> _Value:
        name = event.anchor
        if name not in self.anchors:
            raise SourceError(f"not valid YAML: there is no anchor &{name} before the alias *{name}", _line(event))
        target, data = self.anchors[name]
        target.shared = f"is in &{name}, which *{name} stands for elsewhere; edit it by hand"
        target.fixed = f"has the anchor &{name}, which is used elsewhere; edit it by hand"
        node = Node(_span(event), "scalar", target.children, target.is_mapping)
        node.data = data
        node.shared = f"comes from the alias *{name}; edit it by hand"
        return node, Opaque("*" + name)

    def _scalar(self, event: yaml.ScalarEvent) -> _Value:
        span = _span(event)
        if event.style in ("|", ">"):
            span = Span(span.start, span.start + len(self.text[span.start : span.end].rstrip()))
        if event.tag is not None:
            return Node(span), event.value
        if not event.implicit[0]:
            return Node(span), event.value
        if event.value not in self.plain:
            self.plain[event.value] = self._plain(event)
        return Node(span), self.plain[event.value]

    def _plain(self, event: yaml.ScalarEvent) -> Any:
        """What a word without quotes stands for."""
        tag = self.loader.resolve(yaml.ScalarNode, event.value, (True, False))
        if tag == _MERGE:
            return event.value
        try:
            return self.loader.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, yaml.YAMLError) as error:
            message = f"not valid YAML: cannot read the value {event.value[:80]!r}"
            raise SourceError(message, _line(event)) from error

    def _collection(self, event: yaml.CollectionStartEvent, is_mapping: bool) -> _Value:
        start = _span(event).start
        node = Node(Span(start, start), "flow" if event.flow_style else "block", is_mapping=is_mapping)
        mapping: dict[str, Any] = {}
        sequence: list[Any] = []
        inherited: list[Node] = []
        end = _span(event).end
        while not isinstance(self.event, yaml.CollectionEndEvent):
            if is_mapping:
                child, key_is_merge = self._key()
                value, data = self._value()
                child.node = value
                mapping[str(child.key)] = data
                if key_is_merge:
                    inherited += _merged(value)
            else:
                value, data = self._value()
                child = Child(len(sequence), value)
                sequence.append(data)
            if child.key in node.children:
                node.twice.add(child.key)
            node.children[child.key] = child
            end = max(value.span.end, child.keys[0].end if child.keys else 0)
            if event.flow_style:
                rest = _SKIP.match(self.text, end)
                after = rest.end() if rest else end
                child.comma = after if self.text.startswith(",", after) else None
        closing = _span(self._advance())
        node.span = Span(start, closing.end if event.flow_style else end)
        _inherit(node, inherited)
        return node, mapping if is_mapping else sequence

    def _key(self) -> tuple[Child, bool]:
        """Read a key. Keys are known by their text: ``on`` and ``1`` are what they look like."""
        event = self.event
        node, _ = self._value()
        text = self.text[node.span.start : node.span.end]
        is_plain = isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag is None
        key: Key = event.value if isinstance(event, yaml.ScalarEvent) else text
        merges = isinstance(event, yaml.ScalarEvent) and key == "<<" and event.implicit[0]
        return Child(key, node, [node.span], is_plain=is_plain), merges


def _merged(value: Node) -> list[Node]:
    """The mappings that a merge key brings in."""
    return [value] if value.is_mapping else [child.node for child in value.children.values()]


def _inherit(node: Node, mappings: list[Node]) -> None:
    for mapping in mappings:
        for key, child in mapping.children.items():
            if key not in node.children:
                reason = "comes from a merge key (<<); edit it by hand"
                value = Node(child.node.span, "scalar", child.node.children, child.node.is_mapping, reason, reason)
                value.data = child.node.data
                node.children[key] = Child(key, value, is_inherited=True)


def _span(event: Any) -> Span:
    return Span(event.start_mark.index, event.end_mark.index)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
