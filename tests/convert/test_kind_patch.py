"""Patch rules: literal lines of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from convert_checks import check_noop, check_transformed, convert
from hypothesis import given, settings
from hypothesis import strategies as st
from ms_convert.errors import ConvertError, RuleError
from ms_convert.kinds.patch import PatchRule
from ms_convert.language.ruleset import RuleSet, load_rules

RULE = """\
version: 1
rules:
  - id: a-patch
    kind: patch
    why: because
    paths: [PATHS]
    match: MATCH
    action: ACTION
    examples:
      - unchanged: ""
        path: other.txt
"""


def load(tmp_path: Path, match: str, action: str, paths: str = "'*.py', '*.txt', '*.sh'") -> RuleSet:
    file = tmp_path / "r.yaml"
    file.write_text(RULE.replace("PATHS", paths).replace("MATCH", match).replace("ACTION", action))
    return load_rules(str(file))


# match, action, before, after
DONE = [
    ("{before: a = 1}", "{replace: a = 2}", "a = 1\n", "a = 2\n"),
    ("{before: a = 1}", "{replace: a = 2}", "a = 1", "a = 2"),
    ("{before: a = 1}", "{replace: a = 2}", "if x:\n    a = 1\nelse: pass\n", "if x:\n    a = 2\nelse: pass\n"),
    ("{before: a = 1}", "{replace: a = 2}", "if x:\n\ta = 1\n", "if x:\n\ta = 2\n"),
    ("{before: a = 1}", '{replace: "a = 2\\nb = 3\\n"}', "if x:\n\ta = 1\n", "if x:\n\ta = 2\n\tb = 3\n"),
    ("{before: a = 1}", '{replace: "a = 2\\n\\nb = 3\\n"}', "if:\r\n  a = 1\r\n", "if:\r\n  a = 2\r\n\r\n  b = 3\r\n"),
    ('{before: "a\\nb\\n"}', "{replace: c}", "x\r\na\r\nb\r\ny", "x\r\nc\r\ny"),
    ('{before: "a\\nb\\n"}', "{replace: c}", "x\ra\rb\ry", "x\rc\ry"),
    ('{before: "a\\nb\\n"}', "{replace: c}", "x\na\r\nb\ny\n", "x\nc\ny\n"),
    ('{before: "a\\n\\nb\\n"}', "{replace: c}", " a\n\t \n b\n", " c\n"),
    ('{before: "  a\\n    b\\n"}', '{replace: "  c\\n    d\\n"}', "\ta\n\t  b\n", "\tc\n\t  d\n"),
    ("{before: a}", "{insert_after: b}", "a\n", "a\nb\n"),
    ("{before: a}", "{insert_after: b}", "a", "a\nb"),
    ("{before: a}", "{insert_after: b}", "x\r\n  a", "x\r\n  a\r\n  b"),
    ("{before: 'if a:'}", '{insert_after: "    b\\n"}', "  if a:\n      c\n", "  if a:\n      b\n      c\n"),
    ("{before: a}", "{insert_before: b}", "  a\n", "  b\n  a\n"),
    ("{before: a}", "{remove: true}", "x\n  a\ny\n", "x\ny\n"),
    ("{before: a}", "{remove: true}", "x\r\na", "x\r\n"),
    ("{before: a, after_line: x}", "{replace: b}", "a\n  x\na\na\n", "a\n  x\nb\na\n"),
    ("{before: a, after_line: x}", "{insert_after: b}", "a\nx\na\na\n", "a\nx\na\nb\na\n"),
    ("{before: a, every: true}", "{replace: b}", "a\n a\nc\n", "b\n b\nc\n"),
    ('{before: "a\\na\\n", every: true}', "{replace: b}", "a\na\na\n", "b\na\n"),
    ("{before: é = '火'}", "{replace: ü = '水'}", "é = '火'\n", "ü = '水'\n"),
    # What is not the whole line is not the line.
    ("{before: a}", "{replace: b}", "a \nba\na  # c\na\n", "a \nba\na  # c\nb\n"),
]  # fmt: skip


@pytest.mark.parametrize(("match", "action", "before", "after"), DONE)
def test_lines(tmp_path: Path, match: str, action: str, before: str, after: str) -> None:
    rules = load(tmp_path, match, action, "x.txt" if "remove" in action else "'*.txt'")
    check_transformed(before, after, rules, path="x.txt")
    assert convert(before, rules, path="x.txt").matches == convert(after, rules, path="x.txt").matches != {}


PYTHON = """\
# coding: latin-1
class A:
    def f(self):
        return 1

    if x:
        @property
        def g(self):
            return 1

def f():
    return 1
"""


@pytest.mark.parametrize(("within", "line"), [("A.f", 3), ("A.g", 8), ("f", 11)])
def test_within(tmp_path: Path, within: str, line: int) -> None:
    rules = load(tmp_path, f"{{before: return 1, within: {within}}}", "{replace: return 'é'}")
    lines = PYTHON.splitlines(keepends=True)
    lines[line] = lines[line].replace("1", "'é'")
    check_transformed(PYTHON.encode("latin-1"), "".join(lines).encode("latin-1"), rules)


def test_decorators_belong_to_a_definition(tmp_path: Path) -> None:
    rules = load(tmp_path, "{before: '@property', within: A.g}", "{replace: '@cached'}")
    check_transformed(PYTHON, PYTHON.replace("@property", "@cached"), rules)


# match, action, text, line, reason
LEFT = [
    ("{before: a = 1}", "{replace: b}", "b = 1\na = 2\n", 1, "not in the file; the most like them: 'b = 1'"),
    ("{before: a = 1}", "{replace: b}", "", None, "these lines are not in the file"),
    ("{before: a}", "{replace: b}", "a\nif c:\n a\n", 1, "stands there 2 times, in lines 1, 3; name more lines"),
    ("{before: a, after_line: x}", "{replace: b}", "a\n", None, "the line 'x' stands there 0 times, not once"),
    ("{before: a, after_line: x}", "{replace: b}", "x\nx\na\n", None, "the line 'x' stands there 2 times, not once"),
    ("{before: a, after_line: x}", "{replace: b}", "a\nx\n", 1, "these lines are not in the file"),
    ("{before: a, within: f.g}", "{replace: b}", "def f(): pass\na\n", None, "no class or function f.g in the file"),
    ('{before: "a\\nb\\n"}', "{replace: a}", "a\nb\nb\n", 1, "a second run would find the lines again"),
    ("{before: a, after_line: x}", "{remove: true}", "x\na\na\n", 2, "a second run would find the lines again"),
    ('{before: "x\\na\\n", after_line: y}', '{replace: "y\\n"}', "y\nx\na\n", 2, "a second run would find"),
]  # fmt: skip


@pytest.mark.parametrize(("match", "action", "text", "line", "reason"), LEFT)
def test_left_in_a_file_that_is_named(
    tmp_path: Path, match: str, action: str, text: str, line: int | None, reason: str
) -> None:
    result = convert(text, load(tmp_path, match, action, "dir/x.py"), path="dir/x.py")
    (left,) = result.left
    assert result.after is None
    assert (left.line, left.rule) == (line, "a-patch")
    assert reason in left.reason


def test_within_is_about_python(tmp_path: Path) -> None:
    result = convert("a b\n", load(tmp_path, "{before: a b, within: f}", "{replace: b}", "x.sh"), path="x.sh")
    assert "'within' needs Python: invalid syntax" in result.left[0].reason


def test_files_that_globs_name_need_not_have_the_lines(tmp_path: Path) -> None:
    rules = load(tmp_path, "{before: a}", "{replace: b}", "'*.py'")
    check_noop("c = 1\n", rules, path="dir/x.py")
    assert convert("c = 1\n", rules, path="dir/x.py").matches["a-patch"] == 0


def test_what_does_not_compile_is_left(tmp_path: Path) -> None:
    result = convert("a = 1\n", load(tmp_path, "{before: a = 1}", "{replace: a = (}"))
    assert result.skipped is not None
    assert "would not compile after conversion" in result.skipped.reason


def test_other_rules_about_the_same_line(tmp_path: Path) -> None:
    load(tmp_path, "{before: import torch}", "{insert_after: import x}")
    text = (tmp_path / "r.yaml").read_text().replace("rules:", "include: [torch.yaml]\nrules:")
    (tmp_path / "r.yaml").write_text(text)
    rules = load_rules(str(tmp_path / "r.yaml"))
    with pytest.raises(ConvertError, match="both rewrite line 1: 'import torch'"):
        convert("import torch\n", rules)
    assert convert("import torch, os\n", rules).after == b"import mindtorch as torch, os\n"


# what to replace in RULE, line, message
WRONG = [
    ({"    paths: [PATHS]\n": "", "MATCH": "{before: a}", "ACTION": "{replace: b}"}, 3, "rules[0]: 'paths' is missing"),
    ({"    match: MATCH\n": "", "ACTION": "{replace: b}"}, 3, "rules[0]: 'match' is missing"),
    ({"MATCH": "{}", "ACTION": "{replace: b}"}, 7, "rules[0].match: 'before' is missing"),
    ({"MATCH": "{befor: a}", "ACTION": "{replace: b}"}, 7, "'befor' is not known; did you mean 'before'?"),
    ({"MATCH": "{before: 1}", "ACTION": "{replace: b}"}, 7, "rules[0].match.before: must be text"),
    ({"MATCH": '{before: " \\n\\n"}', "ACTION": "{replace: b}"}, 7, "'before' has only blank lines"),
    ({"MATCH": "{before: a}", "ACTION": "{}"}, 8, "must have one of replace, insert_after, insert_before or remove"),
    ({"MATCH": "{before: a}", "ACTION": "{replace: b, remove: true}"}, 8, "must have one of replace, insert_after"),
    ({"MATCH": "{before: a}", "ACTION": "{replace: a}"}, 8, "the very lines of 'before'; nothing would change"),
    ({"MATCH": "{before: a}", "ACTION": "{replace: ''}"}, 8, "'replace' is empty; say 'remove: true'"),
    ({"MATCH": "{before: a}", "ACTION": '{replace: "\\n \\n"}'}, 8, "'replace' is empty"),
    ({"MATCH": "{before: a}", "ACTION": "{insert_after: ''}"}, 8, "'insert_after' is empty"),
    ({"MATCH": "{before: '  a'}", "ACTION": "{replace: b}"}, 8, "must start with the indentation that 'before' has"),
    ({"MATCH": "{before: a}", "ACTION": "{remove: true}"}, 8, "'remove' needs the exact paths of files"),
    ({"MATCH": "{before: a}", "ACTION": "{remove: false}"}, 8, "rules[0].action.remove"),
    ({"MATCH": '{before: a, after_line: "b\\nc"}', "ACTION": "{replace: b}"}, 7, "must be the text of one line"),
    ({"MATCH": "{before: a, within: f()}", "ACTION": "{replace: b}"}, 7, "'f()' is not right; must be a dotted name"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, changes: dict[str, str], line: int, message: str) -> None:
    text = RULE
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / "r.yaml").write_text(text.replace("PATHS", "'*.py'"))
    with pytest.raises(RuleError) as caught:
        load_rules(str(tmp_path / "r.yaml"))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


WORDS = st.lists(st.sampled_from(["a", "b", "  a", "\tb", "", "c"]), min_size=1, max_size=8)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(WORDS, WORDS, WORDS, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans(), st.integers(0, 3))
def test_any_lines(
    text: list[str], before: list[str], new: list[str], line_end: str, final: bool, every: bool, action: int
) -> None:
    """A second run changes nothing and counts the same; only lines of ``before`` change."""
    head = {"id": "p", "why": "w", "mark": None, "paths": ("x.txt",)}
    key = ["replace", "insert_after", "insert_before", "remove"][action]
    try:
        rule = PatchRule.from_data(
            head,
            {"before": "\n".join(before), "every": every},
            {key: True if key == "remove" else "\n".join(new)},
            lambda *_: None,  # type: ignore[arg-type, return-value]
        )
    except RuleError:
        return
    raw = (line_end.join(text) + line_end * final).encode()
    result = convert(raw, RuleSet((rule,)), path="x.txt")
    if result.after is None:
        return
    again = convert(result.after, RuleSet((rule,)), path="x.txt")
    assert again.after is None
    assert again.left == []
    if key != "remove":
        assert again.matches == result.matches
    for change in result.edits:
        removed = [line.strip() for line in change.before.split(line_end)]
        assert removed[: len(rule.before)] == [line.strip() for line in rule.before]
    if line_end != "\r\n" and line_end.encode() in raw:
        assert set("\r\n") & set(result.after.decode()) <= set(line_end)
