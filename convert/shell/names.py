"""The names to look for, and the names of what words run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .words import Word


@dataclass
class Names:
    """What to look for: programs, modules, and programs with a subcommand."""

    programs: frozenset[str]
    modules: frozenset[str]
    subcommands: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Tell apart the names as rules spell them."""
        every = frozenset(names)
        pairs = frozenset(tuple(name.split(" ", 1)) for name in every if " " in name)
        modules = frozenset(name for name in every if "." in name and " " not in name)
        return cls(every - modules - {name for name in every if " " in name}, modules, pairs)  # type: ignore[arg-type]

    @property
    def all(self) -> frozenset[str]:
        """Every name as rules spell it."""
        return self.programs | self.modules | {" ".join(pair) for pair in self.subcommands}

    def mentioned(self, text: str) -> bool:
        """Whether one of them may be in ``text``."""
        return any(name.partition(" ")[0] in text for name in self.all)


def basename(word: Word) -> str | None:
    """The name of the program that the word runs, without its directory, which may be computed."""
    text = word.text
    if word.value is not None:
        return text.rpartition("/")[2]
    directory, slash, name = text.rpartition("/")
    static = bool(slash and name) and not set("$`(){}") & set(name)
    return name if static and directory.count("(") == directory.count(")") else None


def is_assignment(text: str) -> bool:
    """Whether ``text`` is ``NAME=value``."""
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier()
