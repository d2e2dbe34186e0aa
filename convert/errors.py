"""Errors that end a run. Each message is one line: what is wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


class ConvertError(Exception):
    """The run cannot go on; the command line prints the message and exits with 2."""


@dataclass(frozen=True)
class Mark:
    """A place in a rule file. ``line`` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class RuleError(ConvertError):
    """A rule file is wrong. The message starts with ``file:line``."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(f"{mark}: {message}")
        self.mark = mark


class SourceError(Exception):
    """One source file cannot be converted and is left as it is.

    ``line`` is the line in that file (from 1) where the reason lies, or None when the reason is the file as a whole.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
