"""One conversion from beginning to end: everything is decided in memory before the first file is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .caching import cache_directory
from .errors import ConvertError
from .expectations import check_expectations, total
from .kinds.file import FileRule
from .kinds.imports import ImportRule
from .language.globs import Globs
from .language.ruleset import RuleSet, load_rules
from .language.selection import check_version, for_tree, own_notes
from .outcome import Outcome
from .project.cache import Cache
from .project.changes import Changes, collect
from .project.exports import seen_names
from .project.files import plan_files
from .project.gitstate import uncommitted
from .project.journal import last_run, removed_files
from .project.pool import convert_files
from .project.tree import OWN, Tree, own_modules, scan
from .project.undo import recover
from .project.writer import About, write_copy, write_in_place, write_one_copy
from .report.coverage import cover
from .report.excerpts import Excerpts, excerpts
from .report.model import FileReport, Report
from .settings import Settings

# Given the number of files, a context in which the progress is shown; its value is called with how many more are done.
Progress = Callable[[int], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True)
class Options:
    """What the user asked for. ``output`` None is in place; ``check`` and ``diff`` write nothing.

    ``select`` (empty: all) and ``ignore`` are ids of rules, ``exclude`` globs of files to leave alone.
    ``upstream_version`` overrides what the tree says. ``coverage_min`` is the percentage of supported uses from which
    on unsupported ones are no failure. ``scan`` asks only which APIs the tree uses.
    """

    path: Path
    rules: str | tuple[str, ...]
    output: Path | None = None
    check: bool = False
    diff: bool = False
    allow_dirty: bool = False
    jobs: int = 1
    style: str = "alias"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    upstream_version: str | None = None
    coverage_min: float | None = None
    cache: bool = True
    scan: bool = False

    @property
    def mode(self) -> str:
        """How the report calls it."""
        if self.scan:
            return "scan"
        if self.check:
            return "check"
        if self.diff:
            return "diff"
        return "in-place" if self.output is None else "output"


def run(options: Options, progress: Progress) -> Report:
    """Convert what ``options`` say. Raises :class:`ConvertError` before anything is written, or if writing fails."""
    started = time.perf_counter()
    check_version(options.upstream_version)
    rules = load_rules(options.rules).chosen(options.select, options.ignore)
    path = _existing(options.path)
    root = path if path.is_dir() else path.parent
    rules = for_tree(rules, root, options.upstream_version)
    if options.output is not None:
        _check_output(path, options.output)
    in_place = options.mode == "in-place"
    recovered = recover(root) if in_place else None
    excluded = Globs(("*",), (), options.exclude)
    tree = scan(path, lambda name: rules.is_about(name) and excluded.match(name), in_place=in_place)
    if not tree.files and not tree.skipped and not rules.of(FileRule):
        raise ConvertError(f"nothing to convert in {options.path}: is it the directory of the cloned repository?")

    report = Report(str(path), options.mode, rules.files, str(options.output) if options.output else None)
    own = own_modules(tree.root, frozenset(m for rule in rules.rules for m in rule.modules())) if path.is_dir() else {}
    report.notes += [recovered] if recovered else []
    report.notes += own_notes(own)
    active = rules.without_modules(frozenset(own))
    settings = Settings(options.style, _seen_names(path, active) if options.style == "rename" else frozenset())
    cache = Cache(cache_directory(), active, settings) if options.cache else None
    file_rules = active.of(FileRule) if path.is_dir() and not options.scan else ()
    removing = any(rule.action == "remove" for rule in file_rules)
    plan = plan_files(root, tree.paths, file_rules, removed_files(root) if removing else ())
    files = [relative for relative in tree.files if relative not in plan.claimed]
    with progress(len(files)) as advance:
        converted = convert_files(str(tree.root), files, active, settings, options.jobs, cache, advance)
    if cache is not None:
        cache.close()
    outcomes = converted.outcomes
    report.coverage_min = options.coverage_min
    if options.scan:
        # Skipped files matter: nobody knows what they use.
        converted.outcomes = outcomes = {
            name: Outcome(uses=outcome.uses, skipped=outcome.skipped) for name, outcome in outcomes.items()
        }
    changes = collect(root, converted, plan, options.diff)
    matches = total(outcome.matches for outcome in outcomes.values())
    if not options.scan:
        _remember_traceless(active, root, matches)
        check_expectations(active, matches, tree.root, tree.files)
    if in_place and changes.files and not options.allow_dirty:
        _refuse_dirty(path)
    report.count_rules(active, outcomes.values())
    report.coverage = cover(outcomes, active)
    _describe(report, tree, outcomes, changes)
    if in_place:
        about = About("." if path.is_dir() else path.name, active.fingerprint, matches)
        write_in_place(root, changes.files, modes=changes.modes, seen=changes.seen, about=about)
    elif options.mode == "output":
        assert options.output is not None
        if path.is_dir():
            write_copy(path, options.output, changes.files, modes=changes.modes)
        else:
            write_one_copy(path, options.output, changes.files.get(path.name))
    report.seconds = time.perf_counter() - started
    return report


def _remember_traceless(rules: RuleSet, root: Path, matches: Counter[str]) -> None:
    """Count what an earlier run in place with the same rules matched for rules whose result cannot be seen."""
    traceless = [rule.id for rule in rules.rules if rule.expect is not None and rule.leaves_no_trace]
    run = last_run(root) if traceless else None
    if run is not None and run.fingerprint == rules.fingerprint:
        for rule in traceless:
            matches[rule] = max(matches[rule], run.matches[rule])


def _seen_names(path: Path, rules: RuleSet) -> frozenset[tuple[str, str]]:
    """The names that other files look up, whether rules are about those or not; for a single file, its neighbours."""
    names = frozenset(rule.module for rule in rules.of(ImportRule))
    if path.is_dir():
        files = scan(path, lambda name: name.endswith((".py", ".pyi", ".pyw")), in_place=False).files
        return seen_names(path, files, names)
    neighbours = (file for file in path.parent.glob("*.py") if file.is_file() and not file.is_symlink())
    return seen_names(path.parent, sorted(file.name for file in neighbours), names)


def _existing(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, before Python 3.13
        raise ConvertError(f"no such file or directory: {path}; give the path of a cloned repository") from error


def _check_output(path: Path, output: Path) -> None:
    target = output.resolve()
    if target == path or (path.is_dir() and target.is_relative_to(path)):
        raise ConvertError(f"the output {output} is inside {path}; name a directory outside it, or leave out -o")
    if path.is_relative_to(target):
        raise ConvertError(f"the output {output} contains {path}; name a new directory")
    if output.is_file():
        raise ConvertError(f"the output {output} is a file; name a directory")
    if path.is_dir() and output.is_dir() and any(output.iterdir()):
        raise ConvertError(f"the output {output} is not empty; remove it or name a new directory")


def _refuse_dirty(path: Path) -> None:
    dirty = [file for file in uncommitted(path) if OWN not in file.split("/")]
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        raise ConvertError(
            f"{path} has uncommitted changes ({dirty[0]}{more}): commit them, convert a copy with -o DIR, "
            "or go on with --allow-dirty"
        )


def _describe(report: Report, tree: Tree, outcomes: dict[str, Outcome], changes: Changes) -> None:
    report.seen = len(tree.files) + len(tree.skipped)
    for relative, why in tree.skipped.items():
        report.files.append(FileReport.not_read(relative, why))
    unsupported = report.coverage.by_file()
    for relative, outcome in outcomes.items():
        uses = unsupported.get(relative, ())
        if outcome.changes or outcome.left or outcome.kept or outcome.skipped or uses:
            patch = changes.diffs.get(relative)
            shown = Excerpts()
            raw = changes.original(relative) if uses or outcome.changes else None
            if raw is not None and relative not in changes.whole:
                shown = excerpts(raw, outcome.encoding, (line for line, *_ in uses), outcome.changes)
            report.files.append(FileReport.of(relative, outcome, patch, shown))
    report.files.sort(key=lambda file: file.path)
