"""What shell rules do with environment variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..edits import Span
from ..findings import Findings
from ..textfile import TextFile
from . import programs
from .code import RUN, Code, descend
from .commands import Script
from .launchers import tokens
from .words import command_words

if TYPE_CHECKING:
    from tree_sitter import Node

    from ..kinds.shell import ShellRule

SET, UNSET, USE = "set", "unset", "use"
_OPTIONS = frozenset({"-e", "-u", "-x", "--env", "--unset", "-genv"})
_BY_NAME = frozenset({"printenv", "read", "mapfile", "readarray", "typeset", "local", "readonly", "getopts"})
_TEXTS = frozenset({"raw_string", "string_content", "heredoc_body", "heredoc_content", "ansi_c_string", "word"})
_STATEMENT_PARTS = frozenset({"declaration_command", "command", "variable_assignments"})


@dataclass(frozen=True)
class Place:
    """A variable in the script: where its name stands, what happens to it there, and all the text that does it."""

    name: str
    span: Span
    role: str
    whole: Span
    statement: bool = False


def find_variables(file: TextFile, script: Script, rules: Sequence[ShellRule]) -> Findings:
    """Every variable that a rule names: set, used, or mentioned in text that this cannot look into."""
    findings = Findings()
    if not rules:
        return findings
    places: dict[int, Place] = {}
    for code in script.reader.codes:
        if code.verdict == RUN:
            for place in _places(file, code):
                places.setdefault(place.span.start, place)
    for rule in rules:
        for place in places.values():
            if _about(rule, place.name):
                findings.matches[rule.id] += 1
                _act(file, rule, place, findings)
            elif place.name == rule.rename:
                findings.matches[rule.id] += 1
        if rule.rename or rule.remove:
            _mentions(file, script, rule, places, findings)
    return findings


def _about(rule: ShellRule, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in rule.variables)


def _act(file: TextFile, rule: ShellRule, place: Place, findings: Findings) -> None:
    start, end = place.span
    if rule.rename:
        findings.edits.append(file.edit(rule.id, start, end, rule.rename))
    elif rule.remove:
        if place.role == USE:
            findings.left.append(file.left(rule.id, start, end, f"{place.name} is not set any more but used here"))
        elif file.text[place.span.start - 1 : place.span.start] != ",":
            start, end = place.whole
            findings.edits.append(file.edit(rule.id, start, end, *((":",) if place.statement else ())))
        else:
            findings.left.append(file.left(rule.id, start, end, "stands in a list; take it out by hand"))
    elif place.role == SET:
        if rule.unsupported:
            findings.left.append(file.left(rule.id, *place.whole, rule.unsupported))
        elif rule.keep:
            findings.kept.append(file.left(rule.id, *place.whole, rule.keep))


def _places(file: TextFile, code: Code) -> Iterator[Place]:
    for node in descend(code.tree.root_node):
        if node.type == "variable_name":
            yield _place(file, code, node)
        elif node.type == "command":
            yield from _in_words(file, code, node)
        elif node.type == "unary_expression" and any(code.source(child) == "-v" for child in node.children):
            last = node.children[-1]
            yield Place(code.source(last), code.span(last), USE, code.span(last))


def _place(file: TextFile, code: Code, node: Node) -> Place:
    name, span = code.source(node), code.span(node)
    parent = node.parent
    if parent is not None and parent.type == "subscript":
        parent = parent.parent
    if parent is None or parent.type not in ("variable_assignment", "declaration_command", "unset_command"):
        return Place(name, span, USE, span)
    role = UNSET if parent.type == "unset_command" else SET
    item = parent if parent.type == "variable_assignment" else node
    owner = item.parent
    if owner is not None and owner.type in ("declaration_command", "unset_command"):
        others = [child for child in owner.named_children if child != item and code.source(child)[:1] != "-"]
        item = item if others else owner
    elif owner is not None and owner.type == "variable_assignments" and len(owner.children) == 1:
        item = owner
    statement = item.type in ("declaration_command", "unset_command", "variable_assignments") or (
        item.type == "variable_assignment" and (owner is None or owner.type not in _STATEMENT_PARTS)
    )
    whole = code.span(item)
    if not statement:
        return Place(name, span, role, _with_blank(file, whole))
    line = _only_line(file, whole) if item.parent is not None and item.parent.type == "program" else None
    return Place(name, span, role, line or whole, statement=line is None)


def _with_blank(file: TextFile, span: Span) -> Span:
    """``span`` with the blanks behind it, or before it if there are none behind."""
    start, end = span
    while file.text[end : end + 1] in (" ", "\t"):
        end += 1
    while end == span.end and start and file.text[start - 1] in " \t":
        start -= 1
    return Span(start, end)


def _only_line(file: TextFile, span: Span) -> Span | None:
    """The lines of ``span`` with their end, if there is nothing else on them."""
    first, last = file.line_column(span.start)[0], file.line_column(span.end)[0]
    start = file.line_starts[first - 1]
    end = file.line_starts[last] if last < len(file.line_starts) else len(file.text)
    return Span(start, end) if file.text[start:end].strip() == file.text[span.start : span.end] else None


def _in_words(file: TextFile, code: Code, node: Node) -> Iterator[Place]:
    """Variables in the words of commands that set the environment of another command."""
    words = command_words(code, node)
    if not words:
        return
    program = words[0].text.rpartition("/")[2]
    wrapper = program in programs.WRAPPERS
    previous = words[0]
    for word in words[1:]:
        text, places = word.text, word.decoded.places
        option, equals, _ = text.partition("=")
        offset = len(option) + 1 if equals and option in ("--env", "--export", "-e") else 0
        for item in text[offset:].split(","):
            name, equals, _ = item.partition("=")
            named = wrapper and (equals or offset or previous.text in _OPTIONS)
            if name.isidentifier() and (named or program in _BY_NAME):
                span = Span(places[offset], places[offset + len(name) - 1] + 1)
                by_option = previous.text in _OPTIONS
                whole = Span(previous.span.start, word.span.end) if by_option else word.span
                role = SET if equals or (by_option and previous.text not in ("-u", "--unset")) else USE
                role = UNSET if previous.text in ("-u", "--unset") else role
                yield Place(name, span, role, _with_blank(file, whole))
            offset += len(item) + 1
        previous = word


def _mentions(file: TextFile, script: Script, rule: ShellRule, places: dict[int, Place], findings: Findings) -> None:
    """The names in text for another program: code in another language, other files, messages."""
    code = script.reader.root
    for node in descend(code.tree.root_node):
        if node.type not in _TEXTS:
            continue
        start, end = code.local(node)
        for offset, token in tokens(code.text[start:end]):
            place = start + offset
            if _about(rule, token) and place not in places:
                places[place] = Place(token, Span(place, place + len(token)), USE, Span(place, place + len(token)))
                printed = _printed(script, code, node)
                where = findings.kept if printed else findings.left
                reason = "text that is printed" if printed else f"{token} in text that is not known to be shell code"
                where.append(file.left(rule.id, place, place + len(token), reason))


def _printed(script: Script, code: Code, node: Node) -> bool:
    current = node.parent
    while current is not None and current.type != "command":
        current = current.parent
    return current is not None and script.wrappers.program(command_words(code, current))[0] in programs.PRINTING
