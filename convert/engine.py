"""Convert one file in memory: find what rules are about, put the edits together, check the result."""

from __future__ import annotations

from collections import Counter

from .edits import Edit, Left, check_disjoint, replacement
from .errors import SourceError
from .findings import Findings
from .ignores import Ignores
from .kinds import PYTHON, TEXT
from .language.ruleset import RuleSet
from .outcome import Change, Outcome, apply_changes
from .python.module import PythonModule
from .python.sourcefile import SourceFile, check_compiles
from .python.uses import api_uses
from .settings import Settings
from .textfile import LINE_END, TextFile

# A generated file of this size is not code that anybody imports; Python's parser would take gigabytes for it.
MAX_BYTES = 16_000_000
# Python even if only rules about text apply: what comes out must compile.
_PYTHON_NAMES = (".py", ".pyi", ".pyw")
_DEFAULT = Settings()


def convert_source(raw: bytes, rules: RuleSet, path: str = "example.py", settings: Settings = _DEFAULT) -> Outcome:
    """Convert the bytes of the file ``path`` with rules that are about it (see :meth:`.RuleSet.for_path`).

    What cannot be converted is told in the outcome, not raised. Raises :class:`.edits.Conflict` if two rules disagree
    about the same text.
    """
    if not rules.prefilter.search(raw):
        return Outcome()
    if len(raw) > MAX_BYTES:
        return Outcome(skipped=Left(f"{len(raw)} bytes; files over {MAX_BYTES} bytes are not parsed"))
    try:
        return _convert(raw, rules, path, settings)
    except SourceError as error:
        return Outcome(skipped=Left(error.reason, error.line))


def _convert(raw: bytes, rules: RuleSet, path: str, settings: Settings) -> Outcome:
    kinds = {type(rule) for rule in rules.rules}
    findings = Findings()
    python = path.endswith(_PYTHON_NAMES) or not kinds.isdisjoint(PYTHON)
    file: TextFile
    if not python:
        file = TextFile.from_bytes(raw)
        # The comments in a notebook are those of the code in it.
        ignores = Ignores() if path.endswith(".ipynb") else Ignores.of_lines(file)
    else:
        file = source = SourceFile.from_bytes(raw)
        ignores = Ignores.of_python(file)
        findings.add(find_in_python(source, ignores, rules, path, settings))
    for kind, find_in_text in TEXT.items():
        if kind in kinds:
            findings.add(find_in_text(file, path, rules, settings))
    drop_ignored(file, findings, ignores)
    outcome = _outcome(file, findings)
    if python and outcome.changes:
        try:
            check_compiles(apply_changes(file.text, outcome.changes))
        except SourceError as error:
            reason = f"would not compile after conversion: {error.reason}"
            return Outcome(skipped=Left(reason, error.line), matches=outcome.matches, uses=outcome.uses)
    return outcome


def find_in_python(source: SourceFile, ignores: Ignores, rules: RuleSet, path: str, settings: Settings) -> Findings:
    """What the rules about Python find in a source. Raises :class:`SourceError` if it does not parse."""
    module = PythonModule(source, source.parse(), ignores, rules.roots, path, rules.node_types)
    findings = Findings()
    kinds = {type(rule) for rule in rules.rules}
    for kind, find_in_module in PYTHON.items():
        if kind in kinds:
            findings.add(find_in_module(module, rules, settings))
    findings.uses = api_uses(module)
    return findings


def drop_ignored(file: TextFile, findings: Findings, ignores: Ignores) -> None:
    """Take out what comments in ``file`` say to ignore, and tell which comments are about nothing."""
    findings.edits = [edit for edit in findings.edits if not _ignored(file, edit, ignores)]
    findings.left = [item for item in findings.left if not ignores.covers(item.rule or "", *_lines(item))]
    findings.kept += ignores.unused()


def _outcome(file: TextFile, findings: Findings) -> Outcome:
    edits = check_disjoint(file.text, findings.edits)
    changes: list[Change] = []
    end = 0
    for edit in edits:
        nested = edit.end <= end and edit.start < end
        end = max(end, edit.end)
        before, after = file.text[edit.start : edit.end], replacement(file.text, edit, edits)
        if before != after:
            changes.append(Change(edit.rule, edit.line, edit.column, edit.start, edit.end, before, after, nested))
    left, kept = findings.left, findings.kept
    for items in (left, kept):
        items.sort(key=lambda item: item.line or 0)
    return Outcome(changes, left, kept, findings.uses, matches=Counter(findings.matches), encoding=file.encoding)


def _ignored(file: TextFile, edit: Edit, ignores: Ignores) -> bool:
    if not ignores.by_line:
        return False
    # A removed line goes with its line end, which does not make the next line a part of it.
    last = edit.start + len(file.text[edit.start : edit.end].rstrip("\r\n"))
    return ignores.covers(edit.rule, edit.line, file.line_column(last)[0])


def _lines(left: Left) -> tuple[int, int]:
    first = left.line or 0
    return first, first + len(LINE_END.findall(left.text or ""))
