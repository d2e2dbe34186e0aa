"""Reads shell code: what it assigns, defines, expands and runs, also in strings and here-documents."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import programs
from .code import RUN, Code, descend
from .documents import consumer
from .names import Names
from .variables import Variables
from .words import command_words, default_of, expansions, variable_of
from .wrappers import Wrappers

if TYPE_CHECKING:
    from tree_sitter import Node


class Reader:
    """What is in the code of a script.

    ``codes`` are the pieces of code, the whole file first; ``errors`` what the parser did not understand; ``own`` the
    functions, with whether they run their arguments; ``pending`` the commands that nobody has followed yet.
    """

    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        self.variables = Variables()
        self.wrappers = Wrappers(names, self.variables)
        self.codes: list[Code] = []
        self.errors: list[tuple[Code, Node]] = []
        self.own: dict[str, bool] = {}
        self.pending: deque[tuple[Code, Node]] = deque()
        self.expansions: list[tuple[Code, Node, str]] = []
        self._seen: set[tuple[int, int]] = set()
        self.root = Code(text, range(len(text) + 1))
        self.add(self.root)

    def add(self, code: Code) -> None:
        """Read ``code``, once."""
        key = (code.places[0] if len(code.places) else 0, len(code.text))
        if key in self._seen:
            return
        self._seen.add(key)
        self.codes.append(code)
        for node in descend(code.tree.root_node):
            if node.type == "ERROR":
                self.errors.append((code, node))
            elif node.type == "command":
                self.pending.append((code, node))
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
                self.expansions.append((code, node, name))
                if variable_of(code, node) == name:
                    self.variables.assign(name, code, default_of(node))

    def _document(self, code: Code, node: Node) -> None:
        start = next((child for child in node.children if child.type == "heredoc_start"), None)
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        if start is None or body is None or code.verdict != RUN:
            return
        verdict, reason = consumer(code, node, body, self.wrappers)
        if verdict == RUN or self.names.mentioned(code.source(body)):
            self.add(code.document(body, code.source(start)[:1] in "'\"\\", verdict, reason))

    def _string_input(self, code: Code, node: Node) -> None:
        words = [child for child in node.children if child.is_named]
        parent = node.parent
        if words and parent is not None and parent.type in ("command", "redirected_statement"):
            command = parent if parent.type == "command" else parent.child_by_field_name("body")
            if command is not None and command.type == "command":
                name, _ = self.wrappers.program(command_words(code, command))
                if name in programs.SHELLS or name == "ssh":
                    self.add(code.code_of(words[0]))
