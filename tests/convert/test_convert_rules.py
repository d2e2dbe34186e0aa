"""Rule files: what the shipped ones promise, and what is said about wrong ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from convert_checks import check_noop, check_transformed, convert
from ms_convert.errors import ConvertError, RuleError
from ms_convert.kinds.imports import ImportRule
from ms_convert.kinds.notebook import NotebookRule
from ms_convert.kinds.strings import StringRule
from ms_convert.language.model import Example, Rule
from ms_convert.language.rulefile import packaged_names, schema_bytes
from ms_convert.language.ruleset import RuleSet, load_rules

SHIPPED = load_rules("llm.yaml")
TORCH = next(rule for rule in SHIPPED.of(ImportRule) if rule.id == "torch-import")
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}-{number}")
    for rule in SHIPPED.rules
    for number, example in enumerate(rule.examples)
]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_example_of_shipped_rule(rule: Rule, example: Example) -> None:
    uses = rule.uses(SHIPPED.rules) if isinstance(rule, NotebookRule) else ()
    for rules in (RuleSet((rule, *uses)), SHIPPED):
        if example.before == example.after:
            check_noop(example.before, rules, path=example.path)
        else:
            check_transformed(example.before, example.after, rules, path=example.path)


@pytest.mark.parametrize("name", packaged_names())
def test_shipped_file_loads_alone(name: str) -> None:
    assert load_rules(name).rules
    assert load_rules(f"rules/{name}").rules


def test_every_shipped_rule_has_an_example_that_changes_something() -> None:
    for rule in SHIPPED.rules:
        if isinstance(rule, ImportRule) and rule.unsupported is not None:
            continue  # what it is about stays
        assert any(example.before != example.after for example in rule.examples), rule.id


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_bytes()))


GOOD = """\
version: 1
rules:
  - id: a-rule
    kind: import
    why: because
    match: {module: torch}
    action: {module: mindtorch}
    examples:
      - before: import torch
        after: import mindtorch as torch
"""
STRING = GOOD.replace("kind: import", "kind: string").replace("{module: torch}", "{module: torch, callee: [f.g]}")


def _load(tmp_path: Path, text: str | bytes, name: str = "r.yaml") -> RuleSet:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_rules(str(path))


def test_good_file(tmp_path: Path) -> None:
    (rule,) = _load(tmp_path, GOOD).of(ImportRule)
    assert (rule.id, rule.why, rule.module, rule.targets) == ("a-rule", "because", "torch", {"torch": "mindtorch"})
    assert str(rule.mark) == f"{tmp_path / 'r.yaml'}:3"
    (rule,) = _load(tmp_path, STRING).of(StringRule)
    assert rule.callees == {"f.g"}


WRONG = [
    ("", 1, "empty"),
    ("rules: [\n", 2, "not valid YAML"),
    ("version: 1\n\trules: []\n", 2, "not valid YAML"),
    ("- 1\n", 1, "rule file: must be a mapping"),
    ("version: 2\n", 1, "version: 2 is not one of 1"),
    ("rules: []\n", 1, "rule file: 'version' is missing"),
    ("version: 1\nversion: 1\n", 2, "'version' is given twice"),
    ("version: 1\n1: 2\n", 2, "keys must be words"),
    ("version: 1\n? [a]\n: 2\n", 2, "a key must be a single word"),
    ("version: 1\nruels: []\n", 2, "'ruels' is not known; did you mean 'rules'?"),
    ("version: 1\nextra: []\n", 2, "'extra' is not known; known here: environment, include, repositories, rules, "
     "upstream, version"),
    ("version: 1\nrules: {}\n", 2, "rules: must be a list"),
    ("version: 1\nrules:\n  - &a {}\n  - *a\n", 3, "anchors and aliases"),
    ("version: !!python/object:os.system 1\n", 1, "cannot read the value '1'"),
    ("version: 1\nrules: !!python/object/apply:os.system ['x']\n", 2, "rules"),
    (b"version: 1\n# \xff\n", 2, "not valid UTF-8"),
    ("version: 1\n" + "#" * 1_000_001, 1, "the limit is"),
    ("version: 1\nrules: " + "[" * 5000 + "]" * 5000, 2, "nested too deeply"),
    (GOOD.replace("kind: import", "kind: imports"), 4, "rules[0].kind: 'imports' is not one of import, string"),
    (GOOD.replace("    why: because\n", ""), 3, "rules[0]: 'why' is missing"),
    (GOOD.replace("id: a-rule", "id: A Rule"), 3, "rules[0].id: 'A Rule' is not right; must be lower-case words"),
    (GOOD.replace("{module: torch}", "{modul: torch}"), 6, "match: 'modul' is not known; did you mean 'module'?"),
    (GOOD.replace("{module: torch}", "{module: torch.nn}"), 6, "'torch.nn' is not right; must be the name of a top"),
    (GOOD.replace("{module: torch}", "torch"), 6, "rules[0].match: must be a mapping"),
    (GOOD.replace("{module: mindtorch}", "{module: mind-torch}"), 7, "'mind-torch' is not right; must be a dotted"),
    (GOOD.replace("{module: mindtorch}", "{module: torch.x}"), 7, "the target is itself in torch"),
    (GOOD.replace("        after: import mindtorch as torch\n", ""), 9, "must have before and after, or unchanged"),
    (GOOD.replace("        after: ", "        aftre: "), 10, "'aftre' is not known; did you mean 'after'?"),
    (GOOD.replace("why: because", "why: because\n    expect: -1"), 6, "expect: must be a count, or a mapping"),
    (GOOD.replace("why: because", "why: because\n    expect: {min: 2, max: 1}"), 6, "max 1 is less than min 2"),
    (GOOD + GOOD.partition("rules:\n")[2], 11, "the id a-rule is taken by"),
    (GOOD + GOOD.partition("rules:\n")[2].replace("a-rule", "b-rule"), 11, "b-rule and a-rule"),
    (STRING.replace(", callee: [f.g]", ""), 6, "say where the string stands with one of callee, parameter"),
    (STRING.replace("[f.g]", "[f.g], method: [h]"), 6, "say where the string stands with one of callee, parameter"),
    (STRING.replace("callee: [f.g]", "calle: [f.g]"), 6, "'calle' is not known; did you mean 'callee'?"),
    (STRING.replace("[f.g]", "[f.g()]"), 6, "rules[0].match.callee[0]: 'f.g()' is not right; must be a dotted name"),
    (STRING.replace("[f.g]", "[f.g], argument: {position: x}"), 6, "argument.position: must be a whole number"),
    (STRING.replace("callee: [f.g]", "mapping: [f.g], argument: {position: 0}"), 6, "a mapping has no arguments"),
    ("version: 1\ninclude:\n  - gone.yaml\n", 3, "no rule file"),
    ("version: 1\ninclude: [../x.yaml]\n", 2, "must be a relative path without '..'"),
    ("version: 1\ninclude: [/etc/x.yaml]\n", 2, "must be a relative path without '..'"),
    ("version: 1\ninclude: [r.yaml]\n", 1, "includes itself"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_wrong_file(tmp_path: Path, text: str | bytes, line: int, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        _load(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_no_such_file() -> None:
    with pytest.raises(ConvertError, match=r"no rule file gone\.yaml: give a path, or one of .*llm\.yaml"):
        load_rules("gone.yaml")


def test_directory_is_no_rule_file(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="no rule file"):
        load_rules(str(tmp_path))


def test_file_without_rules(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="has no rules"):
        _load(tmp_path, "version: 1\n")


def test_include_reads_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "base.yaml").write_text(GOOD)
    (tmp_path / "one.yaml").write_text("version: 1\ninclude: [deep/base.yaml]\n")
    rules = _load(tmp_path, "version: 1\ninclude: [one.yaml, deep/base.yaml, one.yaml]\n")
    assert [rule.id for rule in rules.rules] == ["a-rule"]
    assert [Path(file).name for file in rules.files] == ["base.yaml", "one.yaml", "r.yaml"]


def test_include_finds_packaged_files(tmp_path: Path) -> None:
    rules = _load(tmp_path, "version: 1\ninclude: [torch.yaml]\n")
    assert "torch-import" in [rule.id for rule in rules.rules]


def test_wrong_included_file_is_named_itself(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nx: 1\n")
    with pytest.raises(RuleError, match=r"bad\.yaml:2: "):
        _load(tmp_path, "version: 1\ninclude: [bad.yaml]\n")


def test_target_below_a_package() -> None:
    rule = replace(TORCH, module="apex", targets={"apex": "mindtorch_shims.apex"})
    rules = RuleSet((rule,))
    check_transformed("import apex\n", "import mindtorch_shims.apex as apex\n", rules)
    check_transformed(
        "import apex.optimizers\n",
        "import mindtorch_shims.apex.optimizers as apex, mindtorch_shims.apex as apex\n",
        rules,
    )
    check_transformed("from apex import amp\n", "from mindtorch_shims.apex import amp\n", rules)


def test_two_import_rules_in_one_statement() -> None:
    other = replace(TORCH, id="apex", module="apex", targets={"apex": "mindtorch_shims.apex"})
    rules = RuleSet((TORCH, other))
    check_transformed("import apex, torch\n", "import mindtorch_shims.apex as apex, mindtorch as torch\n", rules)
    (edit,) = convert("import apex, torch\n", rules).edits
    assert edit.rule == "apex,torch-import"


def test_two_rules_that_disagree_about_a_text(tmp_path: Path) -> None:
    second = STRING.partition("rules:\n")[2].replace("a-rule", "b-rule").replace("callee: [f.g]", "method: [g]")
    rules = _load(tmp_path, STRING + second.replace("mindtorch}", "other}"))
    with pytest.raises(ConvertError, match="rules a-rule and b-rule both rewrite line 2: \"'torch'\""):
        convert("import f\nf.g('torch')\n", rules)


def test_matches_count_what_is_converted_already() -> None:
    rules = RuleSet((replace(TORCH, expect=(1, None)),))
    first = convert("import torch, torch.nn\nfrom torch import x\nimport os\n", rules)
    assert first.matches == {"torch-import": 3}
    assert first.after is not None
    again = convert(first.after, rules)
    assert again.after is None
    assert again.matches["torch-import"] >= 3
