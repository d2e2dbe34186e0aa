"""Finds the command behind programs that run the rest of their words."""

from __future__ import annotations

from . import programs
from .names import Names, basename, is_assignment
from .variables import Variables
from .words import Word


class Wrappers:
    """Looks through wrappers, with what is known about the variables of a script."""

    def __init__(self, names: Names, variables: Variables) -> None:
        self.names, self.variables = names, variables

    def program(self, words: list[Word]) -> tuple[str | None, int]:
        """The program that is run in the end, behind wrappers; its name and index."""
        index: int | None = 0
        while index is not None and index < len(words):
            name = basename(words[index])
            if name is None or name not in programs.WRAPPERS:
                return name, index
            following = self.behind(name, words, index)
            if following is None or following >= len(words):
                return name, index
            index = following
        return None, len(words)

    def starts(self, words: list[Word], index: int) -> bool:
        """Whether a command that matters here may start at ``index``."""
        word = words[index]
        name = basename(word)
        if name is not None:
            known = name in self.names.programs or name in programs.WRAPPERS or name in programs.SHELLS
            pair = any(name == program for program, _ in self.names.subcommands)
            return known or pair or programs.is_python(name)
        if word.variable is None:
            return False
        if index + 1 < len(words) and words[index + 1].text == "-m":
            return True
        return any(self.starts(value, 0) for _, value in self.variables.alternatives(word.variable, word.span.start))

    def behind(self, name: str, words: list[Word], index: int) -> int | None:
        """The index of the command that the wrapper at ``index`` runs."""
        wrapper = programs.WRAPPERS[name]
        subcommands = dict(wrapper.subcommands)
        positionals = wrapper.positionals
        flexible = False
        index += 1
        while index < len(words):
            word = words[index]
            text = word.text
            if text == "--":
                return index + 1
            if text[:1] == "-" and len(text) > 1:
                index += 2 if text in wrapper.valued else 1
            elif not word.quoted and word.value is None and not is_assignment(text):
                if self.starts(words, index):
                    return index
                if index + 1 == len(words):
                    return index
                flexible = True
                positionals -= positionals > 0
                index += 1
            elif is_assignment(text) and name in ("env", "sudo", "doas"):
                index += 1
            elif subcommands:
                if text not in subcommands:
                    return None
                positionals, subcommands = subcommands[text], {}
                index += 1
            elif positionals and not (flexible and self.starts(words, index)):
                positionals -= 1
                index += 1
            else:
                return index
        return None
