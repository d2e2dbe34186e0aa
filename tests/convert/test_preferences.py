"""``[tool.ms-convert]``, ``# ms-convert: ignore`` comments, and the cache."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from convert_checks import convert
from ms_convert.caching import cache_directory
from ms_convert.cli import app
from typer.testing import CliRunner, Result


def ms_convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "third_party").mkdir(parents=True)
    (root / "a.py").write_text("import torch\ntorch.ones(2)\n")
    (root / "third_party" / "b.py").write_text("import torch\n")
    return root


def prefer(tree: Path, text: str) -> None:
    (tree / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.ms-convert]\n{text}\n")


def test_style_and_exclude(tree: Path) -> None:
    prefer(tree, 'style = "rename"\nexclude = ["third_party/"]')
    assert ms_convert(tree).exit_code == 0
    assert (tree / "a.py").read_text() == "import mindtorch\nmindtorch.ones(2)\n"
    assert (tree / "third_party" / "b.py").read_text() == "import torch\n"


def test_the_command_line_wins(tree: Path) -> None:
    prefer(tree, 'style = "rename"\nignore = ["torch-import"]\njobs = 1\ncoverage-min = 12.5')
    assert ms_convert(tree).exit_code == 0
    assert (tree / "a.py").read_text() == "import torch\ntorch.ones(2)\n"
    assert ms_convert(tree, "--style", "alias", "--ignore", "torch-mock-patch").exit_code == 0
    assert (tree / "a.py").read_text() == "import mindtorch as torch\ntorch.ones(2)\n"


def test_rules_beside_the_file(tree: Path) -> None:
    (tree / "own.yaml").write_text(
        "version: 1\nrules:\n  - id: r\n    kind: import\n    why: w\n    match: {module: torch}\n"
        "    action: {module: other}\n    examples: [{unchanged: x}]\n"
    )
    prefer(tree, 'rules = "own.yaml"')
    ms_convert(tree)
    assert (tree / "a.py").read_text().startswith("import other as torch\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('stlye = "rename"', "does not know stlye; did you mean style?"),
        ("zzz = 1", "known there: rules, style"),
        ('style = "camel"', "style must be one of alias, rename, not 'camel'"),
        ('select = "a"', "select must be a list of texts"),
        ("jobs = -1", "jobs must be a whole number"),
        ("jobs = true", "jobs must be a whole number"),
        ("coverage-min = 200", "coverage-min must be a number from 0 to 100"),
        ("x = [", "not valid TOML"),
        ('select = ["gone"]', "no rule has the id gone"),
    ],
)
def test_wrong_preferences(tree: Path, text: str, message: str) -> None:
    prefer(tree, text)
    result = ms_convert(tree)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_somebody_elses_broken_file_is_no_problem(tree: Path) -> None:
    (tree / "pyproject.toml").write_text("[project\n")
    assert ms_convert(tree).exit_code == 0


IGNORED = [
    ("import torch  # ms-convert: ignore[torch-import]\n", None, 0),
    ("import torch  # ms-convert: ignore\n", None, 0),
    ("import torch  # noqa  # ms-convert: ignore[other, torch-import] because\n", None, 0),
    ("from torch import (\n    nn,\n)  # ms-convert: ignore[torch-import]\n", None, 0),
    (
        "import torch  # ms-convert: ignore[other]\n",
        "import mindtorch as torch  # ms-convert: ignore[other]\n",
        1,
    ),
    (
        "import os  # ms-convert: ignore[torch-import]\nimport torch\n",
        "import os  # ms-convert: ignore[torch-import]\nimport mindtorch as torch\n",
        1,
    ),
    (
        "x = '# ms-convert: ignore'; import torch\n",
        "x = '# ms-convert: ignore'; import mindtorch as torch\n",
        0,
    ),
    (
        "import importlib\nimportlib.import_module(f'torch.{x}')  # ms-convert: ignore[torch-import-function]\n",
        None,
        0,
    ),
]


@pytest.mark.parametrize(("before", "after", "unused"), IGNORED)
@pytest.mark.parametrize("style", ["alias", "rename"])
def test_ignore_comments(before: str, after: str | None, unused: int, style: str) -> None:
    result = convert(before, style=style)
    if after is not None and style == "rename":
        after = after.replace(" as torch", "")
    assert result.after == (None if after is None else after.encode())
    assert result.left == []
    assert [kept.reason for kept in result.kept if kept.rule is None] == (
        ["nothing is ignored here: remove this comment"] * unused
    )


def test_an_ignored_use_keeps_the_name() -> None:
    before = "import torch\ntorch.ones(1)\ntorch.zeros(1)  # ms-convert: ignore[torch-import]\n"
    result = convert(before, style="rename")
    assert result.after == before.replace("import torch", "import mindtorch as torch", 1).encode()
    assert "line 3 is to stay as it is" in result.kept[0].reason


def outcome(tree: Path, *options: str) -> dict:
    data = json.loads(ms_convert(tree, "--check", "--report", "json", "-", *options).stdout)
    data["summary"].pop("seconds")
    return data


def test_cache_gives_the_same_report(tree: Path) -> None:
    (tree / "bad.py").write_text("import torch\nif\n")
    cold = outcome(tree)
    database = cache_directory() / "outcomes.sqlite3"
    assert database.is_file()
    assert outcome(tree) == cold
    assert outcome(tree, "--no-cache") == cold
    assert outcome(tree, "--style", "rename") != cold
    (tree / "a.py").write_text("import torch, os\n")
    assert outcome(tree) != cold


def test_a_damaged_cache_is_none(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_CONVERT_CACHE_DIR", str(tmp_path / "cache"))
    cold = outcome(tree)
    database = tmp_path / "cache" / "outcomes.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE outcomes SET outcome = '{broken'")
    connection.close()
    assert outcome(tree) == cold
    database.write_bytes(b"no database at all")
    assert outcome(tree) == cold
    monkeypatch.setenv("MS_CONVERT_CACHE_DIR", "/dev/null/nowhere")
    assert outcome(tree) == cold
