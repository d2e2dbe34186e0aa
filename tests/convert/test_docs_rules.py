"""The pages about the kinds of rules: every complete rule in them loads, and keeps the promises of its examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ms_convert.kinds import KINDS
from ms_convert.language.examples import run_examples
from ms_convert.language.ruleset import load_rules

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "rules").glob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rule_files(page: Path) -> list[dict[str, Any]]:
    """The blocks of a page that are rule files, or rules of one; others are parts of a rule."""
    found: list[dict[str, Any]] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        data = yaml.safe_load(block)
        if isinstance(data, list):
            # A rule by itself may speak of those that come with the converter.
            data = {"version": 1, "include": ["torch.yaml"], "rules": data}
        if isinstance(data, dict) and "rules" in data:
            found.append(data)
    return found


def test_every_kind_has_a_page() -> None:
    assert {page.stem for page in PAGES} >= set(KINDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_complete_rules_of_a_page(page: Path, tmp_path: Path) -> None:
    kinds = {rule["kind"] for data in rule_files(page) for rule in data["rules"]}
    assert page.stem in kinds, "a page shows a complete rule of its kind"
    if not kinds <= set(KINDS):
        pytest.skip(f"not registered: {', '.join(sorted(kinds - set(KINDS)))}")
    for number, data in enumerate(rule_files(page)):
        path = tmp_path / f"{page.stem}{number}.yaml"
        path.write_text(yaml.safe_dump(data))
        shown = {rule["id"] for rule in data["rules"]}
        results = [result for result in run_examples(load_rules(str(path))) if result.rule in shown]
        assert results
        assert [str(result) + result.diff for result in results if not result.passed] == []
