"""The flags between a launcher and the script that it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..edits import Edit, Span
from ..textfile import TextFile
from .commands import Launch, Script
from .words import Word

if TYPE_CHECKING:
    from ..kinds.shell import ShellRule

_DEPTH = 8


@dataclass
class _Given:
    """A value that a flag is given: where it stands, and what it is; the value is None if known at run time only."""

    span: Span
    value: str | None
    word: Word


class Flags:
    """Goes through the flags of one launch.

    ``edits`` give them their new names, ``problems`` are reasons against it, ``notes`` are for the user.
    """

    def __init__(self, file: TextFile, script: Script, rule: ShellRule, launch: Launch) -> None:
        from ..kinds.shell import flag_key

        self._key = flag_key
        self.file, self.script, self.rule = file, script, rule
        self.edits: list[Edit] = []
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._given: dict[str, list[_Given]] = {}
        self._waiting: str | None = None
        if not (rule.flags or rule.switches or not rule.other_flags):
            return
        for words in launch.variants:
            self._waiting = None
            self._read(words, 0)
        self.edits = list(dict.fromkeys(self.edits))
        self.problems += [hint for flag, hint in rule.required.items() if flag not in self._given]
        self.notes += [note for flag, note in rule.advice.items() if flag not in self._given]
        for flag, by in rule.divide.items():
            self._divide(flag, flag_key(by))
        self.problems = list(dict.fromkeys(self.problems))

    def _read(self, words: list[Word], depth: int) -> bool:
        """Whether the script is still to come after ``words``."""
        for word in words:
            text = word.text
            if self._waiting is not None:
                self._given[self._waiting].append(_Given(word.span, word.value, word))
                self._waiting = None
            elif text[:1] == "-" and len(text) > 1:
                self._flag(word)
            elif word.value is None:
                if word.quoted:
                    return False
                found = self.script.variables.alternatives(word.variable) if word.variable and depth < _DEPTH else []
                more = [self._read(value, depth + 1) for _, value in found]
                if not all(more):
                    return False
                if not found and not self.rule.other_flags:
                    self.problems.append(f"{text} stands among the flags, and what it is shows at run time only")
            else:
                return False
        return True

    def _flag(self, word: Word) -> None:
        name, equals, value = word.text.partition("=")
        key = self._key(name)
        if key in self.rule.switches:
            self._given.setdefault(key, [])
            self._name(word, name, self.rule.switches[key])
            return
        given = self._given.setdefault(key, [])
        if equals:
            places = word.decoded.places[len(name) + 1 :]
            if places:
                given.append(_Given(Span(places[0], places[-1] + 1), None if "$" in value else value, word))
        elif key not in self.rule.flags and not self.rule.other_flags:
            pass
        else:
            self._waiting = key
        if key in self.rule.flags:
            self._name(word, name, self.rule.flags[key])
        elif not self.rule.other_flags:
            self.problems.append(f"{name} has no counterpart in {self.rule.target}")

    def _name(self, word: Word, old: str, new: str) -> None:
        places = word.decoded.places[: len(old)]
        if old == new:
            return
        if places[-1] - places[0] != len(places) - 1:
            self.problems.append(f"{old} is spelled in pieces")
        elif new:
            self.edits.append(self.file.edit(self.rule.id, places[0], places[-1] + 1, new))
        else:
            start, end = self._with_blanks(*word.span)
            self.edits.append(self.file.edit(self.rule.id, start, end, ""))

    def _with_blanks(self, start: int, end: int) -> Span:
        """A word with the blanks that go with it, or the whole line if a line holds nothing else."""
        text = self.file.text
        first, last = start, end
        while first > 0 and text[first - 1] in " \t":
            first -= 1
        while last < len(text) and text[last] in " \t":
            last += 1
        if (first == 0 or text[first - 1] == "\n") and text[last : last + 1] == "\\":
            for line_end in ("\r\n", "\n"):
                if text.startswith(line_end, last + 1):
                    return Span(first, last + 1 + len(line_end))
        if first < start and text[first - 1 : first] not in ("", "\n"):
            return Span(first, end)
        return Span(start, last)

    def _divide(self, flag: str, by: str) -> None:
        """Divide the value of one flag by that of another."""
        totals, parts = self._given.get(flag, []), self._given.get(by, [])
        if not totals or not parts or all(part.value == "1" for part in parts):
            return
        if len({total.span for total in totals}) > 1 or len({part.span for part in parts}) > 1:
            self.problems.append(f"{flag} and {by} are given several times; divide one by the other by hand")
            return
        total, part = totals[0], parts[0]
        if total.value is not None and part.value is not None and total.value.isdigit() and part.value.isdigit():
            count, rest = divmod(int(total.value), int(part.value) or 1)
            if rest or not int(part.value):
                self.problems.append(f"{flag} {total.value} is no multiple of {by} {part.value}")
            else:
                self.edits.append(self.file.edit(self.rule.id, *total.span, str(count)))
            return
        spelled = [self.file.text[g.span.start : g.span.end] for g in (total, part)]
        if any(g.word.code is not self.script.reader.root for g in (total, part)) or not all(map(_is_simple, spelled)):
            self.problems.append(f"{flag} has to be divided by {by}; do that by hand")
            return
        self.edits.append(self.file.edit(self.rule.id, *total.span, f"$(({spelled[0]} / {spelled[1]}))"))


def _is_simple(text: str) -> bool:
    """Whether ``text`` is a number or a plain ``$NAME`` or ``${NAME}``."""
    name = text.removeprefix("${").removesuffix("}") if text[:2] == "${" else text.removeprefix("$")
    return text.isdigit() or (text[:1] == "$" and name.isidentifier())
