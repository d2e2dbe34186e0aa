"""Requirements in lines: pip's requirements and constraints files, and ``setup.cfg``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..edits import Span
from .requirement_place import Lines

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_END = re.compile(r"[\r\n]+\Z")
_COMMENT_LINE = re.compile(r"\s*#")
_COMMENT = re.compile(r"(?:^|\s+)#.*\Z", re.DOTALL)
_OPTION = re.compile(r"(?:^|\s)-{1,2}[A-Za-z]")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)")
# What pip-compile writes below a requirement.
_VIA = re.compile(r"[ \t]+# +via[^\r\n]*(?:\r\n|\r|\n|\Z)(?:[ \t]+#   [^\r\n]*(?:\r\n|\r|\n|\Z))*")

_SECTION = re.compile(r"\[([^\]]+)\]")
_OPTION_OF_SECTION = re.compile(r"([^\s=:#;][^=:]*?)\s*[=:][ \t]*")
_CFG_KEYS = {"options": ("install_requires", "setup_requires", "tests_require"), "options.extras_require": None}


def _physical_lines(text: str) -> Iterator[Span]:
    start = 0
    while start < len(text):
        match = _LINE.match(text, start)
        end = match.end() if match else len(text)
        yield Span(start, end)
        start = end


def _logical_lines(text: str) -> Iterator[tuple[Span, list[int]]]:
    """The lines as pip joins them: the span of each, and the indices of the characters that it consists of."""
    characters: list[int] = []
    start: int | None = None
    for line in _physical_lines(text):
        start = line.start if start is None else start
        content = _END.sub("", text[line.start : line.end])
        # A comment ends a continued line, backslash or not.
        continued = content.endswith("\\") and not _COMMENT_LINE.match(content)
        kept = content.rstrip("\\") if continued else content
        characters += range(line.start, line.start + len(kept))
        if not continued:
            yield Span(start, line.end), characters
            characters, start = [], None
    if start is not None:
        yield Span(start, len(text)), characters


def requirements_file(text: str) -> Lines:
    """The requirements of a file in pip's format."""
    lines = Lines()
    for whole, indices in _logical_lines(text):
        joined = "".join(text[index] for index in indices)
        joined = _COMMENT.sub("", joined).rstrip()
        first = len(joined) - len(joined.lstrip())
        fixed = ""
        if joined.startswith("-", first):
            editable = _EDITABLE.match(joined, first)
            if editable is None:
                continue  # an option of pip
            first = editable.end()
        else:
            option = _OPTION.search(joined, first)
            if option is not None:
                hashed = "--hash" in joined[option.start() :]
                fixed = f"has {'hashes' if hashed else 'options'} that would not fit the replacement; edit it by hand"
                joined = joined[: option.start()].rstrip()
        if first >= len(joined):
            continue
        via = _VIA.match(text, whole.end)
        whole = Span(whole.start, via.end() if via else whole.end)
        lines.add(indices[first : len(joined)], joined[first:], whole, fixed)
    return lines


def setup_cfg(text: str) -> Lines:
    """The requirements in ``setup.cfg``."""
    lines = Lines()
    section, key, is_list = "", "", False
    for line in _physical_lines(text):
        content = _END.sub("", text[line.start : line.end])
        if not content.strip() or content.lstrip()[0] in "#;":
            continue
        start = line.start + len(content) - len(content.lstrip())
        end = line.start + len(_COMMENT.sub("", content).rstrip())
        if content[0].isspace():
            if is_list and start < end:
                lines.add(range(start, end), text[start:end], line, group=key)
            continue
        header, option = _SECTION.match(content), _OPTION_OF_SECTION.match(content)
        if header:
            section, is_list = header[1], False
        elif option:
            known = _CFG_KEYS.get(section, ())
            key, is_list = f"{section} {option[1]}", known is None or option[1] in known
            start = line.start + option.end()
            if is_list and start < end:
                lines.add(range(start, end), text[start:end], Span(start, end), group=key)
    return lines
