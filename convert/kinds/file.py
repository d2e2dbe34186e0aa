"""File rules: add, remove, copy or move whole files. Every other kind of rule changes text inside files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from ..errors import Mark, RuleError
from ..language.globs import Globs, check_glob
from ..language.model import Rule, Where
from ..language.rulefile import RULES_PACKAGE
from ..project.tree import NOT_ENTERED

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class FileRule(Rule):
    """What becomes of the file ``path``, or, when files are removed, of those that the glob ``path`` matches.

    ``action`` is add, remove, copy or move. ``content`` are the bytes of an added file; ``to`` is where one is copied
    or moved. ``overwrite``: another file that is already there is replaced. ``executable`` (None: as it is, or not)
    says whether the added file is a program.
    """

    kind: ClassVar[str] = "file"
    file_names: ClassVar[tuple[str, ...]] = ()  # nothing is sought in the text of any file

    path: str = ""
    action: str = "remove"
    content: bytes = b""
    to: str = ""
    overwrite: bool = False
    executable: bool | None = None

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> FileRule:
        name = head["id"]
        path = _checked(match["path"], name, where("match", "path"))
        (verb,) = action
        details = {} if verb == "remove" else action[verb]
        if head["paths"]:
            raise RuleError(where("paths"), f"{name}: a file rule has its path under match; leave out 'paths'")
        if verb == "remove":
            check_glob(path, where("match", "path"))
        elif _is_glob(path):
            raise RuleError(where("match", "path"), f"{name}: only 'remove' takes a glob; name one file")
        elif head["exclude"]:
            raise RuleError(where("exclude"), f"{name}: only 'remove' takes 'exclude'")
        to = ""
        if "to" in details:
            place = where("action", verb, "to")
            to = _checked(details["to"], name, place)
            if to.casefold() == path.casefold():
                raise RuleError(place, f"{name}: {to} is the same file, or would be where case does not count")
        content = b""
        if verb == "add":
            content = _content(details, name, where)
            if path.endswith(".py"):
                _check_python(content, name, where("action", "add"))
        return cls(
            **head,
            path=path,
            action=verb,
            content=content,
            to=to,
            overwrite=details.get("overwrite", False),
            executable=details.get("executable"),
        )

    def words(self) -> Iterable[str]:
        return ()

    def claims(self) -> Iterator[tuple[str, ...]]:
        if self.result:
            yield "file", self.result

    @property
    def sought(self) -> str:
        return self.path

    @property
    def result(self) -> str:
        """The file that the rule makes; empty if it removes files."""
        return {"add": self.path, "remove": ""}.get(self.action, self.to)

    def matches_path(self, path: str) -> bool:
        """Whether ``path`` is a file that the rule removes, copies or moves."""
        if not _is_glob(self.path):
            return path == self.path
        return self._pattern.fullmatch(path) is not None and self._globs.match(path)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*", "?": "[^/]"}
        tokens = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", self.path)
        return re.compile("".join(parts.get(token) or re.escape(token) for token in tokens), re.DOTALL)

    @cached_property
    def _globs(self) -> Globs:
        return Globs(("*",), (), self.exclude)


def _is_glob(path: str) -> bool:
    return "*" in path or "?" in path


def _checked(path: str, name: str, mark: Mark) -> str:
    """``path``, unless it could mean another place than it says."""
    parts = path.split("/")
    if {"", ".", ".."}.intersection(parts) or not path.isprintable():
        raise RuleError(mark, f"{name}: {path!r} is not a plain relative path; write it like tools/launch.py")
    for part in parts:
        if part.casefold() in NOT_ENTERED:
            raise RuleError(mark, f"{name}: no rule changes what is in {part}")
    return path


def _content(details: Any, name: str, where: Where) -> bytes:
    if "content" in details:
        text: str = details["content"]
        return text.encode()
    mark = where("action", "add", "source")
    source = _checked(details["source"], name, mark)
    rule_file = Path(mark.file)
    # A packaged rule file means a packaged source, whatever lies in the current directory.
    beside = rule_file.parent / source if rule_file.is_file() else resources.files(RULES_PACKAGE).joinpath(source)
    try:
        content = beside.read_bytes()
    except OSError as error:
        raise RuleError(mark, f"{name}: cannot read {source} beside the rule file: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise RuleError(mark, f"{name}: {source} has {len(content)} bytes; the limit is {_MAX_BYTES}")
    return content


def _check_python(content: bytes, name: str, mark: Mark) -> None:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise RuleError(mark, f"{name}: line {line} of the content is not valid Python: {error.args[0]}") from error
