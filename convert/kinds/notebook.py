"""Notebook rules: the other rules, applied to the code in Jupyter notebooks."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from ..edits import Edit, Left, Span, check_disjoint, replacement
from ..errors import RuleError, SourceError
from ..findings import Findings
from ..ignores import Ignores
from ..language.globs import Globs
from ..language.model import Rule, Where
from ..notebook.document import Notebook, read_notebook
from ..notebook.programs import Program, read_contents
from ..python.sourcefile import SourceFile, parse
from ..settings import Settings
from ..textfile import TextFile

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

_PYTHON_LANGUAGES = ("python", "ipython")


@dataclass(frozen=True)
class NotebookRule(Rule):
    """Rules that hold in notebooks: those whose ids match one of the globs ``names``; all about code if there are none.

    ``rules`` are these rules, known once it is known which notebook they shall be applied to.
    """

    kind: ClassVar[str] = "notebook"
    file_names: ClassVar[tuple[str, ...]] = ("*.ipynb",)
    example_path: ClassVar[str] = "example.ipynb"

    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @classmethod
    def from_data(cls, head: Mapping[str, Any], match: Any, action: Any, where: Where) -> NotebookRule:
        return cls(**head, names=tuple(action.get("rules", ())))

    def check(self, rules: Sequence[Rule]) -> None:
        for name in self.names:
            if not any(_applicable(rule) and fnmatchcase(rule.id, name) for rule in rules):
                message = f"no rule about Python or shell has an id like {name!r}; include its file, or correct the id"
                raise RuleError(self.mark, f"{self.id}: {message}")

    def for_file(self, path: str, rules: Sequence[Rule]) -> NotebookRule:
        return replace(self, rules=tuple(rule for rule in self.uses(rules) if _is_about(rule, path)))

    def uses(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        """Those of ``rules`` that this rule applies to notebooks."""
        found = (rule for rule in rules if _applicable(rule))
        return tuple(rule for rule in found if not self.names or any(fnmatchcase(rule.id, n) for n in self.names))

    def words(self) -> Iterable[str] | None:
        return None  # words may be spelled with escapes in JSON

    @property
    def sought(self) -> str:
        return '"cell_type": "code"'


def _applicable(rule: Rule) -> bool:
    from . import PYTHON  # which imports this module

    return type(rule) in PYTHON or rule.kind == "shell"


def _is_about(rule: Rule, path: str) -> bool:
    return Globs(("*",), rule.paths, rule.exclude).match(path)


def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
    """What the other rules find in the code cells of the notebook. Raises :class:`.SourceError` if it is not one."""
    findings = Findings()
    notebook = read_notebook(file)
    if not notebook.language.startswith(_PYTHON_LANGUAGES):
        return findings
    own = rules.of(NotebookRule)
    findings.matches.update({rule.id: len(notebook.cells) for rule in own})
    inner = type(rules)(tuple(dict.fromkeys(rule for one in own for rule in one.rules)), rules.files)
    contents = read_contents(notebook)
    # Rename style would take the names from cells that somebody types next: notebooks keep them.
    settings = replace(settings, style="alias")
    for program in contents.programs:
        kinds = _kinds(program.kind)
        about = type(rules)(tuple(rule for rule in inner.rules if isinstance(rule, kinds)), rules.files)
        if about.rules and _may_match(about, program.text):
            _apply(notebook, program, _found(program, path, about, settings), findings)
    findings.uses.sort(key=lambda use: (use.line, use.name))
    for cell, code, error in contents.broken:
        if _may_match(inner, cell.source):
            index = _line_start(cell.source[code.start :], error.line or 1) + code.start
            line = file.line_column(notebook.position(cell, index))[0]
            findings.left.append(Left(f"cell {cell.number} is not Python: {error.reason}", line))
    for cell, magic in contents.unknown:
        if _may_match(inner, cell.source):
            line = file.line_column(notebook.position(cell, 0))[0]
            reason = f"cell {cell.number} is in the language of {magic}, which no rule is about"
            findings.kept.append(Left(reason, line))
    return findings


def _kinds(language: str) -> tuple[type[Rule], ...]:
    from . import PYTHON, TEXT

    return tuple(PYTHON) if language == "python" else tuple(kind for kind in TEXT if kind.kind == "shell")


def _may_match(rules: RuleSet, text: str) -> bool:
    return rules.prefilter.search(text.encode(errors="replace")) is not None


def _found(program: Program, path: str, rules: RuleSet, settings: Settings) -> tuple[TextFile, Findings]:
    """What ``rules`` find in a program, without what comments in it say to ignore."""
    from ..engine import drop_ignored, find_in_python
    from . import TEXT

    file: TextFile
    if program.kind == "python":
        file = source = SourceFile(program.text)
        ignores = Ignores.of_python(file)
        findings = find_in_python(source, ignores, rules, path, settings)
    else:
        file = TextFile(program.text)
        ignores = Ignores.of_lines(file)
        findings = Findings()
        for kind in _kinds(program.kind):
            findings.add(TEXT[kind](file, path, rules, settings))
    drop_ignored(file, findings, ignores)
    return file, findings


def _apply(notebook: Notebook, program: Program, found: tuple[TextFile, Findings], findings: Findings) -> None:
    """Move what was found in a program to where it stands in the notebook."""
    file, inner = found

    def line_of(index: int) -> int:
        return notebook.file.line_column(notebook.position(*program.place(index)))[0]

    def moved(item: Left) -> Left:
        return item if item.line is None else replace(item, line=line_of(file.line_starts[item.line - 1]))

    findings.left += map(moved, inner.left)
    findings.kept += map(moved, inner.kept)
    findings.matches.update(inner.matches)
    findings.uses += (use._replace(line=line_of(file.line_starts[use.line - 1])) for use in inner.uses)
    possible: list[Edit] = []
    for edit in inner.edits:
        reason = _obstacle(program, edit)
        if reason is None:
            possible.append(replace(edit, line=line_of(edit.start)))
        else:
            excerpt = program.text[edit.start : edit.end]
            findings.left.append(Left(reason, line_of(edit.start), edit.rule, excerpt))
    edits = check_disjoint(program.text, possible)
    if program.kind == "python":
        _check(program, edits, line_of)
    for edit in edits:
        segment = program.segment(edit.span)
        assert segment is not None
        alone = not any(o is not edit and o.start <= edit.end and edit.start <= o.end for o in edits)
        findings.edits.append(notebook.edit(edit, segment.cell, segment.shift, alone=alone))


def _obstacle(program: Program, edit: Edit) -> str | None:
    """Why ``edit`` cannot be made in a notebook."""
    segment = program.segment(edit.span)
    quoted = [piece for piece in edit.pieces if isinstance(piece, Span)]
    if segment is None or any(program.segment(span) is not segment for span in quoted):
        return "stands in several cells"
    for magic in program.covered:
        kept = any(span.start <= magic.start and magic.end <= span.end for span in quoted)
        if edit.start < magic.end and magic.start < edit.end and not kept:
            return "a magic of IPython stands in it"
    return None


def _check(program: Program, edits: Sequence[Edit], line_of: Any) -> None:
    """Raise :class:`.SourceError` if a cell would not compile any more."""
    for segment in program.segments:
        span = segment.span
        if not any(span.start <= edit.start and edit.end <= span.end for edit in edits):
            continue
        whole = Edit("", 1, 1, *span, (span,))
        lead = "if 1:\n" if program.text.endswith("if 1:\n", 0, span.start) else ""
        before, after = program.text[span.start : span.end], replacement(program.text, whole, edits)
        try:
            parse(lead + after)
            if _compiles(lead + before) and not _compiles(lead + after):
                raise SourceError("Python would refuse it")
        except SourceError as error:
            reason = f"cell {segment.cell.number} would not compile after conversion: {error.reason}"
            raise SourceError(reason, line_of(span.start)) from error


def _compiles(text: str) -> bool:
    """Whether IPython could run ``text``, which parses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _line_start(text: str, line: int) -> int:
    return TextFile(text).line_starts[line - 1]
