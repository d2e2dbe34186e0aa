"""Which commands a script runs: through wrappers, variables, strings, here-documents and functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..edits import Span
from . import programs
from .code import RUN, TEXT, UNSURE, Code
from .documents import output_files, piped_programs
from .names import Names, basename, is_assignment
from .reading import Reader
from .uses import note_uses, values_not_run
from .variables import RUN_USE
from .words import Word, command_words

if TYPE_CHECKING:
    from tree_sitter import Node

# Variables may refer to each other; what takes more steps than this is no script that a person wrote.
_DEPTH = 12
_ALTERNATIVES = 64


@dataclass(eq=False)
class Launch:
    """A launcher that is run. ``name`` is how rules spell it, ``word`` its program or, after ``-m``, its module.

    ``whole`` is the part of the file from the interpreter to the module where the interpreter is no other than the one
    on the PATH, None if the interpreter has to stay. ``variants``: the arguments, once for each way to get there.
    """

    name: str
    word: Word
    whole: Span | None
    is_module: bool
    verdict: str
    reason: str
    owner: str | None
    variants: list[list[Word]] = field(default_factory=list)


class Script:
    """All commands of a script, and the launchers among them."""

    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        self.reader = Reader(text, names)
        self.variables = self.reader.variables
        self.wrappers = self.reader.wrappers
        self.commands: list[tuple[Code, list[Word]]] = []
        self.process_words: list[tuple[str, list[Word]]] = []
        self.launches: dict[int, Launch] = {}
        self._steps = 0
        self._read: set[str] = set()
        self._expanded: set[int] = set()
        self._follow_pending()
        note_uses(self.reader)
        for words, code, is_code in values_not_run(self.reader):
            self._steps = 0
            self._follow(words, code, None)
            if is_code and code.verdict != TEXT:
                self.reader.add(code)
        self._follow_pending()

    def _follow_pending(self) -> None:
        pending = self.reader.pending
        while pending:
            code, node = pending.popleft()
            if code.owner is not None and code.span(node).start in self._expanded:
                continue  # followed from where the variable is used, with what follows it there
            words = command_words(code, node)
            self.commands.append((code, words))
            self._steps = 0
            self._follow(words, code, node)

    def _follow(self, words: list[Word], code: Code, node: Node | None, depth: int = 0) -> None:
        """Find out what a command runs. ``node`` is the command where it stands in ``code``."""
        index: int | None = 0
        while index is not None and index < len(words):
            word = words[index]
            name = basename(word)
            if index == 0 and word.site is not None and is_assignment(word.text):
                words = words[1:]  # a variable for the command, in the value of a variable
                continue
            if word.variable is not None:
                self.variables.use(word.variable, word.decoded.places[0], RUN_USE)
                if self._through_variable(words, index, code, node, depth):
                    return
                index += 1
                if index < len(words) and not self.wrappers.starts(words, index):
                    if words[index].value is not None and words[index].text[:1] == "-":
                        self._python(words, index - 1, code)
                    return
                continue
            if word.is_script:
                self.reader.add(word.code.code_of(word.node, code.verdict, code.reason))
                return
            if name is None:
                return
            if self._launcher(name, words, index, code):
                return
            if programs.is_python(name):
                self._python(words, index, code, node, depth)
                return
            if name == "command" and index + 1 < len(words) and words[index + 1].text in ("-v", "-V"):
                self._lookup(words, index + 2, code)
                return
            if name in programs.WRAPPERS:
                index = self.wrappers.behind(name, words, index)
                continue
            if self.reader.own.get(name):
                index += 1
                continue
            self._arguments(name, words, index, code, node)
            return

    def _through_variable(self, words: list[Word], index: int, code: Code, node: Node | None, depth: int) -> bool:
        """Follow the values of the variable at ``index``; whether there are any."""
        word = words[index]
        name = word.variable
        assert name is not None
        self._steps += 1
        if depth > _DEPTH or self._steps > _ALTERNATIVES:
            return True
        before = word.span.start if self._owner(word) == name else None
        found = self.variables.alternatives(name, before)
        if name not in self._read and self._owner(word) != name:
            self._read.add(name)
            for value in self.variables.values.get(name, ()):
                first, inner = value.first_command(name), value.inner(name)
                if first is not None and inner is not None:
                    self._expanded.add(inner.span(first).start)
                if inner is not None:
                    self.reader.add(inner)
        for owner, value_words in found:
            replaced = [Word(w.code, w.node, word.site or word, w.owner or owner) for w in value_words]
            self._follow([*words[:index], *replaced, *words[index + 1 :]][index:], code, node, depth + 1)
        return bool(found)

    def _owner(self, word: Word) -> str | None:
        return word.owner or word.code.owner

    # What is found

    def _launcher(self, name: str, words: list[Word], index: int, code: Code) -> bool:
        word = words[index]
        if name in self.names.programs and name not in self.reader.own:
            self._found(name, word, None, False, words[index + 1 :], code)
            return True
        for program, subcommand in self.names.subcommands:
            if name == program and index + 1 < len(words) and words[index + 1].value == subcommand:
                following = words[index + 1]
                whole = None
                tail = word.tail(name)
                if word.code is following.code and tail is not None:
                    whole = Span(tail.start, following.span.end)
                self._found(f"{program} {subcommand}", word, whole, False, words[index + 2 :], code)
                return True
        return False

    def _found(
        self, name: str, word: Word, whole: Span | None, is_module: bool, arguments: list[Word], code: Code
    ) -> None:
        start = word.span.start
        known = self.launches.get(start)
        if known is None:
            owner = self._owner(word)
            known = Launch(name, word, whole, is_module, code.verdict, code.reason, owner)
            self.launches[start] = known
        elif known.whole != whole:
            known.whole = None
        if code.verdict == RUN:
            known.verdict, known.reason = RUN, ""
        known.variants.append(arguments)

    def _python(self, words: list[Word], index: int, code: Code, node: Node | None = None, depth: int = 0) -> None:
        """Look for a launcher among the arguments of a Python interpreter."""
        interpreter = words[index]
        plain = interpreter.value is not None and "/" not in interpreter.text
        index += 1
        while index < len(words):
            word = words[index]
            text = word.text
            if text == "-m" and index + 1 < len(words):
                self._module(interpreter, plain, words, index + 1, code)
                return
            if text in ("-W", "-X"):
                plain = False
                index += 2
            elif text[:1] == "-" and text[1:2] not in ("-", "c") and len(text) > 1:
                if text.endswith("m") and index + 1 < len(words):
                    self._module(interpreter, False, words, index + 1, code)
                    return
                plain = plain and text == "-u"
                index += 1
            elif word.variable is not None and not word.quoted:
                found = self.variables.alternatives(word.variable) if depth <= _DEPTH else []
                for owner, value in found:
                    replaced = [Word(w.code, w.node, word.site or word, w.owner or owner) for w in value]
                    following = [*words[1:index], *replaced, *words[index + 1 :]]
                    self._python([interpreter, *following], 0, code, node, depth + 1)
                if found:
                    return
                index += 1
            else:
                name = basename(word)
                if name in self.names.programs and name is not None:
                    self._found(name, word, None, False, words[index + 1 :], code)
                return

    def _module(self, interpreter: Word, plain: bool, words: list[Word], index: int, code: Code) -> None:
        word = words[index]
        if word.variable is not None:
            for owner, value in self.variables.alternatives(word.variable):
                if len(value) == 1 and value[0].value in self.names.modules:
                    self.variables.use(word.variable, word.decoded.places[0], RUN_USE)
                    only = Word(value[0].code, value[0].node, word, owner)
                    self._found(only.text, only, None, True, words[index + 1 :], code)
            return
        if word.value is None or word.value not in self.names.modules | self.names.programs:
            self._module_of_tool(words, index + 1, code)
            return
        start = interpreter
        if interpreter.site is not None and interpreter.code is not word.code:
            start = interpreter.site
            values = self.variables.alternatives(start.variable or "")
            plain = plain and all(len(v) == 1 and v[0].text == interpreter.text for _, v in values)
        whole = Span(start.span.start, word.span.end) if plain and start.code is word.code else None
        self._found(word.value, word, whole, True, words[index + 1 :], code)

    def _module_of_tool(self, words: list[Word], index: int, code: Code) -> bool:
        """Look for ``-m MODULE`` among the arguments of a debugger or profiler for Python, which runs the module."""
        for place in range(index, len(words) - 1):
            following = words[place + 1]
            if words[place].text == "-m" and following.value is not None and following.value in self.names.modules:
                self._found(following.value, following, None, True, words[place + 2 :], code)
                return True
        return False

    def _lookup(self, words: list[Word], index: int, code: Code) -> None:
        for word in words[index:]:
            name = basename(word)
            if name in self.names.programs and name is not None:
                self._found(name, word, None, False, [], code)

    def _arguments(self, name: str, words: list[Word], index: int, code: Code, node: Node | None) -> None:
        """What a program that is no wrapper does with its arguments."""
        arguments = words[index + 1 :]
        if name in programs.SHELLS:
            options = [word.text for word in arguments if word.text[:1] in "-+"]
            if programs.takes_code(options):
                position = next(i for i, word in enumerate(arguments) if programs.takes_code([word.text]))
                scripts = [word for word in arguments[position + 1 :] if word.text[:1] not in "-+"][:1]
                self._run_strings(scripts, code)
        elif name in programs.LOOKUPS:
            self._lookup(words, index + 1, code)
        elif name in programs.CODE_OPTIONS:
            self._option_code(programs.CODE_OPTIONS[name], arguments, code)
        elif name == "alias":
            for word in arguments:
                skip = word.text.find("=") + 1
                if skip:
                    self.reader.add(word.code.code_of(word.node, code.verdict, code.reason, skip=skip))
        elif name == "find":
            for position, word in enumerate(arguments):
                if word.text in programs.FIND_RUNS:
                    self._follow(arguments[position + 1 :], code, None)
        elif name in programs.CODE_ARGUMENTS:
            self._run_strings([word for word in arguments if word.is_script or word.variable], code)
        elif name in programs.PROCESS_NAMES:
            self.process_words.append((name, words[index:]))
        elif name in programs.PRINTING or not self._module_of_tool(words, index + 1, code):
            verdict, reason = UNSURE, f"given to {name}, which may run it or not"
            if name in programs.PRINTING:
                files = output_files(code, node) if node is not None else []
                verdict, reason = TEXT, f"text for {name}"
                piped = node is not None and piped_programs(code, node, self.wrappers) & programs.SHELLS
                if piped or any(file.endswith((".sh", ".bash")) for file in files):
                    verdict, reason = RUN, ""
            for word in arguments:
                if self.names.mentioned(word.text) and (word.is_script or verdict == RUN):
                    self.reader.add(
                        word.code.code_of(word.node, verdict if code.verdict == RUN else code.verdict, reason)
                    )

    def _run_strings(self, scripts: list[Word], code: Code) -> None:
        for word in scripts:
            if word.variable is not None:
                self._follow([word], code, None)
            else:
                self.reader.add(word.code.code_of(word.node, code.verdict, code.reason))

    def _option_code(self, options: tuple[str, ...], arguments: list[Word], code: Code) -> None:
        for index, word in enumerate(arguments):
            if word.text in options and index + 1 < len(arguments):
                self._run_strings([arguments[index + 1]], code)
            for option in options:
                if word.text.startswith(option + "="):
                    inner = word.code.code_of(word.node, code.verdict, code.reason, skip=len(option) + 1)
                    self.reader.add(inner)
