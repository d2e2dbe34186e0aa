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
    module: PythonModule | None = None
    file: TextFile
    if kinds.isdisjoint(PYTHON) and not path.endswith(_PYTHON_NAMES):
        file = TextFile.from_bytes(raw)
        ignores = Ignores.of_lines(file)
    else:
        file = source = SourceFile.from_bytes(raw)
        ignores = Ignores.of_python(file)
        module = PythonModule(source, source.parse(), ignores, rules.roots, path, rules.node_types)
        for kind, find_in_module in PYTHON.items():
            if kind in kinds:
                findings.add(find_in_module(module, rules, settings))
    for kind, find_in_text in TEXT.items():
        if kind in kinds:
            findings.add(find_in_text(file, path, rules, settings))
    outcome = _outcome(file, findings, ignores)
    if module is not None:
        outcome.uses = api_uses(module)
        if outcome.changes:
            try:
                check_compiles(apply_changes(file.text, outcome.changes))
            except SourceError as error:
                reason = f"would not compile after conversion: {error.reason}"
                return Outcome(skipped=Left(reason, error.line), matches=outcome.matches, uses=outcome.uses)
    return outcome


def _outcome(file: TextFile, findings: Findings, ignores: Ignores) -> Outcome:
    edits = check_disjoint(file.text, [edit for edit in findings.edits if not _ignored(file, edit, ignores)])
    changes: list[Change] = []
    end = 0
    for edit in edits:
        nested = edit.end <= end and edit.start < end
        end = max(end, edit.end)
        before, after = file.text[edit.start : edit.end], replacement(file.text, edit, edits)
        if before != after:
            changes.append(Change(edit.rule, edit.line, edit.column, edit.start, edit.end, before, after, nested))
    left = [item for item in findings.left if not ignores.covers(item.rule or "", *_lines(item))]
    kept = findings.kept + ignores.unused()
    for items in (left, kept):
        items.sort(key=lambda item: item.line or 0)
    return Outcome(changes, left, kept, matches=Counter(findings.matches), encoding=file.encoding)


def _ignored(file: TextFile, edit: Edit, ignores: Ignores) -> bool:
    return bool(ignores.by_line) and ignores.covers(edit.rule, edit.line, file.line_column(edit.end)[0])


def _lines(left: Left) -> tuple[int, int]:
    first = left.line or 0
    return first, first + len(LINE_END.findall(left.text or ""))
