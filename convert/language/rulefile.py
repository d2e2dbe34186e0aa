"""YAML with the line of every value, checked against the rule schema.

Reads a small, safe part of YAML: no tags, no anchors (so no alias bombs), no duplicate keys, at most 1 MB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..caching import Known
from ..errors import ConvertError, Mark, RuleError

RULES_PACKAGE = "ms_convert.rules"
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 50
# The one in C is ten times faster; it is missing where PyYAML was built without libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = yaml.SafeLoader("")
_Path = tuple["str | int", ...]


@dataclass(frozen=True)
class Document:
    """A rule file: plain data, where each part of it stands, and a hash of its bytes."""

    file: str
    data: Any
    marks: dict[_Path, Mark]
    digest: str = ""

    def mark(self, path: Iterable[str | int]) -> Mark:
        """The place of the value at ``path``, or of the innermost thing around it."""
        path = tuple(path)
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(self.file, 1))


def read_document(file: str, raw: bytes) -> Document:
    """Parse one rule file and check it against the schema. Raises :class:`RuleError` with ``file:line``."""
    document = _parse(file, raw)
    known = Known(f"{document.digest} {hashlib.sha256(schema_bytes()).hexdigest()}")
    if known:
        return document
    errors = sorted(_validator().iter_errors(document.data), key=lambda error: _urgency(document, error))
    if errors:
        raise RuleError(*_explain(document, errors[0]))
    known.remember()
    return document


def _parse(file: str, raw: bytes) -> Document:
    if len(raw) > _MAX_BYTES:
        raise RuleError(Mark(file, 1), f"rule file of {len(raw)} bytes; the limit is {_MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig")
        _check_events(file, text)
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise RuleError(Mark(file, raw.count(b"\n", 0, error.start) + 1), "not valid UTF-8") from error
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        raise RuleError(Mark(file, place.line + 1 if place else 1), f"not valid YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise RuleError(Mark(file, 1), f"not valid YAML: {error}") from error
    if node is None:
        raise RuleError(Mark(file, 1), "the rule file is empty; see docs/rules.md for what belongs in it")
    marks: dict[_Path, Mark] = {}
    data = _construct(file, node, (), marks)
    return Document(file, data, marks, hashlib.sha256(raw).hexdigest())


def _check_events(file: str, text: str) -> None:
    """Raise :class:`RuleError` for what is not allowed, before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        anchor = getattr(event, "anchor", None)
        if anchor:
            raise RuleError(Mark(file, line), f"anchors and aliases (&, *) are not allowed: write '{anchor}' out")
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _MAX_DEPTH:
                raise RuleError(Mark(file, line), "nested too deeply")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _construct(file: str, node: yaml.Node, path: _Path, marks: dict[_Path, Mark]) -> Any:
    """``node`` as plain data; notes the line of every value in ``marks`` (for a mapping: of its keys)."""
    marks.setdefault(path, Mark(file, node.start_mark.line + 1))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = Mark(file, key_node.start_mark.line + 1)
            key = _scalar(file, key_node)
            if not isinstance(key, str):
                raise RuleError(mark, f"keys must be words, not {key!r}")
            if key in mapping:
                raise RuleError(mark, f"'{key}' is given twice")
            inner = (*path, key)
            marks[inner] = mark
            mapping[key] = _construct(file, value_node, inner, marks)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_construct(file, item, (*path, index), marks) for index, item in enumerate(node.value)]
    return _scalar(file, node)


def _scalar(file: str, node: yaml.Node) -> Any:
    mark = Mark(file, node.start_mark.line + 1)
    if not isinstance(node, yaml.ScalarNode):
        raise RuleError(mark, "a key must be a single word")
    try:
        return _SCALARS.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise RuleError(mark, f"cannot read the value {node.value!r}: {str(error).splitlines()[0]}") from error


def schema_bytes() -> bytes:
    """The JSON schema of rule files, as published in ``rules/schema.json``."""
    return resources.files(RULES_PACKAGE).joinpath("schema.json").read_bytes()


@cache
def _validator() -> Any:
    import jsonschema  # slow to import, and not needed for --help

    return jsonschema.Draft202012Validator(json.loads(schema_bytes()))


def _urgency(document: Document, error: Any) -> tuple[bool, int, str]:
    # A misspelt key first: what is missing, or does not fit together, mostly follows from it.
    return error.validator != "additionalProperties", document.mark(error.absolute_path).line, error.message


def _explain(document: Document, error: Any) -> tuple[Mark, str]:
    """Mark and message for a violation of the schema, in the words of the rule language."""
    path: list[str | int] = list(error.absolute_path)
    where = _dotted(path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        key = next(key for key in error.instance if key not in known)
        close = get_close_matches(str(key), known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
        return document.mark((*path, key)), f"{where}: '{key}' is not known; {hint}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return document.mark(path), f"{where}: '{missing}' is missing"
    if error.validator in ("oneOf", "anyOf", "minProperties") and "description" in error.schema:
        return document.mark(path), f"{where}: {error.schema['description']}"
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        return document.mark(path), f"{where}: {error.instance!r} is not one of {allowed}"
    if error.validator == "pattern":
        meaning = error.schema.get("description", f"must match {error.validator_value}")
        return document.mark(path), f"{where}: {error.instance!r} is not right; {meaning}"
    if error.validator == "type":
        kinds = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number"}
        wanted = str(error.validator_value)
        return document.mark(path), f"{where}: must be {kinds.get(wanted, wanted)}"
    return document.mark(path), f"{where}: {error.message}"


def _dotted(path: Iterable[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "rule file"


def locate(name: str, directory: str = "") -> tuple[str, bytes]:
    """Read the rule file ``name``: a path (from ``directory``), or the name of a file that ships with the converter.

    Returns the name to show and the content. Raises :class:`ConvertError` if there is neither.
    """
    beside, path = Path(directory, name), Path(name)
    try:
        if beside.is_file():
            return str(beside), beside.read_bytes()
        packaged = resources.files(RULES_PACKAGE).joinpath(path.name)
        # "rules/llm.yaml" means the packaged file too: that is how a checkout spells it.
        if path.parent in (Path("."), Path("rules")) and packaged.is_file():
            return path.name, packaged.read_bytes()
    except OSError as error:
        raise ConvertError(f"cannot read the rule file {name}: {error.strerror}") from error
    raise ConvertError(f"no rule file {name}: give a path, or one of {', '.join(packaged_names())}")


def packaged_names() -> list[str]:
    """Names of the rule files that ship with the converter."""
    names = (str(entry.name) for entry in resources.files(RULES_PACKAGE).iterdir())
    return sorted(name for name in names if name.endswith(".yaml"))
