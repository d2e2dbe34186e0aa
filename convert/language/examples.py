"""Run the examples of rules: the promises that ``ms-convert rules test`` keeps."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..engine import convert_source
from ..errors import ConvertError, Mark
from ..kinds.file import FileRule
from ..kinds.notebook import NotebookRule
from .model import Example, Rule
from .ruleset import RuleSet

_MOST_LINES = 40


@dataclass(frozen=True)
class ExampleResult:
    """What became of one example. ``number`` counts those of a rule from 1; ``failure`` is None if it is as promised.

    ``diff`` is a short unified diff from what the example promises to what came out, if they differ.
    """

    rule: str
    number: int
    mark: Mark
    failure: str | None = None
    diff: str = ""

    @property
    def passed(self) -> bool:
        """Whether the rule keeps this promise."""
        return self.failure is None

    def __str__(self) -> str:
        return f"{self.mark}: {self.rule}, example {self.number}: {self.failure or 'as promised'}"


class _Failure(Exception):
    def __init__(self, reason: str, diff: str = "") -> None:
        super().__init__(reason)
        self.diff = diff


def run_examples(rules: RuleSet) -> list[ExampleResult]:
    """Run each example of each rule, alone and together with the other rules that can hold in the same tree.

    The output must be exactly what the example says, and converting it again must change nothing.
    """
    return list(_results(rules))


def _results(rules: RuleSet) -> Iterator[ExampleResult]:
    for rule in rules.rules:
        uses = rule.uses(rules.rules) if isinstance(rule, NotebookRule) else ()
        alone, together = RuleSet((rule, *uses), rules.files), _together(rule, rules)
        for number, example in enumerate(rule.examples, 1):
            try:
                if not isinstance(rule, FileRule):
                    _check_path(rule, example)
                _check(alone, rule, example, "")
                if len(together.rules) > len(alone.rules):
                    _check(together, rule, example, "together with the other rules, ")
            except _Failure as failure:
                yield ExampleResult(rule.id, number, example.mark, str(failure), failure.diff)
            else:
                yield ExampleResult(rule.id, number, example.mark)


def _together(rule: Rule, rules: RuleSet) -> RuleSet:
    """The rules that can hold in a tree in which ``rule`` does: not those of other projects, nor of other versions."""
    upstream = {name: about.name for about in rules.upstreams for name in about.rules}
    own = upstream.get(rule.id)

    def goes_along(other: Rule) -> bool:
        return upstream.get(other.id) in (None, own) and other.when in (None, rule.when)

    return RuleSet(tuple(other for other in rules.rules if goes_along(other)), rules.files)


def _check_path(rule: Rule, example: Example) -> None:
    if not RuleSet((rule,)).is_about(example.path):
        raise _Failure(f"the rule is not about files like {example.path}; give the example a 'path' that it is about")


def _check(rules: RuleSet, rule: Rule, example: Example, how: str) -> None:
    try:
        result = _convert(rules, rule, example, example.before)
        if result != example.after:
            raise _Failure(f"{how}comes out otherwise", _diff(example.after, result))
        again = _convert(rules, rule, example, result)
        if again != result:
            raise _Failure(f"{how}a second run changes it again", _diff(result, again))
    except ConvertError as error:
        raise _Failure(f"{how}{error}") from error


def _convert(rules: RuleSet, rule: Rule, example: Example, text: str | None) -> str | None:
    if isinstance(rule, FileRule):
        return _convert_tree(rules, rule, example, text)
    if text is None or example.after is None:
        raise _Failure("only a rule of kind 'file' adds or removes files; give the text before and after")
    raw = text.encode()
    outcome = convert_source(raw, rules.for_path(example.path), example.path)
    if outcome.skipped is not None:
        line = f"line {outcome.skipped.line}: " if outcome.skipped.line else ""
        raise _Failure(f"is left alone altogether: {line}{outcome.skipped.reason}")
    return outcome.apply(raw).decode()


def _convert_tree(rules: RuleSet, rule: FileRule, example: Example, text: str | None) -> str | None:
    """The text of the file ``example.path`` after the file rules; None if it is not there.

    An example of a rule that copies or moves is about one of both files. Where it is the new one, the text that it is
    to have stands in the old one.
    """
    from ..project.files import plan_files  # which needs the rules of this package

    with tempfile.TemporaryDirectory(prefix="ms-convert-example-") as name:
        root = Path(name)
        texts = {example.path: text}
        if rule.action in ("copy", "move") and example.path == rule.to and text is None:
            texts[rule.path] = example.after
        for path, content in texts.items():
            if content is not None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(content.encode())
        there = [path for path, content in texts.items() if content is not None]
        plan = plan_files(root, there, rules.of(FileRule))
        changes = plan.carry_out(lambda path: ((root / path).read_bytes(), 0o644))
    left = [left.reason for outcome in changes.outcomes.values() for left in outcome.left if left.rule == rule.id]
    if left and example.before != example.after:
        raise _Failure(f"is left alone: {left[0]}")
    if example.path not in changes.files:
        return text
    result = changes.files[example.path]
    return None if result is None else result.decode()


def _diff(promised: str | None, result: str | None) -> str:
    """A unified diff for people: at most some lines, with carriage returns and a missing line end to be seen."""
    old, new = (_shown(text) for text in (promised, result))
    lines = list(difflib.unified_diff(old, new, "promised", "came out", lineterm="", n=2))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"... {len(lines) - _MOST_LINES} more lines"]
    return "\n".join(lines)


def _shown(text: str | None) -> list[str]:
    if text is None:
        return ["(no file)"]
    lines = re.split("(?<=\n)", text)
    if lines[-1]:
        lines[-1] += "(no line end)"
    return [line.removesuffix("\n").replace("\r", "\\r") for line in lines if line]
