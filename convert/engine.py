"""Convert the source of one file: find, rewrite, splice, check."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import ConvertError, SourceError
from .finder import ImportNode, StringSite, import_rules, import_statements, imported_modules, string_sites
from .ruleset import ImportRule, RuleSet, StringRule
from .sourcefile import SourceFile, check_compiles

# A generated file of this size is not code that anybody imports; Python's parser would take gigabytes for it.
MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class Edit:
    """One replaced statement or literal. ``line`` and ``column`` count from 1; ``start``/``end`` index the text."""

    rule: str
    line: int
    column: int
    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True)
class Left:
    """Something that stays as it is although it should not: ``reason`` says why. ``line`` is None for a whole file."""

    reason: str
    line: int | None = None
    rule: str | None = None
    text: str | None = None


@dataclass
class Outcome:
    """What became of one file. ``after`` is None if its bytes do not change.

    ``skipped`` says why a file that might need conversion was left alone altogether. ``matches`` counts by rule the
    places that matched or already have the rule's result.
    """

    after: bytes | None = None
    edits: list[Edit] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    skipped: Left | None = None
    matches: Counter[str] = field(default_factory=Counter)


def convert_source(raw: bytes, rules: RuleSet) -> Outcome:
    """Convert the bytes of a Python file. What cannot be converted is told in the outcome, not raised.

    Raises :class:`ConvertError` only if two rules disagree about the same text.
    """
    if not rules.prefilter.search(raw):
        return Outcome()
    if len(raw) > MAX_BYTES:
        return Outcome(skipped=Left(f"{len(raw)} bytes; files over {MAX_BYTES} bytes are not parsed"))
    try:
        source = SourceFile.from_bytes(raw)
        tree = source.parse()
    except SourceError as error:
        return Outcome(skipped=Left(error.reason, error.line))
    outcome = Outcome()
    for node in import_statements(tree):
        _convert_import(source, node, rules, outcome)
    if rules.may_match_strings(source.text):
        for site in string_sites(tree, rules):
            _convert_string(source, site, outcome)
    outcome.left.sort(key=lambda left: left.line or 0)
    if not outcome.edits:
        return outcome
    outcome.edits = _without_overlap(outcome.edits)
    text = _splice(source.text, outcome.edits)
    try:
        check_compiles(text)
    except SourceError as error:
        reason = f"would not compile after conversion: {error.reason}"
        return Outcome(skipped=Left(reason, error.line), matches=outcome.matches)
    outcome.after = source.to_bytes(text)
    return outcome


def _convert_import(source: SourceFile, node: ImportNode, rules: RuleSet, outcome: Outcome) -> None:
    for module in imported_modules(node):
        outcome.matches.update(rule.id for rule in rules.imports if rule.is_result(module))
    matched = import_rules(node, rules)
    if not matched:
        return
    from .rewrite import rewrite_import  # LibCST takes longer to import than most runs take without it

    outcome.matches.update(rule.id for rule in matched)
    by_module: dict[str, ImportRule] = {rule.module: rule for rule in matched}
    rule_ids = ",".join(dict.fromkeys(rule.id for rule in matched))
    _edit(source, node, rule_ids, lambda text: rewrite_import(text, by_module), outcome)


def _convert_string(source: SourceFile, site: StringSite, outcome: Outcome) -> None:
    outcome.matches[site.rule.id] += 1
    if site.value is not None and site.rule.is_result(site.value):
        return
    if site.value is None:
        _leave(source, site.node, site.rule.id, "module name is computed at run time", outcome)
        return
    if site.in_fstring:
        _leave(source, site.node, site.rule.id, "inside an f-string", outcome)
        return
    from .rewrite import rewrite_string

    rule: StringRule = site.rule
    _edit(source, site.node, rule.id, lambda text: rewrite_string(text, rule), outcome)


def _edit(
    source: SourceFile, node: ast.stmt | ast.expr, rule: str, rewrite: Callable[[str], str], outcome: Outcome
) -> None:
    start, end = source.span(node)
    before = source.text[start:end]
    try:
        after = rewrite(before)
    except SourceError as error:
        _leave(source, node, rule, error.reason, outcome)
        return
    line, column = source.line_column(start)
    outcome.edits.append(Edit(rule, line, column, start, end, before, after))


def _leave(source: SourceFile, node: ast.stmt | ast.expr, rule: str, reason: str, outcome: Outcome) -> None:
    start, end = source.span(node)
    outcome.left.append(Left(reason, node.lineno, rule, source.text[start:end]))


def _without_overlap(edits: list[Edit]) -> list[Edit]:
    """The edits in order of place. Two rules may agree on a text; if they do not, that is an error in the rules."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if kept and edit.start < kept[-1].end:
            last = kept[-1]
            if (edit.start, edit.end, edit.after) != (last.start, last.end, last.after):
                raise ConvertError(f"rules {last.rule} and {edit.rule} both rewrite line {edit.line}: {edit.before!r}")
            continue
        kept.append(edit)
    return kept


def _splice(text: str, edits: list[Edit]) -> str:
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += text[position : edit.start], edit.after
        position = edit.end
    return "".join([*parts, text[position:]])
