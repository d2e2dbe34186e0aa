"""Patch rules: whole lines of one file, found by their literal text. For what no other kind of rule can say."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Left, splice
from ..errors import Mark, RuleError, SourceError
from ..findings import Findings
from ..language.model import Rule, Where
from ..python.sourcefile import parse
from ..settings import Settings
from ..textfile import LINE_END, TextFile

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

Lines = tuple[str, ...]
_GLOB = frozenset("*?[!")
_BLANKS = " \t\f"


@dataclass(frozen=True)
class PatchRule(Rule):
    """The lines ``before`` become the lines ``result``, at the indentation where they stand.

    ``after_line``: the first place below that line. ``within``: only in the class or function of that qualified name.
    ``every``: all places; otherwise there must be just one. ``result`` is empty for a rule that removes lines.
    """

    kind: ClassVar[str] = "patch"
    file_names: ClassVar[tuple[str, ...]] = ("*",)

    before: Lines = ()
    result: Lines = ()
    after_line: str | None = None
    within: str | None = None
    every: bool = False

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> PatchRule:
        name = head["id"]
        before = _lines(match["before"])
        if not any(line.strip() for line in before):
            raise RuleError(where("match", "before"), f"{name}: 'before' has only blank lines; name the lines to find")
        indent = _common([_indent_of(line) for line in before if line.strip()])
        before = _dedented(before, indent, where("match", "before"), name)
        ((key, value),) = action.items()
        place = where("action", key)
        new = () if key == "remove" else _dedented(_lines(value), indent, place, name)
        if key == "remove" and _GLOB.intersection("".join(head["paths"])):
            message = "'remove' needs the exact paths of files: nothing tells afterwards where the lines have been"
            raise RuleError(place, f"{name}: {message}")
        if key != "remove" and (not new or (key == "replace" and not any(new))):
            raise RuleError(place, f"{name}: '{key}' is empty; say 'remove: true' to remove the lines")
        result = {"insert_after": before + new, "insert_before": new + before}.get(key, new)
        if result == before:
            raise RuleError(place, f"{name}: '{key}' has the very lines of 'before'; nothing would change")
        after_line = match.get("after_line")
        if after_line is not None and (not after_line.strip() or len(_lines(after_line)) > 1):
            raise RuleError(where("match", "after_line"), f"{name}: 'after_line' must be the text of one line")
        return cls(
            **head,
            before=before,
            result=result,
            after_line=after_line and after_line.strip(),
            within=match.get("within"),
            every=match.get("every", False),
        )

    def words(self) -> Iterable[str] | None:
        return None  # that the lines are not there has to be told

    @property
    def sought(self) -> str:
        return "\n".join(self.before)

    def names(self, path: str) -> bool:
        """Whether the rule names the file ``path`` itself, so that the lines must be in it."""
        return any(path == glob.lstrip("/") for glob in self.paths)


@dataclass(frozen=True)
class _Place:
    """Where lines stand: index of the first one, how many, and the indentation that they have in the file."""

    first: int
    count: int
    indent: str

    @property
    def end(self) -> int:
        return self.first + self.count

    def is_in(self, other: _Place) -> bool:
        return other.first <= self.first and self.end <= other.end

    def overlaps(self, other: _Place) -> bool:
        return self.first < other.end and other.first < self.end


class _Missing(Exception):
    """What a rule needs to find the place is not there; the message is the reason."""


def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
    """For each rule, the place of its lines, or of its result."""
    findings = Findings()
    for rule in rules.of(PatchRule):
        _find(file, path, rule, findings)
    return findings


def _find(file: TextFile, path: str, rule: PatchRule, findings: Findings) -> None:
    try:
        todo, done = _search(file, rule)
    except (_Missing, SourceError) as missing:
        reason = f"'within' needs Python: {missing}" if isinstance(missing, SourceError) else str(missing)
        if rule.names(path):
            findings.left.append(Left(reason, None, rule.id, rule.sought))
        return
    count = len(todo) + len(done)
    if count == 0 and not rule.result:
        count = 1  # removed already
    findings.matches[rule.id] += count
    if count == 0 and rule.names(path):
        findings.left.append(_nothing(file, rule))
    elif len(todo) > 1 and not rule.every:
        lines = ", ".join(str(place.first + 1) for place in todo)
        reason = f"stands there {len(todo)} times, in lines {lines}; name more lines, or add after_line or within"
        findings.left.append(Left(reason, todo[0].first + 1, rule.id, rule.sought))
    elif todo:
        edits = [_edit(file, rule, place) for place in todo]
        if _again(file, rule, edits, count):
            findings.edits += edits
        else:
            reason = "a second run would find the lines again in the result; name more lines in before"
            findings.left.append(Left(reason, todo[0].first + 1, rule.id, rule.sought))


def _nothing(file: TextFile, rule: PatchRule) -> Left:
    wanted = next(line for line in rule.before if line.strip()).strip()
    lines = [line.strip() for line in _content(file)]
    close = get_close_matches(wanted, dict.fromkeys(lines), 1)
    if not close:
        return Left("these lines are not in the file", None, rule.id, rule.sought)
    line = lines.index(close[0]) + 1
    return Left(f"these lines are not in the file; the most like them: {close[0][:120]!r}", line, rule.id, rule.sought)


def _search(file: TextFile, rule: PatchRule) -> tuple[list[_Place], list[_Place]]:
    """The places that are to be changed, and those that have the result already."""
    lines = _content(file)
    first, end = (0, len(lines)) if rule.within is None else _definition(file, rule.within)
    if rule.after_line is not None:
        anchors = [number for number in range(first, end) if lines[number].strip() == rule.after_line]
        if len(anchors) != 1:
            raise _Missing(f"the line {rule.after_line!r} stands there {len(anchors)} times, not once")
        first = anchors[0] + 1
    results = _occurrences(lines, rule.result, first, end)
    todo: list[_Place] = []
    for place in _occurrences(lines, rule.before, first, end):
        taken = rule.every and bool(todo) and todo[-1].overlaps(place)
        if not taken and not any(place.is_in(result) for result in results):
            todo.append(place)
    done = [result for result in results if not any(result.overlaps(place) for place in todo)]
    if rule.after_line is not None and not rule.every:
        nearest = min((*todo, *done), key=lambda place: place.first, default=None)
        return [p for p in todo if p is nearest], [p for p in done if p is nearest]
    return todo, done


def _occurrences(lines: Sequence[str], wanted: Lines, first: int, end: int) -> list[_Place]:
    if not wanted:
        return []
    # A line that is not blank tells the indentation.
    key = next(number for number, line in enumerate(wanted) if line.strip())
    found = []
    for start in range(first, end - len(wanted) + 1):
        line = lines[start + key]
        if line.endswith(wanted[key]):
            indent = line[: len(line) - len(wanted[key])]
            if not indent.strip(_BLANKS) and _stands_at(lines, wanted, start, indent):
                found.append(_Place(start, len(wanted), indent))
    return found


def _stands_at(lines: Sequence[str], wanted: Lines, start: int, indent: str) -> bool:
    for number, line in enumerate(wanted):
        have = lines[start + number]
        if have != indent + line and (line.strip() or have.strip()):
            return False
    return True


def _edit(file: TextFile, rule: PatchRule, place: _Place) -> Edit:
    lines = _content(file)
    start = file.line_starts[place.first]
    last = place.end - 1
    end = file.line_starts[last] + len(lines[last])
    if not rule.result:
        return file.edit(rule.id, start, file.line_starts[place.end] if place.end < len(file.line_starts) else end)
    after_first = LINE_END.match(file.text, start + len(lines[place.first]))
    line_end = after_first.group() if after_first else file.line_end
    text = line_end.join(place.indent + line if line.strip() else line for line in rule.result)
    return file.edit(rule.id, start, end, text)


def _again(file: TextFile, rule: PatchRule, edits: list[Edit], count: int) -> bool:
    """Whether a second run would leave the result alone and count the same."""
    try:
        todo, done = _search(TextFile(splice(file.text, edits)), rule)
    except SourceError:
        return True  # the result does not compile, which is told as such
    except _Missing:
        return False
    return not todo and (not rule.result or len(done) == count)


def _definition(file: TextFile, qualified: str) -> tuple[int, int]:
    """First line (from 0) and the one after the last of a class or function, decorators included."""
    body: list[ast.stmt] = parse(file.text).body
    found: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | None = None
    for name in qualified.split("."):
        found = next((node for node in _definitions(body) if node.name == name), None)
        if found is None:
            raise _Missing(f"there is no class or function {qualified} in the file")
        body = found.body
    assert found is not None
    assert found.end_lineno is not None
    return min(node.lineno for node in (found, *found.decorator_list)) - 1, found.end_lineno


def _definitions(body: Sequence[ast.stmt]) -> Iterable[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The definitions in a block, also under ``if``, ``try`` and the like."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            continue
        for block in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                yield from _definitions(inner)


def _content(file: TextFile) -> list[str]:
    """The lines of a file without their ends."""
    lines = LINE_END.split(file.text)
    return lines if lines[-1] else lines[:-1]


def _lines(text: str) -> Lines:
    lines = LINE_END.split(text)
    return tuple(lines if lines[-1] else lines[:-1])


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(_BLANKS))]


def _common(indents: Sequence[str]) -> str:
    """What all of ``indents`` start with."""
    low, high = min(indents), max(indents)
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:length]


def _dedented(lines: Lines, indent: str, mark: Mark, rule: str) -> Lines:
    if not all(line.startswith(indent) for line in lines if line.strip()):
        raise RuleError(mark, f"{rule}: every line must start with the indentation that 'before' has")
    return tuple(line[len(indent) :] if line.strip() else "" for line in lines)
