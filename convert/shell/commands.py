"""Which commands a script runs: through wrappers, variables, strings, here-documents and functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..edits import Span
from . import programs
from .code import RUN, TEXT, UNSURE, Code, descend
from .documents import consumer, output_files, piped_programs
from .variables import DATA_USE, RUN_USE, TEXT_USE, Variables
from .words import Word, command_words, default_of, expansions, variable_of

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


class Script:
    """All commands of a script, and the launchers among them."""

    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        self.root = Code(text, range(len(text) + 1))
        self.codes: list[Code] = []
        self.errors: list[tuple[Code, Node]] = []
        self.commands: list[tuple[Code, list[Word]]] = []
        self.process_words: list[tuple[str, list[Word]]] = []
        self.variables = Variables()
        self.launches: dict[int, Launch] = {}
        self.own: dict[str, bool] = {}
        self._steps = 0
        self._seen: set[tuple[int, int]] = set()
        self._expanded: set[int] = set()
        self._pending: list[tuple[Code, Node]] = []
        self._expansions: list[tuple[Code, Node, str]] = []
        self._add(self.root)
        self._analyse_pending()
        self._uses()
        self._values_not_run()

    # Reading

    def _add(self, code: Code) -> None:
        """Read ``code``, once."""
        key = (code.places[0] if len(code.places) else 0, len(code.text))
        if key in self._seen and code is not self.root:
            return
        self._seen.add(key)
        self.codes.append(code)
        for node in descend(code.tree.root_node):
            if node.type == "ERROR":
                self.errors.append((code, node))
            elif node.type == "command":
                self._pending.append((code, node))
            elif node.type == "variable_assignment":
                self._assignment(code, node)
            elif node.type == "function_definition":
                self._function(code, node)
            elif node.type == "for_statement":
                self._loop(code, node)
            elif node.type == "heredoc_redirect":
                self._document(code, node)
            elif node.type == "herestring_redirect":
                self._string_input(code, node)
            elif node.type in ("simple_expansion", "expansion"):
                self._expansion(code, node)

    def _assignment(self, code: Code, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None:
            appended = any(child.type == "+=" for child in node.children)
            self.variables.assign(code.source(name), code, value, appended)

    def _function(self, code: Code, node: Node) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return
        runs = False
        for inner in descend(body):
            if inner.type == "command":
                words = [word for word in command_words(code, inner) if word.value not in programs.WRAPPERS]
                if words and words[0].value in programs.SHELLS:
                    words = [word for word in words[1:] if word.text[:1] != "-"]
                runs = runs or bool(words and words[0].variable in ("@", "*", "1"))
        self.own[code.source(name)] = runs

    def _loop(self, code: Code, node: Node) -> None:
        name = node.child_by_field_name("variable")
        for value in node.children_by_field_name("value"):
            if name is not None:
                self.variables.assign(code.source(name), code, value)

    def _expansion(self, code: Code, node: Node) -> None:
        for name, inner in expansions(code, node):
            if inner == node:
                self._expansions.append((code, node, name))
                if variable_of(code, node) == name:
                    self.variables.assign(name, code, default_of(node))

    def _document(self, code: Code, node: Node) -> None:
        start = next((child for child in node.children if child.type == "heredoc_start"), None)
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        if start is None or body is None or code.verdict != RUN:
            return
        verdict, reason = consumer(code, node, body, self)
        if verdict == RUN or self._mentions(code.source(body)):
            self._add(code.document(body, code.source(start)[:1] in "'\"\\", verdict, reason))

    def _string_input(self, code: Code, node: Node) -> None:
        words = [child for child in node.children if child.is_named]
        parent = node.parent
        if words and parent is not None and parent.type in ("command", "redirected_statement"):
            command = parent if parent.type == "command" else parent.child_by_field_name("body")
            if command is not None and command.type == "command":
                name, _ = self.program(command_words(code, command))
                if name in programs.SHELLS or name == "ssh":
                    self._add(code.code_of(words[0]))

    def _mentions(self, text: str) -> bool:
        return any(name.partition(" ")[0] in text for name in self.names.all)

    # Following commands

    def _analyse_pending(self) -> None:
        while self._pending:
            code, node = self._pending.pop(0)
            if code.owner is not None and code.span(node).start in self._expanded:
                continue  # followed from where the variable is used, with what follows it there
            words = command_words(code, node)
            self.commands.append((code, words))
            self._steps = 0
            self._follow(words, code, node)

    def program(self, words: list[Word]) -> tuple[str | None, int]:
        """The program that is run in the end, behind wrappers; its name and index."""
        index: int | None = 0
        while index is not None and index < len(words):
            name = _basename(words[index])
            if name is None or name not in programs.WRAPPERS:
                return name, index
            following = self._behind(name, words, index)
            if following is None or following >= len(words):
                return name, index
            index = following
        return None, len(words)

    def _follow(self, words: list[Word], code: Code, node: Node | None, depth: int = 0) -> None:
        """Find out what a command runs. ``node`` is the command where it stands in ``code``."""
        index: int | None = 0
        while index is not None and index < len(words):
            word = words[index]
            name = _basename(word)
            if index == 0 and word.site is not None and _is_assignment(word.text):
                words = words[1:]  # a variable for the command, in the value of a variable
                continue
            if word.variable is not None:
                self.variables.use(word.variable, word.span.start, RUN_USE)
                if self._through_variable(words, index, code, node, depth):
                    return
                index += 1
                if index < len(words) and not self._starts(words, index):
                    if words[index].value is not None and words[index].text[:1] == "-":
                        self._python(words, index - 1, code)
                    return
                continue
            if word.is_script:
                self._add(word.code.code_of(word.node, code.verdict, code.reason))
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
                index = self._behind(name, words, index)
                continue
            if self.own.get(name):
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
        for value in self.variables.values.get(name, ()):
            first, inner = value.first_command(name), value.inner(name)
            if inner is not None and self._owner(word) != name:
                if first is not None:
                    self._expanded.add(inner.span(first).start)
                self._add(inner)
        for owner, value_words in found:
            replaced = [Word(w.code, w.node, word.site or word, w.owner or owner) for w in value_words]
            self._follow([*words[:index], *replaced, *words[index + 1 :]][index:], code, node, depth + 1)
        return bool(found)

    def _owner(self, word: Word) -> str | None:
        return word.owner or word.code.owner

    def _starts(self, words: list[Word], index: int) -> bool:
        """Whether a command that matters here may start at ``index``."""
        word = words[index]
        name = _basename(word)
        if name is not None:
            known = name in self.names.programs or name in programs.WRAPPERS or name in programs.SHELLS
            pair = any(name == program for program, _ in self.names.subcommands)
            return known or pair or programs.is_python(name)
        if word.variable is None:
            return False
        if index + 1 < len(words) and words[index + 1].text == "-m":
            return True
        return any(self._starts(value, 0) for _, value in self.variables.alternatives(word.variable, word.span.start))

    def _behind(self, name: str, words: list[Word], index: int) -> int | None:
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
            elif not word.quoted and word.value is None and not _is_assignment(text):
                if self._starts(words, index):
                    return index
                if index + 1 == len(words):
                    return index
                flexible = True
                positionals -= positionals > 0
                index += 1
            elif _is_assignment(text) and name in ("env", "sudo", "doas"):
                index += 1
            elif subcommands:
                if text not in subcommands:
                    return None
                positionals, subcommands = subcommands[text], {}
                index += 1
            elif positionals and not (flexible and self._starts(words, index)):
                positionals -= 1
                index += 1
            else:
                return index
        return None

    # What is found

    def _launcher(self, name: str, words: list[Word], index: int, code: Code) -> bool:
        word = words[index]
        if name in self.names.programs and name not in self.own:
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
                name = _basename(word)
                if name in self.names.programs and name is not None:
                    self._found(name, word, None, False, words[index + 1 :], code)
                return

    def _module(self, interpreter: Word, plain: bool, words: list[Word], index: int, code: Code) -> None:
        word = words[index]
        if word.variable is not None:
            for owner, value in self.variables.alternatives(word.variable):
                if len(value) == 1 and value[0].value in self.names.modules:
                    self.variables.use(word.variable, word.span.start, RUN_USE)
                    only = Word(value[0].code, value[0].node, word, owner)
                    self._found(only.text, only, None, True, words[index + 1 :], code)
            return
        if word.value is None or word.value not in self.names.modules | self.names.programs:
            return
        start = interpreter
        if interpreter.site is not None and interpreter.code is not word.code:
            start = interpreter.site
            values = self.variables.alternatives(start.variable or "")
            plain = plain and all(len(v) == 1 and v[0].text == interpreter.text for _, v in values)
        whole = Span(start.span.start, word.span.end) if plain and start.code is word.code else None
        self._found(word.value, word, whole, True, words[index + 1 :], code)

    def _lookup(self, words: list[Word], index: int, code: Code) -> None:
        for word in words[index:]:
            name = _basename(word)
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
        elif name in programs.CODE_ARGUMENTS:
            self._run_strings([word for word in arguments if word.is_script or word.variable], code)
        elif name in programs.PROCESS_NAMES:
            self.process_words.append((name, words[index:]))
        else:
            verdict, reason = UNSURE, f"given to {name}, which may run it or not"
            if name in programs.PRINTING:
                files = output_files(code, node) if node is not None else []
                verdict, reason = TEXT, f"text for {name}"
                piped = node is not None and piped_programs(code, node, self) & programs.SHELLS
                if piped or any(file.endswith((".sh", ".bash")) for file in files):
                    verdict, reason = RUN, ""
            for word in arguments:
                if self._mentions(word.text) and (word.is_script or verdict == RUN):
                    self._add(word.code.code_of(word.node, verdict if code.verdict == RUN else code.verdict, reason))

    def _run_strings(self, scripts: list[Word], code: Code) -> None:
        for word in scripts:
            if word.variable is not None:
                self._follow([word], code, None)
            else:
                self._add(word.code.code_of(word.node, code.verdict, code.reason))

    def _option_code(self, options: tuple[str, ...], arguments: list[Word], code: Code) -> None:
        for index, word in enumerate(arguments):
            if word.text in options and index + 1 < len(arguments):
                self._run_strings([arguments[index + 1]], code)
            for option in options:
                if word.text.startswith(option + "="):
                    inner = word.code.code_of(word.node, code.verdict, code.reason, skip=len(option) + 1)
                    self._add(inner)

    # Variables that nobody runs here

    def _uses(self) -> None:
        """Note what the uses of variables are that are not run."""
        assigned: list[tuple[str, int, str]] = []
        for code, node, name in self._expansions:
            place = code.span(node).start
            role = self._role(code, node)
            if role.startswith("="):
                assigned.append((name, place, role[1:]))
                role = ""
            if role:
                self.variables.use(name, place, role)
        for _ in range(_DEPTH):
            for name, place, target in assigned:
                if target != name and DATA_USE in self.variables.roles(target):
                    self.variables.use(name, place, DATA_USE)

    def _role(self, code: Code, node: Node) -> str:
        """What the expansion is for; ``=NAME`` if it becomes part of the value of NAME."""
        current = node.parent
        while current is not None:
            if current.type == "variable_assignment":
                name = current.child_by_field_name("name")
                return f"={code.source(name)}" if name is not None else DATA_USE
            if current.type == "command":
                name_of, _ = self.program(command_words(code, current))
                return TEXT_USE if name_of in programs.PRINTING else DATA_USE
            if current.type == "unary_expression":
                return ""  # whether it is empty, which it stays
            if current.type in ("file_redirect", "heredoc_body"):
                return TEXT_USE
            current = current.parent
        return DATA_USE

    def _values_not_run(self) -> None:
        """Look into the values that no command here runs."""
        for name, values in list(self.variables.values.items()):
            roles = self.variables.roles(name)
            if RUN_USE in roles:
                continue
            for value in values:
                inner = value.inner(name)
                words = value.words(name)
                if not words or not self._mentions(value.code.source(value.node)):
                    continue
                verdict, reason = _judge(name, len(words), roles)
                code = Code("", [value.start], verdict, reason, name) if inner is None else inner
                code.verdict, code.reason = verdict, reason
                self._steps = 0
                self._follow(words, code, None)
                if inner is not None and verdict != TEXT:
                    self._add(inner)
        self._analyse_pending()


def _judge(name: str, words: int, roles: set[str]) -> tuple[str, str]:
    """What to do with a value that starts like a command and is not run in the file."""
    if words == 1:
        if not roles:
            return UNSURE, f"nothing in this file runs ${name}; change it by hand if another one does"
        return TEXT, f"${name} is not run, it is data"
    if not roles:
        return RUN, ""
    if DATA_USE in roles:
        return UNSURE, f"${name} is not run in this file but given to something that may run it"
    return TEXT, f"${name} is only printed"


def _basename(word: Word) -> str | None:
    """The name of the program that the word runs, without its directory, which may be computed."""
    text = word.text
    if word.value is not None:
        return text.rpartition("/")[2]
    directory, slash, name = text.rpartition("/")
    static = bool(slash and name) and not set("$`(){}") & set(name)
    return name if static and directory.count("(") == directory.count(")") else None


def _is_assignment(text: str) -> bool:
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier()
