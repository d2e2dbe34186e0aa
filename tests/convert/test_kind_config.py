"""Config rules in YAML, JSON and TOML files."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from convert_checks import check_noop, check_transformed, convert
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ms_convert.config import toml, yaml_write
from ms_convert.config import yaml as yaml_file
from ms_convert.config.model import same
from ms_convert.errors import ConvertError, Mark, RuleError
from ms_convert.kinds.config import ConfigRule
from ms_convert.language.ruleset import RuleSet, load_rules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[2] / "docs" / "rules" / "config.md"
HEAD: dict[str, Any] = {"why": "because", "mark": Mark("r.yaml", 1), "paths": ("*.yaml", "*.json", "*.toml")}


def _rules(key: str | tuple[str | int, ...], **action: Any) -> RuleSet:
    path = tuple(key.split(".")) if isinstance(key, str) else key
    return RuleSet((ConfigRule(id="a", path=path, **HEAD, **action),))


SET = [
    ("yaml", "a: 1\n", "a: 5\n"),
    ("yaml", "# h\na:   1   # c\nb: 2", "# h\na:   5   # c\nb: 2"),
    ("yaml", "a:\nb: 1\n", "a: 5\nb: 1\n"),
    ("yaml", "a:  # c\nb: 1\n", "a: 5  # c\nb: 1\n"),
    ("yaml", "a: ''\r\nb: 1\r\n", "a: 5\r\nb: 1\r\n"),
    ("yaml", "a: |\n  text\n  # text\n\n# c\nb: 1\n", "a: 5\n\n# c\nb: 1\n"),
    ("yaml", "a:\n  x: 1  # c\n\n  y: [1,\n    2]\n# d\nb: 2\n", "a: 5\n# d\nb: 2\n"),
    ("yaml", "a:\n- x\n- y\nb: 2\n", "a: 5\nb: 2\n"),
    ("yaml", "a:  # c\n  x: 1\n", "a:  # c\n  5\n"),
    ("yaml", "{b: 1, a: {x: 1}, c: 2}\n", "{b: 1, a: 5, c: 2}\n"),
    ("yaml", '"a": "x"\n', '"a": 5\n'),
    ("yaml", "a: plain\n  text\nb: 1\n", "a: 5\nb: 1\n"),
    ("yaml", "a: 1\n---\nb: 1\n---\na: 2\n", "a: 5\n---\nb: 1\n---\na: 5\n"),
    ("yaml", "%YAML 1.1\n---\na: 1\n...\n", "%YAML 1.1\n---\na: 5\n...\n"),
    ("yaml", "x: &x 1\na: *x\n", "x: &x 1\na: 5\n"),
    ("yaml", "\ufeffa: 1\n", "\ufeffa: 5\n"),
    ("yaml", "b: é😀\na: 1\n", "b: é😀\na: 5\n"),
    ("json", '{"a": 1, "b": [1.0, 1e5]}', '{"a": 5, "b": [1.0, 1e5]}'),
    ("json", '{\r\n\t"a" : {"x": [1, "]"]}\r\n}\r\n', '{\r\n\t"a" : 5\r\n}\r\n'),
    ("json", '{"\\u0061": "\\"a\\\\"}', '{"\\u0061": 5}'),
    ("toml", "a = 1 # c\n[b]\na = 2\n", "a = 5 # c\n[b]\na = 2\n"),
    ("toml", 'a = """x\n"y" # z\n"""\n', "a = 5\n"),
    ("toml", "'a' = [ 1, # c\n 2 ] # d", "'a' = 5 # d"),
    ("toml", "a = {x = 1, y.z = 2}\r\n", "a = 5\r\n"),
    ("toml", "a = 1979-05-27 07:32:32 # c\n", "a = 5 # c\n"),
]


@pytest.mark.parametrize(("kind", "before", "after"), SET)
def test_set(kind: str, before: str, after: str) -> None:
    check_transformed(before, after, _rules("a", new=5), path=f"x.{kind}")


NESTED = [
    ("yaml", "train:\n  - optimizer: {name: adam}\n  - optimizer:\n      name: 'sgd'  # c\n", ("adam", "'sgd'")),
    ("json", '{"train": [{"optimizer": {"name": "adam"}}, {"optimizer": {"name": "sgd"}}]}', ('"adam"', '"sgd"')),
    ("toml", "[[train]]\noptimizer.name = \"adam\"\n[[train]]\n[train.optimizer]\nname = 'sgd'\n", ('"adam"', "'sgd'")),
]


@pytest.mark.parametrize(("kind", "before", "spelled"), NESTED)
def test_key_paths(kind: str, before: str, spelled: tuple[str, str]) -> None:
    path = f"x.{kind}"
    adam, sgd = spelled
    quote = [text[0] if text[0] in "\"'" else "" for text in spelled]
    new = [f"{mark}lion{mark}" for mark in quote]
    everywhere = before.replace(adam, new[0]).replace(sgd, new[1])
    check_transformed(before, everywhere, _rules("train.*.optimizer.name", new="lion"), path=path)
    check_transformed(before, everywhere, _rules("*.*.*.*", new="lion"), path=path)
    second = before.replace(sgd, new[1])
    check_transformed(before, second, _rules("train.1.optimizer.name", new="lion"), path=path)
    check_transformed(before, second, _rules(("train", 1, "optimizer", "name"), new="lion"), path=path)
    check_transformed(before, second, _rules("train.*.optimizer.name", value="sgd", new="lion"), path=path)
    for key in ("train.2.optimizer.name", "train.optimizer", "optimizer.name", "train.0.optimizer.name.x"):
        check_noop(before, _rules(key, new="lion"), path=path)


REMOVE = [
    ("yaml", "a: 1\nb: 2\n", "b: 2\n"),
    ("yaml", "b: 2\na: 1  # c\n# d\nc: 3\n", "b: 2\n# d\nc: 3\n"),
    ("yaml", "b: 2\na:\n  x: 1\n  y:\n  - 1\n\nc: 3\n", "b: 2\n\nc: 3\n"),
    ("yaml", "b: 2\na: |\n  x\n  y\nc: 3", "b: 2\nc: 3"),
    ("yaml", "b: 1\na: 2", "b: 1\n"),
    ("yaml", "a: 1\n", "{}\n"),
    ("yaml", "{a: 1, b: 2}\n", "{b: 2}\n"),
    ("yaml", "{b: 1, a: 2}\n", "{b: 1}\n"),
    ("yaml", "{b: 1, a: 2, c: 3,}\n", "{b: 1, c: 3,}\n"),
    ("yaml", "{\n  b: 1, # b, c\n  a: 2 # a\n}\n", "{\n  b: 1 # b, c\n}\n"),
    ("yaml", "a: !x 1\nb: &y 2\n", "b: &y 2\n"),
    ("json", '{"a": 1, "b": 2}', '{"b": 2}'),
    ("json", '{"b": 2, "a": {"c": [1, 2]}}', '{"b": 2}'),
    ("json", '{"a": 1}', "{}"),
    ("json", '{\n  "b": 2,\n  "a": 1\n}\n', '{\n  "b": 2\n}\n'),
    ("json", '{\n  "a": [\n    1\n  ],\n  "b": 2\n}\n', '{\n  "b": 2\n}\n'),
    ("json", '{ "b": 2 , "a": 1 }', '{ "b": 2  }'),
    ("toml", "a = 1 # c\nb = 2\n", "b = 2\n"),
    ("toml", "b = 2\n  a.x = 1\na.y = [\n1]\n[c]\n", "b = 2\n[c]\n"),
    ("toml", "b = 1\n[a]\nx = 1\n# in\ny = 2\n\n# c\n[c]\nz = 1\n[a.d]\n", "b = 1\n\n# c\n[c]\nz = 1\n"),
    ("toml", "[[a]]\nx = 1\n[a.s]\n[[a]]\n[b]\n", "[b]\n"),
]


@pytest.mark.parametrize(("kind", "before", "after"), REMOVE)
def test_remove(kind: str, before: str, after: str) -> None:
    check_transformed(before, after, _rules("a", removes=True), path=f"x.{kind}")


DEEP_REMOVE = [
    ("x.a", "yaml", "x:\n  a: 1\ny: 2\n", "x: {}\ny: 2\n"),
    ("x.a", "yaml", "x:  # c:\n  a: 1\ny: 2\n", "x:  # c:\n  {}\ny: 2\n"),
    ("x.1", "yaml", "x:\n- 1\n- a: 2\n  b: 2\n- 3\n", "x:\n- 1\n- 3\n"),
    ("x.*", "yaml", "x:\n  - 1\n  - 2\ny: 1\n", "x: []\ny: 1\n"),
    ("x.1", "yaml", "x:\n- 1\n- # c -\n  # d\n  a\n- 3\n", "x:\n- 1\n- 3\n"),
    ("x.*.a", "yaml", "x:\n  - a: 1\n    b: 2\n  - b: 1\n    a: 2\n  - a: 1\n", "x:\n  - b: 2\n  - b: 1\n  - {}\n"),
    ("*.0", "yaml", "x:\n  - - 1\n    - 2\n  - 3\n", "x:\n  - 3\n"),
    ("x.*.0", "yaml", "x:\n  - - 1\n    - 2\n  - 3\n", "x:\n  - - 2\n  - 3\n"),
    ("x.*", "json", '{"x": [1, 2, 3]}', '{"x": []}'),
    ("x.2", "json", '{"x": [1, 2, 3]}', '{"x": [1, 2]}'),
    ("x.1", "toml", "x = [1, 2, # c\n 3,]\n", "x = [1, # c\n 3,]\n"),
    ("x.a", "toml", "x = {b = 1, a = 2} # c\n", "x = {b = 1} # c\n"),
    ("x.a", "toml", "[x.a]\nb = 1\n[y]\n", "[y]\n"),
    ("x.1", "toml", "[[x]]\na = 1\n[[x]]\na = 2\n[y]\n", "[[x]]\na = 1\n[y]\n"),
]


@pytest.mark.parametrize(("key", "kind", "before", "after"), DEEP_REMOVE)
def test_remove_below(key: str, kind: str, before: str, after: str) -> None:
    result = convert(before, _rules(key, removes=True), path=f"x.{kind}")
    assert (result.left, result.skipped) == ([], None)
    assert result.after is not None
    assert result.after.decode() == after


RENAME = [
    ("yaml", "a: 1 # a\nx: {a: 2}\n", "b: 1 # a\nx: {a: 2}\n"),
    ("yaml", "'a':\n  a: 1\n", "'b':\n  a: 1\n"),
    ("yaml", "{a: 1, c: 2}\n", "{b: 1, c: 2}\n"),
    ("yaml", "? a\n: 1\n", "? b\n: 1\n"),
    ("json", '{"c": 0, "a": {"a": 1}}', '{"c": 0, "b": {"a": 1}}'),
    ("toml", 'a.x = 1\n"a".y = 2\n', 'b.x = 1\n"b".y = 2\n'),
    ("toml", "[a]\nx = 1\n[a.y]\n[[a.z]]\n", "[b]\nx = 1\n[b.y]\n[[b.z]]\n"),
]


@pytest.mark.parametrize(("kind", "before", "after"), RENAME)
def test_rename(kind: str, before: str, after: str) -> None:
    check_transformed(before, after, _rules("a", rename="b"), path=f"x.{kind}")


LEFT = [
    ("a.b", {"new": 5}, "yaml", "a: &x {b: 1}\nc: *x\n", 1, "is in &x, which *x stands for elsewhere"),
    ("c.b", {"new": 5}, "yaml", "a: &x {b: 1}\nc: *x\n", 1, "comes from the alias *x"),
    ("a", {"new": 5}, "yaml", "a: &x 1\nc: *x\n", 1, "has the anchor &x, which is used elsewhere"),
    ("a", {"removes": True}, "yaml", "a: &x 1\nc: *x\n", 1, "there is no anchor &x before the alias"),
    ("a", {"new": 5}, "yaml", "a: &x 1\n", 1, "has the anchor &x"),
    ("a", {"new": 5}, "yaml", "a: !!str 1\n", 1, "has the tag"),
    ("c.b", {"new": 5}, "yaml", "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 2\n", 2, "comes from a merge key"),
    ("c.b", {"value": 1, "new": 5}, "yaml", "a: &x\n  b: 1\nc:\n  <<: [*x]\n", 2, "comes from a merge key"),
    ("a", {"new": 5}, "yaml", "b: 1\na: 1\na: 2\n", 3, "the key a is given twice"),
    ("a", {"rename": "b"}, "yaml", "b: 1\na: 2\n", 2, "there is a key b already"),
    ("a", {"rename": "b"}, "yaml", "&k a: 2\n", 1, "the key has an anchor"),
    ("a", {"removes": True}, "yaml", "? a\n: 1\n? c\n: 2\n", 1, "shares its line"),
    ("a.0", {"rename": "b"}, "yaml", "a: [1]\n", 1, "is an item of a list"),
    ("a", {"unsupported": "write it anew"}, "yaml", "a: 1\n", 1, "write it anew"),
    ("a", {"new": 5}, "json", '{"a": 1,\n"a": 2}', 2, "the key a is given twice"),
    ("a", {"new": float("nan")}, "json", '{"a": 1}', 1, "no infinity and no NaN"),
    ("a", {"new": None}, "toml", "a = 1\n", 1, "TOML has no null"),
    ("a", {"new": 5}, "toml", "x = 1\n[a]\ny = 1\n", 2, "is a table made of several statements"),
    ("a.b", {"removes": True}, "toml", "a = {b.c = 1, d = 2}\n", 1, "dotted keys in an inline table"),
    ("a", {"rename": "b"}, "toml", "[b]\n[a]\n", 2, "there is a key b already"),
]


@pytest.mark.parametrize(("key", "action", "kind", "text", "line", "reason"), LEFT)
def test_left(key: str, action: dict[str, Any], kind: str, text: str, line: int, reason: str) -> None:
    result = convert(text, _rules(key, **action), path=f"x.{kind}")
    assert result.after is None
    (left,) = result.left
    assert reason in left.reason
    assert left.line == line
    assert "\n" not in (left.text or "")


BROKEN = [
    ("yaml", "x: 1\na: [1\n", 3, "not valid YAML"),
    ("yaml", "x: 1\n\ta: 1\n", 2, "not valid YAML"),
    ("yaml", "a: *x\n", 1, "no anchor &x"),
    ("yaml", "x: 1\na: 2020-99-99\n", 2, "cannot read the value"),
    ("yaml", "x: 1\na: \x01\n", 2, "not valid YAML"),
    ("yaml", "a: " + "[" * 3000 + "]" * 3000 + "\n", None, "nested too deeply"),
    ("yaml", "a: 1\n" + "#" * 2_000_001, None, "are not parsed"),
    ("json", '{"a": 1,}', 1, "not valid JSON"),
    ("json", '{\n// c\n"a": 1}', 2, "comments are not JSON"),
    ("json", '{"a": ' + "9" * 5000 + "}", None, "not valid JSON"),
    ("json", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", None, "nested too deeply"),
    ("json", "", 1, "not valid JSON"),
    ("toml", "x = 1\na = \n", 2, "not valid TOML"),
    ("toml", "a = " + "9" * 5000, None, "not valid TOML"),
    ("toml", "a = " + "[" * 3000 + "]" * 3000, None, "nested too deeply"),
]


@pytest.mark.parametrize(("kind", "text", "line", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_broken_file(kind: str, text: str, line: int | None, reason: str) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # Python's own; other libraries in the process may have raised it
    try:
        _check_broken(kind, text, line, reason)
    finally:
        sys.setrecursionlimit(limit)


def _check_broken(kind: str, text: str, line: int | None, reason: str) -> None:
    result = convert(text, _rules("*", new=5), path=f"x.{kind}")
    assert result.skipped is not None
    assert reason in result.skipped.reason
    assert result.skipped.line == line
    assert "\n" not in result.skipped.reason


def test_file_without_the_key_is_not_parsed() -> None:
    check_noop("{{ template }}: [", _rules("train.lr", new=5), path="x.yaml")


def test_aliases_are_not_expanded() -> None:
    bomb = "a0: &a0 [1, 2]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    check_transformed(bomb + "k: 1\n", bomb + "k: 5\n", _rules("k", new=5), path="x.yaml")
    result = convert(bomb, _rules("*.*.*.*.*.*.*.*.*", new=5), path="x.yaml")
    assert result.skipped is not None
    assert "places" in result.skipped.reason


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_large_file(kind: str) -> None:
    text = json.dumps({"x": [1] * 30_000, "k": 1})
    check_transformed(text, text.replace('"k": 1', '"k": 5'), _rules("k", new=5), path=f"x.{kind}")


def test_ignored_entries_stay() -> None:
    before = "x:\n  - 1\n  # c\n  - 2 # ms-convert: ignore[a]\n  - 3\n"
    result = convert(before, _rules("x.*", removes=True), path="x.yaml")
    assert (result.left, result.kept, result.skipped) == ([], [], None)
    assert result.after == b"x:\n  # c\n  - 2 # ms-convert: ignore[a]\n"


def test_rules_together() -> None:
    def rule(name: str, key: str, **action: Any) -> ConfigRule:
        return ConfigRule(id=name, path=tuple(key.split(".")), **HEAD, **action)

    rename, inner = rule("r", "a", rename="b"), rule("s", "a.x", new=5)
    text = "a:\n  x: 1\n  y: 2\n"
    check = convert(text, RuleSet((rename, inner, rule("t", "a.y", removes=True))), path="x.yaml")
    assert check.after == b"b:\n  x: 5\n"
    with pytest.raises(ConvertError, match="rules u and s both rewrite line 2"):
        convert(text, RuleSet((inner, rule("u", "a", new=1))), path="x.yaml")
    with pytest.raises(ConvertError, match="rules s and v both rewrite line 2: 'x: 1'"):
        convert(text, RuleSet((inner, rule("v", "a.x", new=6))), path="x.yaml")
    both = convert(text, RuleSet((inner, rule("v", "a.*", value=1, new=5))), path="x.yaml")
    assert both.after == b"a:\n  x: 5\n  y: 2\n"
    assert both.matches == {"s": 1, "v": 1}


def test_matches_are_the_same_in_a_second_run() -> None:
    text = "x:\n- a: 1\n- a: 5\n- b: 1\n- a: 2\n"
    for rules in (_rules("x.*.a", new=5), _rules("x.*.a", rename="b"), _rules("x.*.a", value=1, rename="b")):
        first = convert(text, rules, path="x.yaml")
        assert first.after is not None
        assert convert(first.after, rules, path="x.yaml").matches == first.matches


GOOD = """\
version: 1
rules:
  - id: a
    kind: config
    why: because
    paths: ["*.yaml"]
    match: {key: a.b}
    action: {set: 1}
    examples:
      - before: "a: {b: 2}"
        after: "a: {b: 1}"
"""
WRONG = [
    (GOOD.replace('    paths: ["*.yaml"]\n', ""), 3, "'paths' is missing"),
    (GOOD.replace("{key: a.b}", "{keys: a.b}"), 7, "'keys' is not known; did you mean 'key'?"),
    (GOOD.replace("{key: a.b}", "{}"), 7, "'key' is missing"),
    (GOOD.replace("key: a.b", "key: a..b"), 7, "must be keys joined by dots"),
    (GOOD.replace("key: a.b", "key: []"), 7, "must be keys joined by dots"),
    (GOOD.replace("key: a.b", "key: [a, -1]"), 7, "must be keys joined by dots"),
    (GOOD.replace("key: a.b", "key: a, value: 2020-01-01"), 7, "'value' has a date or bytes"),
    (GOOD.replace("{set: 1}", "{set: [x, 2020-01-01]}"), 8, "'set' has a date or bytes"),
    (GOOD.replace("{set: 1}", "{}"), 8, "must have one of set, remove, rename and unsupported"),
    (GOOD.replace("{set: 1}", "{set: 1, remove: true}"), 8, "must have one of set, remove, rename and unsupported"),
    (GOOD.replace("{set: 1}", "{remove: yes please}"), 8, "'yes please' is not one of True"),
    (GOOD.replace("{set: 1}", "{rename: b}"), 8, "only a key of another name can be renamed, not 'b'"),
    (GOOD.replace("{set: 1}", "{rename: c}").replace("a.b", "a.*"), 8, "can be renamed, not '*'"),
    (GOOD.replace("{set: 1}", "{rename: c}").replace("a.b", "[a, 0]"), 8, "can be renamed, not 0"),
    (GOOD.replace("{set: 1}", "{remove: true}\n    expect: {min: 1}"), 9, "a second run would not find"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD)
    assert load_rules(str(path)).of(ConfigRule)
    path.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_rules(str(path))
    said = str(caught.value)
    assert said.startswith(f"{path}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_rule_in_the_docs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(version: 1\n.*?)```", DOCS.read_text(), re.DOTALL)
    path = tmp_path / "r.yaml"
    path.write_text(block)
    rules = load_rules(str(path))
    assert rules.of(ConfigRule)
    for rule in rules.rules:
        for sample in rule.examples:
            assert sample.before is not None
            assert sample.after is not None
            if sample.before == sample.after:
                check_noop(sample.before, RuleSet((rule,)), path=sample.path)
            else:
                check_transformed(sample.before, sample.after, RuleSet((rule,)), path=sample.path)


KEYS = st.sampled_from(["a", "b", "k", "on", "1", "x-y", "é", "a b"])
SCALARS = st.one_of(
    st.integers(-5, 10**6), st.booleans(), st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.sampled_from("ab'\"\\#: -{}[],\n\té😀\x7f"), max_size=6), st.sampled_from(["", "1", "yes", "null", "~"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
DATA = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)
WRITERS = {
    "json": lambda data, indent: json.dumps(data, indent=indent, ensure_ascii=bool(indent)),
    "yaml": lambda data, indent: yaml.safe_dump(
        data, sort_keys=False, allow_unicode=bool(indent), default_flow_style=None if indent == 2 else False
    ),
    "toml": lambda data, indent: _toml(data, indent),
}


def _toml(data: dict[str, Any], indent: int | None) -> str:
    """Mappings as sections, as dotted keys, or as inline tables (``indent`` None), with comments."""
    lines: list[str] = []
    sections: list[str] = []
    for key, value in data.items():
        name = toml.write_key("", key)
        if indent is None or not isinstance(value, dict) or not value:
            lines.append(f"{name} = {toml.write_value('', value)} # c")
            continue
        entries = [f"{toml.write_key('', inner)} = {toml.write_value('', item)}" for inner, item in value.items()]
        if indent == 2:
            sections += ["", "# before", f"[{name}] # c", *entries]
        else:
            lines += [f"{name}.{entry}" for entry in entries]
    return "\n".join([*lines, *sections, ""])


READERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}


def _commented(kind: str, text: str) -> str:
    """Comments where they are sure to be comments: before top-level keys of block YAML."""
    if kind == "yaml":
        return re.sub(r"(?m)^(?=(?:a|b|k|x-y): [0-9\[{])", "# c: 1\n", text)
    return text


def _all_paths(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(data, dict):
        return [p for key, value in data.items() for p in ((*path, key), *_all_paths(value, (*path, key)))]
    if isinstance(data, list):
        return [p for key, value in enumerate(data) for p in ((*path, key), *_all_paths(value, (*path, key)))]
    return []


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(["json", "yaml", "toml"]), st.sampled_from([None, 2, 4]), DATA)
def test_random_documents(draw: st.DataObject, kind: str, indent: int | None, data: dict[str, Any]) -> None:
    before = _commented(kind, WRITERS[kind](data, indent))
    end = draw.draw(st.sampled_from(["\n", "\r\n"])) if "\n\n" not in before else "\n"
    before = before.replace("\n", end)
    data = READERS[kind](before)
    path = draw.draw(st.sampled_from(_all_paths(data)))
    action = draw.draw(st.sampled_from(["new", "removes", "rename"]))
    value = {"new": draw.draw(VALUES), "removes": True, "rename": "new-key"}[action]
    rules = _rules(path, **{action: value})
    wanted = copy.deepcopy(data)
    holder = wanted
    for key in path[:-1]:
        holder = holder[key]
    if action == "new":
        holder[path[-1]] = value
    elif action == "removes":
        del holder[path[-1]]
        if kind == "toml" and indent == 4 and len(path) == 2 and not holder and isinstance(holder, dict):
            del wanted[path[0]]  # a table made of dotted keys goes with the last of them
    elif isinstance(holder, dict):
        holder["new-key"] = holder.pop(path[-1])
    result = convert(before, rules, path=f"x.{kind}")
    assert result.skipped is None
    if result.left:
        (left,) = result.left
        assert result.after is None
        assert left.reason == "is an item of a list and has no key" or (kind == "toml" and "statements" in left.reason)
        return
    after = (result.raw if result.after is None else result.after).decode()
    assert same(READERS[kind](after), wanted, ordered=False), after
    if action != "removes":
        check_noop(after, rules, path=f"x.{kind}")
    if kind != "json":
        gone = before.count("# c") - after.count("# c")
        assert gone == 0 or action != "rename"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(VALUES, st.sampled_from(["", "'", '"']))
@example(value=[["\x7f"]], quote="'")
@example(value="\x85\u2028", quote="'")
def test_written_yaml_is_read_as_it_was(value: Any, quote: str) -> None:
    assert same(yaml.safe_load(f"k: {yaml_write.write_value(quote, value)}\n")["k"], value)
    assert same(yaml.safe_load(f"[{yaml_write.write_value(quote, value)}, 1]\n")[0], value)
    assert same(toml.loads(f"k = {toml.write_value(quote, value)}\n")["k"], value)


@st.composite
def _commented_yaml(draw: st.DrawFn, depth: int = 0, indent: str = "") -> str:
    """Block YAML with flow parts, comments behind values and between entries, blank lines and block scalars."""
    is_mapping = depth == 0 or draw(st.booleans())
    keys = draw(st.lists(st.sampled_from(["a", "b", "'k'", "on", "1"]), min_size=1, max_size=4, unique=True))
    text = ""
    for key in keys:
        text += draw(st.sampled_from(["", "", f"{indent}# above: 1\n", "\n", "# left, {\n"]))
        text += f"{indent}{key}:" if is_mapping else f"{indent}-"
        tail = draw(st.sampled_from(["", "  # tail: ]"])) + "\n"
        choice = draw(st.sampled_from(["plain", "flow", "text", "empty", "below", "block"]))
        if choice == "block" and depth < 3:
            inner = draw(_commented_yaml(depth + 1, indent + "  "))
            # The first entry of what is in a list may stand behind the dash.
            in_line = (
                not is_mapping and inner.startswith(indent + "  ") and inner.lstrip()[0] != "#" and draw(st.booleans())
            )
            text += " " + inner.lstrip() if in_line else tail + inner
        elif choice == "flow":
            text += draw(st.sampled_from([" [1, {a: 2, b: [x]}, 3]", " {a: 1, b: }", " [1,\n%s   2, # in, 3\n%s ]"]))
            text = text.replace("%s", indent) + tail
        elif choice == "text":
            text += f" |\n{indent}    x: 1\n{indent}     # text\n\n"
        elif choice == "below":
            text += f"{tail}{indent}    word\n"
        else:
            text += ("" if choice == "empty" else draw(st.sampled_from([" 1", " x y", ' "q # r"', " 'it''s'"]))) + tail
    return text


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data(), _commented_yaml(), st.sampled_from(["\n", "\r\n"]))
def test_random_commented_yaml(draw: st.DataObject, before: str, end: str) -> None:
    before = before.replace("\n", end)
    data = yaml_file.parse(before).data[0]
    path = draw.draw(st.sampled_from(_all_paths(data)))
    action = draw.draw(st.sampled_from(["new", "removes", "rename"]))
    rules = _rules(path, **{action: {"new": [1, "x"], "removes": True, "rename": "new-key"}[action]})
    wanted = copy.deepcopy(data)
    holder = wanted
    for key in path[:-1]:
        holder = holder[key]
    old = holder[path[-1]]
    if action == "new":
        holder[path[-1]] = [1, "x"]
    elif action == "removes":
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder["new-key"] = holder.pop(path[-1])
    result = convert(before, rules, path="x.yaml")
    assert result.skipped is None
    if result.left:
        assert [left.reason for left in result.left] == ["is an item of a list and has no key"] or (
            action == "removes" and "shares its line" in result.left[0].reason
        )
        return
    after = (result.raw if result.after is None else result.after).decode()
    assert same(yaml_file.parse(after).data[0], wanted, ordered=False), after
    if not isinstance(old, (dict, list)) and action != "removes" and "#" not in str(old):
        assert after.count("#") == before.count("#")
    if action != "removes":
        check_noop(after, rules, path="x.yaml")
