"""Changes in a configuration file as edits of its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..edits import Span
from ..errors import SourceError
from . import block, flow, json, toml, yaml, yaml_write
from .model import CannotEdit, Change, Child, Document, Node, Path, Remove, Set, expected, locate, same

# The index of the change that an edit is for, the span that is replaced, and the new text.
Replacement = tuple[int, Span, str]


@dataclass(frozen=True)
class Format:
    """How a file format is read and written. ``drops_empty``: a container that loses its last entry may go."""

    parse: Callable[[str], Document]
    write_key: Callable[[str, str], str]
    write_value: Callable[[str, Any], str]
    drops_empty: bool = False


_YAML = Format(yaml.parse, yaml_write.write_key, yaml_write.write_value)
FORMATS = {
    "yaml": _YAML,
    "yml": _YAML,
    "json": Format(json.parse, json.write_key, json.write_value),
    "toml": Format(toml.parse, toml.write_key, toml.write_value, drops_empty=True),
}


def check(document: Document, change: Change) -> None:
    """Raise :class:`CannotEdit` if ``change`` cannot be made because of where or what the entry is."""
    node = document.root
    for key in change.path:
        if node.shared:
            raise CannotEdit(node.shared)
        if key in node.twice:
            raise CannotEdit(f"the key {key} is given twice; edit it by hand")
        child = node.children[key]
        container, node = node, child.node
    if child.is_inherited:
        raise CannotEdit(node.fixed)
    if isinstance(change, Set):
        if node.fixed:
            raise CannotEdit(node.fixed)
        if node.style in ("spread", "dotted"):
            raise CannotEdit("is a table made of several statements; set the keys in it")
    elif isinstance(change, Remove):
        if container.style == "dotted" or node.style == "dotted":
            raise CannotEdit("is a part of dotted keys in an inline table; edit it by hand")
    elif not container.is_mapping:
        raise CannotEdit("is an item of a list and has no key")
    elif change.key in container.children:
        raise CannotEdit(f"there is a key {change.key} already")
    elif not child.is_plain:
        raise CannotEdit("the key has an anchor, an alias or a tag; edit it by hand")


def replacements(document: Document, form: Format, changes: Sequence[Change]) -> list[Replacement]:
    """The edits that make all ``changes``, each of which has been checked. Raises :class:`CannotEdit`."""
    found: list[Replacement] = []
    removed: dict[Path, dict[Child, int]] = {}
    for index, change in enumerate(changes):
        _, child = locate(document.root, change.path)
        if isinstance(change, Remove):
            removed.setdefault(change.path[:-1], {})[child] = index
        elif isinstance(change, Set):
            span, blank = block.value_place(document.text, child.node)
            old = document.text[child.node.span.start : child.node.span.end]
            found.append((index, span, blank + form.write_value(old, change.value)))
        else:
            found += [(index, span, form.write_key(document.text[slice(*span)], change.key)) for span in child.keys]
    for children in removed.values():
        container, _ = locate(document.root, changes[next(iter(children.values()))].path)
        found += _removals(document.text, container, children)
    return sorted(found, key=lambda item: item[1])


def _removals(text: str, container: Node, children: dict[Child, int]) -> Iterator[Replacement]:
    if container.style == "flow":
        for child, span in flow.removals(text, container, children):
            yield children[child], span, ""
    elif container.style == "block":
        for child, span, new in block.removals(text, container, children):
            yield children[child], span, new
    else:
        for child, index in children.items():
            for span in child.parts:
                yield index, span, ""


def check_result(document: Document, form: Format, changes: Sequence[Change], text: str) -> None:
    """Raise :class:`CannotEdit` unless ``text`` has the data of ``document`` with ``changes`` made."""
    try:
        data = form.parse(text).data
    except SourceError as error:
        raise CannotEdit(f"cannot be edited here ({error.reason}); edit it by hand") from error
    wanted = expected(document.data, changes)
    if form.drops_empty and any(isinstance(change, Remove) for change in changes):
        wanted, data = _without_empty(wanted), _without_empty(data)
    if not same(wanted, data):
        raise CannotEdit("the file would not have the right values after this edit; edit it by hand")


def _without_empty(data: Any) -> Any:
    if isinstance(data, dict):
        entries = ((key, _without_empty(value)) for key, value in data.items())
        return {key: value for key, value in entries if value not in ({}, [])}
    if isinstance(data, list):
        return [_without_empty(value) for value in data]
    return data
