"""What in a notebook's cell is Python, what is shell, and what only IPython understands.

A cell that Python can parse has no magics. In another one, each line that IPython reads itself is covered, for parsing,
by a statement of the same length that does nothing. Names assigned from a magic stay assigned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..edits import Span
from ..errors import SourceError
from ..python.sourcefile import parse

# Spelled so that each text has one way to match: what has several takes exponential time where it fails.
_END = r"(?:\r\n|\r(?!\n)|\n)"
_CELL_MAGIC = re.compile(rf"(?:[ \t]*{_END})*[ \t]*%%(?P<name>!|[\w.]+)(?P<rest>[^\r\n]*)(?:{_END}|\Z)")
_OF_PYTHON = frozenset({"time", "timeit", "capture", "prun", "debug", "memit", "mprun", "lprun"})
_OTHER_PYTHON = frozenset({"python", "python3", "pypy"})
_SHELL = frozenset({"!", "bash", "sh", "sx", "system"})
_LINE_SHELL = frozenset({"sx", "system"})
_OF_COMMAND = frozenset({"pip", "conda", "mamba", "uv"})

# A line of IPython's own goes on after a backslash.
_LINE = r"(?:\\\r\n|\\[\s\S]|[^\\\r\n]|\\\Z)*"
_MAGIC = re.compile(
    rf"""[ \t]*(?:
      (?P<magic>%%?(?P<name>[\w.]+)(?P<code>{_LINE}))
      |(?P<shell>!!?(?P<command>{_LINE}))
      |(?P<assign>[^\W\d][^=\r\n\#'"!%(]*=[ \t]*)(?:!!?(?P<taken>{_LINE})|%(?P<called>[\w.]+)(?P<given>{_LINE}))
      |(?P<help>[?,;/]{_LINE}|%{{0,2}}[^\W\d][\w.*\[\]]*\?{{1,2}}[ \t]*(?=[\r\n]|\Z))
    )""",
    re.VERBOSE,
)
_STATEMENT = re.compile(r"[ \t]+(?:-[a-z]+(?:[ \t]+\d+|\d+)?[ \t]+)*(?=\S)")
_TOKEN = re.compile(
    r"""
    (?P<skip>\#[^\r\n]*
      |'''(?:[^\\]|\\.)*?(?:'''|\Z) | \"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)
      |'(?:[^'\\\r\n]|\\(?:\r\n|.))*'? | "(?:[^"\\\r\n]|\\(?:\r\n|.))*"?
      |\\(?:\r\n|.)?)
    |(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<line>\r\n|\r|\n)
    |[^\#'"()\[\]{}\\\r\n]+
    """,
    re.VERBOSE | re.DOTALL,
)
_INDENTED = re.compile(rf"(?:[ \t]*(?:\#[^\r\n]*)?{_END})*[ \t]+[^\s#]")


@dataclass
class CellCode:
    """What is in a cell.

    ``python`` is code of the notebook itself from ``start`` on, with ``covered`` where magics are; None if the cell has
    none, or, with ``error``, if Python cannot parse it. ``lead`` must stand before it so that it parses.
    ``scripts`` are Python programs of their own, ``commands`` shell code. ``unknown`` is the cell magic whose language
    is unknown.
    """

    start: int = 0
    python: str | None = None
    lead: str = ""
    covered: list[Span] = field(default_factory=list)
    scripts: list[Span] = field(default_factory=list)
    commands: list[Span] = field(default_factory=list)
    unknown: str | None = None
    error: SourceError | None = None


def read_cell(source: str) -> CellCode:
    """Tell apart what the source of a cell consists of."""
    cell = CellCode()
    while match := _CELL_MAGIC.match(source, cell.start):
        name, words = match["name"], match["rest"].split()
        body = Span(match.end(), len(source))
        target = words[-1].strip("'\"") if name in ("writefile", "file") and words else ""
        if name in _OTHER_PYTHON or target.endswith(".py"):
            cell.scripts.append(body)
        elif name in _SHELL or target.endswith(".sh") or (name == "script" and words[:1] in (["bash"], ["sh"])):
            cell.commands.append(body)
        elif name in _OF_PYTHON:
            cell.start = match.end()
            continue
        else:
            cell.unknown = f"%%{name}"
        return cell
    _read_python(source[cell.start :], cell)
    return cell


def _read_python(text: str, cell: CellCode) -> None:
    covered: list[Span] = []
    commands: list[Span] = []
    lead = "if 1:\n" if _INDENTED.match(text) else ""  # IPython takes away the indentation of a whole cell
    try:
        parse(lead + text)
        cell.python = text
    except SourceError:
        cell.python = _cover(text, covered, commands)
        try:
            parse(lead + cell.python)
        except SourceError as error:
            if lead and error.line is not None:
                error = SourceError(error.reason, error.line - 1)
            cell.python, cell.error = None, error
            return
    cell.lead = lead
    cell.covered = [Span(span.start + cell.start, span.end + cell.start) for span in covered]
    cell.commands = [Span(span.start + cell.start, span.end + cell.start) for span in commands]


def _cover(text: str, covered: list[Span], commands: list[Span]) -> str:
    """``text`` with every line of IPython's own covered, which go to ``covered``; their shell code to ``commands``."""
    parts: list[str] = []
    position, depth, fresh = 0, 0, True
    while position < len(text):
        magic = _MAGIC.match(text, position) if fresh and depth == 0 else None
        if magic is not None:
            start = magic.end("assign") if magic["assign"] else position + _indent(magic.group())
            hidden = Span(start, magic.end())
            for group in ("command", "taken"):
                if magic[group] is not None:
                    commands.append(Span(*magic.span(group)))
            for name, code in (("name", "code"), ("called", "given")):
                if magic[name] in _OF_COMMAND:
                    commands.append(Span(magic.start(name), magic.end(code)))
                elif magic[name] in _LINE_SHELL:
                    commands.append(Span(*magic.span(code)))
            parts.append(text[position:start])
            statement = _statement(magic) if magic["name"] in ("time", "timeit") else None
            if statement is not None:
                hidden = Span(start, statement)
                parts += "0;" + " " * (statement - start - 2), text[statement : magic.end()]
            else:
                parts.append("0" + re.sub(r"[^\r\n]", " ", text[start + 1 : hidden.end]))
            covered.append(hidden)
            position, fresh = magic.end(), False
            continue
        token = _TOKEN.match(text, position)
        assert token is not None
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth = max(depth - 1, 0)
        fresh = token["line"] is not None or (fresh and token.group().isspace())
        parts.append(token.group())
        position = token.end()
    return "".join(parts)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _statement(magic: re.Match[str]) -> int | None:
    """Where the statement starts that ``%time`` or ``%timeit`` is about, if it has one that Python can parse."""
    options = _STATEMENT.match(magic["code"])
    if options is None:
        return None
    try:
        parse(f"0; {magic['code'][options.end() :]}")
    except SourceError:
        return None
    return magic.start("code") + options.end()
