"""Examples of rules are run, and rules are described."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from convert_checks import llm_rules
from ms_convert.errors import RuleError
from ms_convert.language.describe import describe_rule, list_rules, validate_rules
from ms_convert.language.examples import ExampleResult, run_examples
from ms_convert.language.ruleset import RuleSet, load_rules

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rules"
HEAD = """\
version: 1
rules:
  - id: a-rule
    kind: import
    why: A reason. And one more.
    match: {module: torch}
    action: {module: mindtorch}
    examples:
"""


def load(tmp_path: Path, text: str) -> RuleSet:
    (tmp_path / "r.yaml").write_text(text)
    return load_rules(str(tmp_path / "r.yaml"))


def run(tmp_path: Path, text: str) -> list[ExampleResult]:
    return run_examples(load(tmp_path, text))


def test_shipped_rules_keep_their_promises() -> None:
    results = run_examples(llm_rules())
    assert len(results) == sum(len(rule.examples) for rule in llm_rules().rules) > 10
    assert [str(result) for result in results if not result.passed] == []


def test_example_that_comes_out_otherwise(tmp_path: Path) -> None:
    examples = """\
      - unchanged: "import os\\n"
      - before: |
          import torch
          x = 1
        after: |
          import mindtorch
          x = 1
      - unchanged: "import torch\\r\\n"
      - before: "import torch\\n"
        after: "import mindtorch as torch"
"""
    good, *bad = run(tmp_path, HEAD + examples)
    assert (good.passed, good.number, good.diff) == (True, 1, "")
    assert str(bad[0]) == f"{tmp_path / 'r.yaml'}:10: a-rule, example 2: comes out otherwise"
    head = ["--- promised", "+++ came out"]
    assert bad[0].diff.split("\n") == [
        *head,
        "@@ -1,2 +1,2 @@",
        "-import mindtorch",
        "+import mindtorch as torch",
        " x = 1",
    ]
    assert bad[1].diff.split("\n")[3:] == ["-import torch\\r", "+import mindtorch as torch\\r"]
    assert bad[2].diff.split("\n")[3:] == ["-import mindtorch as torch(no line end)", "+import mindtorch as torch"]


def test_long_diff_is_cut(tmp_path: Path) -> None:
    lines = "\\n".join(["import torch"] * 50)
    (result,) = run(tmp_path, HEAD + f'      - unchanged: "{lines}"\n')
    assert result.diff.count("\n") == 40
    assert re.search(r"\n\.\.\. \d+ more lines$", result.diff)


BAD = [
    ('      - unchanged: "def f(:\\n  import torch\\n"\n', "is left alone altogether: line 1: "),
    (
        '      - unchanged: "x"\n        path: a.txt\n',
        "the rule is not about files like a.txt; give the example a 'path'",
    ),
    ('      - {before: null, after: "x"}\n', "only a rule of kind 'file' adds or removes files"),
    ('      - {before: "x", after: null}\n', "only a rule of kind 'file' adds or removes files"),
]


@pytest.mark.parametrize(("example", "reason"), BAD)
def test_example_that_cannot_be_run(tmp_path: Path, example: str, reason: str) -> None:
    (result,) = run(tmp_path, HEAD + example)
    assert not result.passed
    assert reason in str(result)


OTHER = """\
  - id: b-rule
    kind: patch
    why: because
    paths: ['*.py']
    match: {before: y = 1}
    action: {replace: y = 2}
    examples:
      - {before: "y = 1\\n", after: "y = 2\\n"}
"""


def test_rules_that_get_into_each_others_way(tmp_path: Path) -> None:
    promise = '      - {before: "import torch\\ny = 1\\n", after: "import mindtorch as torch\\ny = 1\\n"}\n'
    first, second = run(tmp_path, HEAD + promise + OTHER)
    assert "together with the other rules, comes out otherwise" in str(first)
    assert second.passed
    clash = OTHER.replace("y = 1", "import torch")
    first, second = run(
        tmp_path, HEAD + '      - {before: "import torch\\n", after: "import mindtorch as torch\\n"}\n' + clash
    )
    assert "together with the other rules, rules " in str(first)
    assert "both rewrite line 1" in str(second)


def test_second_run_must_change_nothing(tmp_path: Path) -> None:
    text = HEAD + '      - {before: "import torch\\n", after: "import mindtorch as torch\\n"}\n'
    rule = load(tmp_path, text).rules[0]
    again = replace(rule, id="again", module="mindtorch", targets={"mindtorch": "third"})  # type: ignore[call-arg]
    result = run_examples(RuleSet((rule, again)))[0]
    assert "together with the other rules, a second run changes it again" in str(result)
    assert "+import third as torch" in result.diff


def test_rules_of_other_projects_do_not_meet(tmp_path: Path) -> None:
    upstream = "version: 1\nupstream: {name: NAME, marker: x}\nrules:\n"
    rules = HEAD.partition("rules:\n")[2] + '      - {before: "import torch", after: "import mindtorch as torch"}\n'
    (tmp_path / "one.yaml").write_text(upstream.replace("NAME", "one") + rules + "    paths: ['*.py']\n")
    two = rules.replace("a-rule", "b-rule").replace("mindtorch", "other") + "    paths: ['*.py']\n"
    (tmp_path / "two.yaml").write_text(upstream.replace("NAME", "two") + two)
    (tmp_path / "both.yaml").write_text("version: 1\ninclude: [one.yaml, two.yaml]\n")
    rules_of_both = load_rules(str(tmp_path / "both.yaml"))
    assert [result.passed for result in run_examples(rules_of_both)] == [True, True]
    assert [(row.id, row.upstream) for row in list_rules(rules_of_both)] == [("a-rule", "one"), ("b-rule", "two")]


FILE = """\
version: 1
rules:
  - id: a-file
    kind: file
    why: because
    match: {path: MATCH}
    action: ACTION
    examples:
      - {path: PATH, before: BEFORE, after: AFTER}
"""
FILES = [
    ("a/x.py", "{add: {content: 'x = 1'}}", "a/x.py", "null", "x = 1", True),
    ("a/x.py", "{add: {content: 'x = 1'}}", "a/x.py", "null", "x = 2", False),
    ("a/x.py", "{add: {content: 'x = 1'}}", "a/x.py", "y", "x = 1", False),
    ("a/x.py", "{add: {content: 'x = 1', overwrite: true}}", "a/x.py", "y", "x = 1", True),
    ("a/*.py", "{remove: true}", "a/x.py", "y", "null", True),
    ("a/*.py", "{remove: true}", "b/x.py", "y", "null", False),
    ("a/x.py", "{move: {to: b.py}}", "a/x.py", "y", "null", True),
    ("a/x.py", "{move: {to: b.py}}", "b.py", "null", "y", True),
    ("a/x.py", "{copy: {to: b.py}}", "a/x.py", "y", "y", True),
    ("a/x.py", "{copy: {to: b.py}}", "b.py", "null", "y", True),
    ("a/x.py", "{copy: {to: b.py}}", "b.py", "z", "y", False),
]


@pytest.mark.parametrize(("match", "action", "path", "before", "after", "passed"), FILES)
def test_examples_of_file_rules(
    tmp_path: Path, match: str, action: str, path: str, before: str, after: str, passed: bool
) -> None:
    text = FILE.replace("MATCH", match).replace("ACTION", action).replace("PATH", path)
    (result,) = run(tmp_path, text.replace("BEFORE", before).replace("AFTER", after))
    assert result.passed == passed, f"{result}\n{result.diff}"


@pytest.mark.parametrize("name", ["notebook.md", "patch.md"])
def test_examples_in_the_documentation(tmp_path: Path, name: str) -> None:
    rule = re.search(r"```yaml\n(- id: .*?)```", (DOCS / name).read_text(), re.DOTALL)
    assert rule is not None
    results = run(tmp_path, f"version: 1\ninclude: [torch.yaml]\nrules:\n{rule[1]}")
    assert [f"{result}\n{result.diff}" for result in results if not result.passed] == []


DESCRIPTION = """\
b-rule (patch), r.yaml:10

because

paths:
- '*.py'
match:
  before: y = 1
action:
  replace: |
    y = 2
    z = 3

example 1, example.py
  before:
    y = 1

    # é
  after:
    y = 2
    z = 3

    # é

example 2, x.py
  unchanged:
    z
"""


def test_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = OTHER.replace("{replace: y = 2}", '{replace: "y = 2\\nz = 3\\n"}')
    other = other.replace('"y = 1\\n", after: "y = 2\\n"', '"y = 1\\n\\n# é\\n", after: "y = 2\\nz = 3\\n\\n# é\\n"')
    (tmp_path / "r.yaml").write_text(f"{HEAD}      - unchanged: x\n{other}      - {{unchanged: z, path: x.py}}\n")
    rules = load_rules("r.yaml")
    assert describe_rule(rules.rules[1]) == DESCRIPTION
    (row, _) = list_rules(rules)
    assert (row.id, row.kind, row.summary, row.upstream, row.examples) == ("a-rule", "import", "A reason.", "", 1)
    assert str(row.mark) == "r.yaml:3"


def test_every_shipped_rule_can_be_described() -> None:
    for rule in llm_rules().rules:
        text = describe_rule(rule)
        assert text.startswith(f"{rule.id} ({rule.kind}), ")
        shown = yaml.safe_load(text.split("\n\n")[2])
        assert "action" in shown


def test_validation(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(HEAD + "      - unchanged: x\n")
    bad.write_text("version: 1\nx: 1\n")
    assert validate_rules([str(good), "torch.yaml"]) == []
    wrong, gone = validate_rules([str(bad), str(good), "gone.yaml"])
    assert isinstance(wrong, RuleError)
    assert str(wrong).startswith(f"{bad}:2: ")
    assert str(gone).startswith("no rule file gone.yaml")
