"""Rules for tests: made from data the way a rule file makes them, and checked against source in both styles."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from convert_checks import convert
from ms_convert.errors import RuleError
from ms_convert.language.ruleset import RuleSet, load_rules

TORCH = {"id": "torch", "kind": "import", "match": {"module": "torch"}, "action": {"module": "mindtorch"}}
STYLES = ("alias", "rename")


def rule(kind: str, match: dict[str, Any] | None, action: dict[str, Any], **head: Any) -> dict[str, Any]:
    """One rule as it stands in a rule file, without what all rules have."""
    return {"id": "a-rule", "kind": kind, **({} if match is None else {"match": match}), "action": action, **head}


def load(*rules: dict[str, Any]) -> RuleSet:
    """The rules of a file with these ``rules``."""
    return _load(
        json.dumps({"version": 1, "rules": [{"why": "because", "examples": [{"unchanged": ""}], **r} for r in rules]})
    )


@cache
def _load(text: str) -> RuleSet:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "r.yaml")
        path.write_text(text)
        return load_rules(str(path))


def check(rules: RuleSet, before: str, after: str | None, style: str = "alias", path: str = "example.py") -> None:
    """``before`` becomes exactly ``after`` (None: it stays), nothing is left, and a second run changes nothing."""
    result = convert(before, rules, style, path)
    assert (result.skipped, result.left) == (None, [])
    text = before if result.after is None else result.after.decode()
    assert text == (before if after is None else after)
    again = convert(text, rules, style, path)
    assert (again.after, again.left, again.skipped) == (None, [], None)


def check_left(rules: RuleSet, source: str, *reasons: str, style: str = "alias", path: str = "example.py") -> None:
    """For every one of ``reasons``, a place in ``source`` is left for it; other rules may have changed the rest."""
    result = convert(source, rules, style, path)
    assert result.skipped is None
    left = [item.reason for item in result.left]
    assert len(left) == len(reasons), left
    for found, wanted in zip(sorted(left), sorted(reasons), strict=True):
        assert wanted in found
    text = source if result.after is None else result.after.decode()
    assert convert(text, rules, style, path).after is None


def check_wrong(tmp_path: Path, lines: str, line: int, message: str) -> None:
    """A rule that goes on with ``lines`` is refused in one line that names the place and says ``message``."""
    path = tmp_path / "r.yaml"
    head = "version: 1\nrules:\n  - id: a-rule\n    why: because\n    examples: [{unchanged: x}]\n"
    path.write_text(head + "".join(f"    {text}\n" for text in lines.splitlines()))
    with pytest.raises(RuleError) as caught:
        load_rules(str(path))
    said = str(caught.value)
    assert message in said
    assert said.startswith(f"{path}:{line}: ")
    assert "\n" not in said
