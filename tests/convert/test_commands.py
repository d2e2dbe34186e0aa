"""The commands besides the conversion itself, and the options that choose and limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ms_convert.cli import app
from ms_convert.language.rulefile import schema_bytes
from typer.testing import CliRunner, Result

RULE = """\
  - id: {id}
    kind: import
    why: because it is so
    match: {{module: {module}}}
    action: {{module: {target}}}
    examples:
      - before: import {module}
        after: import {target} as {module}
"""


def ms_convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "a.py").write_text("import torch\nimport apex\ntorch.ones(2)\ntorch.no_such_thing(3)\n")
    return root


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(
        "version: 1\nrules:\n"
        + RULE.format(id="torch-import", module="torch", target="mindtorch")
        + RULE.format(id="apex-import", module="apex", target="shims.apex")
    )
    return path


def test_help_shows_options_and_commands() -> None:
    for arguments in (["--help"], ["-h"], []):
        result = ms_convert(*arguments)
        assert result.exit_code == 0
        for word in ("Usage: ", "[PATH]", "--undo", "--coverage-min", "Commands:", "scan", "explain", "--version"):
            assert word in result.stdout
    assert "rules" in ms_convert("rules", "--help").stdout
    for command in (["scan"], ["explain"], ["convert"], *(["rules", c] for c in ("list", "show", "test", "validate"))):
        result = ms_convert(*command, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout


def test_convert_may_be_spelled_out(tree: Path) -> None:
    assert ms_convert("convert", tree, "--check").exit_code == 1
    assert ms_convert("convert", "--repo", tree).exit_code == 1
    assert "import mindtorch as torch" in (tree / "a.py").read_text()


def test_path_with_the_name_of_a_command(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.rename(tree.parent / "scan")
    monkeypatch.chdir(tree.parent)
    assert "would convert 1 of 1 file" in ms_convert("./scan", "--check").stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ms-convert --st", {"--style"}),
        ("ms-convert sc", {"scan"}),
        ("ms-convert --style ", {"alias", "rename"}),
        ("ms-convert convert --rep", {"--repo", "--report"}),
        ("ms-convert rules va", {"validate"}),
    ],
)
def test_shell_completion(words: str, offered: set[str]) -> None:
    environment = {
        "_MS_CONVERT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="ms-convert")
    assert result.exit_code == 0
    assert set(result.stdout.split()) == offered


def test_select_and_ignore(tree: Path, rules: Path) -> None:
    def edited(*options: str) -> list[str]:
        result = ms_convert(tree, "--rules", rules, "--check", "--report", "json", *options)
        return sorted(json.loads(result.stdout)["summary"]["edits_by_rule"])

    assert edited() == ["apex-import", "torch-import"]
    assert edited("--select", "apex-import") == ["apex-import"]
    assert edited("--ignore", "apex-import") == ["torch-import"]
    assert edited("--select", "apex-import", "--select", "torch-import", "--ignore", "torch-import") == ["apex-import"]
    result = ms_convert(tree, "--rules", rules, "--select", "apex-imports")
    assert result.exit_code == 2
    assert "no rule has the id apex-imports; did you mean apex-import?" in result.stderr


def test_undo(tree: Path) -> None:
    before = (tree / "a.py").read_bytes()
    assert ms_convert("--undo", tree).exit_code == 2
    ms_convert(tree)
    assert (tree / "a.py").read_bytes() != before
    result = ms_convert("--undo", "--repo", tree)
    assert result.exit_code == 0
    assert "undone: 1 files restored" in result.stdout
    assert (tree / "a.py").read_bytes() == before
    ms_convert(tree)
    (tree / "a.py").write_text("x = 1\n")
    result = ms_convert("--undo", tree)
    assert result.exit_code == 2
    assert "a.py" in result.stderr
    assert (tree / "a.py").read_text() == "x = 1\n"
    result = ms_convert("--undo", "--force", tree)
    assert result.exit_code == 0
    assert "a.py: had been edited since" in result.stdout
    assert (tree / "a.py").read_bytes() == before
    assert ms_convert("--force", tree).exit_code == 2


def test_coverage_min(tree: Path) -> None:
    assert ms_convert(tree, "-o", tree.parent / "1").exit_code == 1
    assert ms_convert(tree, "-o", tree.parent / "2", "--coverage-min", "33").exit_code == 0
    assert ms_convert(tree, "-o", tree.parent / "3", "--coverage-min", "99").exit_code == 1
    assert ms_convert(tree, "--coverage-min", "101").exit_code == 2


@pytest.mark.parametrize("form", ["json", "sarif", "html"])
def test_report_to_a_file_and_to_stdout(tree: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.parent)
    out = tree.parent / f"report.{form}"
    result = ms_convert(tree, "--check", "--report", form, out)
    assert result.exit_code == 1
    assert "would convert 1 of 1 file" in result.stdout
    assert str(out) in result.stdout
    piped = ms_convert(tree, "--check", "--report", form, "-")
    assert piped.stderr == ""
    texts = [out.read_text(), piped.stdout]
    for text in texts:
        if form == "html":
            assert text.lower().startswith("<!doctype html>")
        else:
            assert isinstance(json.loads(text), dict)
    before_path = ms_convert("--check", "--report", form, "-", tree)
    assert before_path.exit_code == 1
    assert before_path.stdout[:1] == piped.stdout[:1]
    assert ms_convert(tree, "--check", "--report", form, "no/such/dir/x.json").exit_code == 2


def test_html_without_a_file_says_where_it_is(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.parent)
    result = ms_convert(tree, "--check", "--report=html")
    assert "ms-convert-report.html" in result.stdout
    assert (tree.parent / "ms-convert-report.html").is_file()


def test_scan_changes_nothing(tree: Path) -> None:
    before = (tree / "a.py").read_bytes()
    result = ms_convert("scan", tree)
    assert result.exit_code == 1
    assert "scanned 1 file" in result.stdout
    assert "torch.no_such_thing" in result.stdout
    assert (tree / "a.py").read_bytes() == before
    assert [path.name for path in tree.iterdir()] == ["a.py"]
    data = json.loads(ms_convert("scan", tree, "--report", "json", "-").stdout)
    assert data["mode"] == "scan"
    assert data["summary"]["edits"] == 0
    assert data["coverage"]["supported"]["torch.ones"] == 1
    (tree / "a.py").write_text("import torch\n")
    assert ms_convert("scan", tree).exit_code == 0


def test_explain(rules: Path) -> None:
    result = ms_convert("explain", "torch.nn.Linear")
    assert result.exit_code == 0
    assert "torch.nn.Linear is supported by mindtorch" in result.stdout
    assert "becomes mindtorch.nn.Linear, by the rule torch-import" in result.stdout
    assert "torch.add is supported by mindtorch, exact: " in ms_convert("explain", "torch.add").stdout
    assert "torch.manual_seed is supported by mindtorch, present: " in ms_convert("explain", "torch.manual_seed").stdout
    partial = ms_convert("explain", "torch.compile")
    assert "torch.compile is supported by mindtorch, in part: runs the function as it is" in partial.stdout
    result = ms_convert("explain", "torch.no_such_thing")
    assert result.exit_code == 1
    assert "is not supported by mindtorch: it is missing" in result.stdout
    result = ms_convert("explain", "torch-import")
    assert result.exit_code == 0
    assert "import mindtorch as torch" in result.stdout
    result = ms_convert("explain", "torch-imprt")
    assert result.exit_code == 2
    assert "did you mean torch-import?" in result.stderr
    assert ms_convert("explain", "numpy.ones").exit_code == 2
    assert "shims.apex" in ms_convert("explain", "apex.optimizers", "--rules", rules).stdout


def test_rules_list_show_schema(rules: Path) -> None:
    result = ms_convert("rules", "list", "--rules", rules)
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["torch-import", "import"],
        ["apex-import", "import"],
    ]
    assert "because it is so" in ms_convert("rules", "show", "apex-import", "--rules", rules).stdout
    assert ms_convert("rules", "show", "gone").exit_code == 2
    assert ms_convert("rules", "schema").stdout_bytes == schema_bytes()


def test_rules_validate(rules: Path, tmp_path: Path) -> None:
    assert ms_convert("rules", "validate").exit_code == 0
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nx: 1\n")
    result = ms_convert("rules", "validate", rules, bad, tmp_path / "gone.yaml")
    assert result.exit_code == 2
    assert f"{rules}: 2 rules in 1 files, all right" in result.stdout
    assert f"{bad}:2: " in result.stderr
    assert "gone.yaml" in result.stderr


def test_rules_test(rules: Path) -> None:
    result = ms_convert("rules", "test", rules)
    assert result.exit_code == 0
    assert "2 examples, all right" in result.stdout
    rules.write_text(rules.read_text().replace("after: import shims.apex as apex", "after: import other as apex"))
    result = ms_convert("rules", "test", rules)
    assert result.exit_code == 1
    assert f"{rules}:17: apex-import: " in result.stdout
    assert "-import other as apex" in result.stdout
    assert "2 examples, 1 failed" in result.stdout


def test_shipped_examples() -> None:
    result = ms_convert("rules", "test")
    assert result.exit_code == 0, result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["TREE", "--sytle", "rename"], "--sytle"),
        (["TREE", "--style", "camel"], "camel"),
        (["TREE", "--report", "pdf"], "pdf"),
        (["TREE", "--upstream-version", "new"], "'new' is not a version"),
        (["TREE", "--coverage-min", "lots"], "--coverage-min"),
        (["scan"], "name what to convert, once"),
        (["scan", "nowhere"], "no such file or directory: nowhere"),
        (["rules", "lst"], "lst"),
        (["--undo", "nowhere"], "no such file or directory: nowhere"),
    ],
)
def test_wrong_use(tree: Path, arguments: list[str], message: str) -> None:
    result = ms_convert(*(str(tree) if argument == "TREE" else argument for argument in arguments))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
