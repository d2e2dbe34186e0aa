"""The kinds of rules, one module each: what a rule file says about a place, how it is found, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..findings import Findings
from ..language.model import Rule
from ..python.module import PythonModule
from ..settings import Settings
from ..textfile import TextFile
from . import api, config, definition, file, imports, insert, notebook, patch, pattern, requirement, shell, strings

if TYPE_CHECKING:
    from ..language.ruleset import RuleSet

PythonFinder = Callable[[PythonModule, "RuleSet", Settings], Findings]
TextFinder = Callable[[TextFile, str, "RuleSet", Settings], Findings]

# Kinds that need the meaning of Python code.
PYTHON: dict[type[Rule], PythonFinder] = {
    imports.ImportRule: imports.find,
    api.ApiRule: api.find,
    pattern.PatternRule: pattern.find,
    definition.DefinitionRule: definition.find,
    insert.InsertRule: insert.find,
    strings.StringRule: strings.find,
}
# Kinds that work on the text of a file, given with its path.
TEXT: dict[type[Rule], TextFinder] = {
    notebook.NotebookRule: notebook.find,
    patch.PatchRule: patch.find,
    requirement.RequirementRule: requirement.find,
    config.ConfigRule: config.find,
    shell.ShellRule: shell.find,
}
# Kinds that are about whole files (see :mod:`..project.files`).
TREE: tuple[type[Rule], ...] = (file.FileRule,)

KINDS: dict[str, type[Rule]] = {kind.kind: kind for kind in (*PYTHON, *TEXT, *TREE)}
