"""``expect``, upstream projects and versions: drift is an error that says where to look."""

from __future__ import annotations

from pathlib import Path

import pytest
from ms_convert.cli import app
from typer.testing import CliRunner, Result

HEAD = """\
version: 1
upstream:
  name: thing
  marker: thing/version.py
  version: {file: thing/version.py, names: [MAJOR, MINOR]}
rules:
"""
RULE = """\
  - id: {id}
    kind: import
    why: because
    {extra}
    match: {{module: {module}}}
    action: {{module: {target}}}
    examples:
      - unchanged: import os
"""


def ms_convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "thing").mkdir(parents=True)
    (root / "thing" / "version.py").write_text("MAJOR = 1\nMINOR = 4\nPATCH = 2\n")
    (root / "a.py").write_text("import os\nimport apexx\nimport torch\n")
    return root


def rule_file(tmp_path: Path, *rules: str, head: str = "version: 1\nrules:\n") -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(head + "".join(rules))
    return path


def rule(extra: str, id: str = "a-rule", module: str = "torch", target: str = "mindtorch") -> str:
    return RULE.format(id=id, extra=extra, module=module, target=target)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("1", None),
        ("{min: 1}", None),
        ("{max: 1}", None),
        ("{min: 0, max: 3}", None),
        ("0", "a-rule expects 0 matches but found 1; nothing was written"),
        ("2", "a-rule expects 2 matches but found 1; nothing was written"),
        ("{min: 2, max: 3}", "a-rule expects 2 to 3 matches but found 1"),
        ("{min: 2}", "a-rule expects at least 2 matches but found 1"),
    ],
)
def test_counts(tree: Path, tmp_path: Path, expect: str, message: str | None) -> None:
    path = rule_file(tmp_path, rule(f"expect: {expect}"))
    before = (tree / "a.py").read_bytes()
    result = ms_convert(tree, "--rules", path)
    if message is None:
        assert result.exit_code == 0, result.output
        assert ms_convert(tree, "--rules", path).exit_code == 0  # what is converted counts too
    else:
        assert result.exit_code == 2
        assert result.stderr.startswith(f"ms-convert: error: {path}:3: {message}")
        assert (tree / "a.py").read_bytes() == before


def test_nearest_place_is_named(tree: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, rule("expect: 1", module="apex", target="shims.apex"))
    result = ms_convert(tree, "--rules", path)
    assert result.exit_code == 2
    assert "expects 1 matches but found 0; nothing was written; the nearest is a.py:2: import apexx" in result.stderr


def test_nothing_near_is_nothing_named(tree: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, rule("expect: 1", module="flash_attn", target="shims.flash"))
    assert "nearest" not in ms_convert(tree, "--rules", path).stderr


@pytest.mark.parametrize(
    ("when", "applies"),
    [(">=1.4", True), (">=1.4,<2", True), ("==1.4", True), ("<1.4", False), ("!=1.4", False), ("~=1.3", True)],
)
def test_version_range(tree: Path, tmp_path: Path, when: str, applies: bool) -> None:
    path = rule_file(tmp_path, rule(f"when: '{when}'"), head=HEAD)
    ms_convert(tree, "--rules", path)
    assert ("mindtorch" in (tree / "a.py").read_text()) == applies


def test_other_projects_are_left_alone(tree: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, rule("expect: 7"), head=HEAD)
    (tree / "thing" / "version.py").unlink()
    result = ms_convert(tree, "--rules", path)
    assert result.exit_code == 2
    assert "nothing to convert" in result.stderr


def test_unknown_version_is_an_error_unless_given(tree: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, rule("when: '>=2'"), head=HEAD)
    (tree / "thing" / "version.py").write_text("MAJOR = get()\nMINOR = 4\n")
    result = ms_convert(tree, "--rules", path)
    assert result.exit_code == 2
    assert "a-rule depends on the version of thing, which cannot be found in thing/version.py" in result.stderr
    assert "--upstream-version" in result.stderr
    assert ms_convert(tree, "--rules", path, "--upstream-version", "2.1").exit_code == 0
    assert "mindtorch" in (tree / "a.py").read_text()


@pytest.mark.parametrize(
    ("head", "extra", "message"),
    [
        (HEAD, "when: new", "'new' is not a range of versions"),
        ("version: 1\nrules:\n", "when: '>=1'", "does not say which upstream it is about; add 'upstream'"),
        (HEAD.replace("thing/version.py\n", "../x.py\n", 1), "paths: ['a.py']", "relative path"),
        ("version: 1\nrules:\n", "paths: ['a/../../x']", "leads out of the tree"),
        ("version: 1\nrules:\n", "paths: ['*a*b*c*d*e']", "too many stars"),
        ("version: 1\nrules:\n", "paths: []", "paths"),
    ],
)
def test_wrong_rules(tree: Path, tmp_path: Path, head: str, extra: str, message: str) -> None:
    path = rule_file(tmp_path, rule(extra), head=head)
    result = ms_convert(tree, "--rules", path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith(f"ms-convert: error: {path}:")
    assert result.stderr.count("\n") == 1


def test_paths_and_exclude(tree: Path, tmp_path: Path) -> None:
    for name in ("x/one.py", "x/two.py", "y/one.py"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("import torch\n")
    path = rule_file(tmp_path, rule("paths: ['x/', '/a.py']\n    exclude: ['two.py']"))
    ms_convert(tree, "--rules", path)
    changed = [p.relative_to(tree).as_posix() for p in tree.rglob("*.py") if "mindtorch" in p.read_text()]
    assert sorted(changed) == ["a.py", "x/one.py"]


def test_a_dropped_definition_is_expected_once_more(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("def f():\n    pass\n\n\ndef g():\n    pass\n")
    path = tmp_path / "r.yaml"
    path.write_text(
        "version: 1\nrules:\n  - id: r\n    kind: definition\n    why: w\n    match: {name: a.f}\n"
        "    action: {drop: true}\n    expect: 1\n    examples: [{unchanged: x}]\n"
    )
    assert ms_convert(root, "--rules", path).exit_code == 0
    assert "def f" not in (root / "a.py").read_text()
    assert ms_convert(root, "--rules", path).exit_code == 0
    path.write_text(path.read_text().replace("a.f", "a.h"))
    assert ms_convert(root, "--rules", path).exit_code == 2
