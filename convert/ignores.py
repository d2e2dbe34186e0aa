"""``# ms-convert: ignore[ID]`` comments: what the user wants to stay as it is."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from .edits import Left
from .textfile import TextFile

_COMMENT = re.compile(r"#\s*ms-convert:\s*ignore(?P<ids>\[[^\]]*\])?")


@dataclass
class Ignores:
    """The comments of one file: by line, the ids of the rules to ignore there (None: all rules)."""

    by_line: dict[int, frozenset[str] | None] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    @classmethod
    def of_python(cls, file: TextFile) -> Ignores:
        """The comments of a Python file; the same text in a string is no comment."""
        return cls(dict(_parse(_python_comments(file.text)))) if "ms-convert:" in file.text else cls()

    @classmethod
    def of_lines(cls, file: TextFile) -> Ignores:
        """The comments of a file in which ``#`` starts a comment (shell, YAML, TOML, requirements)."""
        if "ms-convert:" not in file.text:
            return cls()
        return cls(dict(_parse(enumerate(file.text.splitlines(), 1))))

    def covers(self, rule: str, first: int, last: int) -> bool:
        """Whether a comment in the lines ``first`` to ``last`` is about one of the comma-separated ids in ``rule``."""
        found = False
        for line, ids in self.by_line.items():
            if first <= line <= last and (ids is None or ids.intersection(rule.split(","))):
                self.used.add(line)
                found = True
        return found

    def unused(self) -> list[Left]:
        """The comments that nothing was ignored for."""
        reason = "nothing is ignored here: remove this comment"
        return [
            Left(reason, line, None, "ms-convert: ignore" + (f"[{', '.join(sorted(ids))}]" if ids else ""))
            for line, ids in self.by_line.items()
            if line not in self.used
        ]


def _parse(comments: Iterator[tuple[int, str]]) -> Iterator[tuple[int, frozenset[str] | None]]:
    for line, text in comments:
        match = _COMMENT.search(text)
        if match:
            ids = match["ids"]
            yield line, frozenset(name.strip() for name in ids[1:-1].split(",")) if ids else None


def _python_comments(text: str) -> Iterator[tuple[int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):  # lone carriage returns, which only the real parser understands
        return
