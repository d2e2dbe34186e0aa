"""Whole trees, token by token: nothing changes but what the report lists, and every name means what it meant."""

from __future__ import annotations

import json
import os
import sysconfig
from pathlib import Path

import pytest
from convert_checks import convert
from ms_convert.cli import app
from ms_convert.language.ruleset import RuleSet, load_rules
from same_program import Listed, check_same_program
from typer.testing import CliRunner

TORCH = {"torch": "mindtorch"}
# Modules that the standard library itself uses, under all kinds of circumstances.
STANDARD = ("os", "re", "sys", "types", "functools", "collections", "warnings", "io", "time", "errno", "itertools")


def check_tree(tree: Path, tmp_path: Path, style: str) -> tuple[int, int]:
    """Convert ``tree`` and check every file; returns how many files were converted and how many tokens changed."""
    out = tmp_path / style
    arguments = [str(tree), "-o", str(out), "--style", style, "--report", "json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 1), result.output
    files = {file["path"]: file for file in json.loads(result.stdout)["files"] if file["status"] == "converted"}
    rules = {rule.id: rule.kind for rule in load_rules("llm.yaml").rules}
    tokens = 0
    for path in sorted(tree.rglob("*.py")):
        name = path.relative_to(tree).as_posix()
        before, after = path.read_bytes(), (out / name).read_bytes()
        if name not in files:
            assert after == before, name
            continue
        changes = [
            Listed((edit["line"], edit["column"] - 1), edit["before"], rules[edit["rule"]])
            for edit in files[name]["edits"]
        ]
        try:
            tokens += check_same_program(before.decode(), after.decode(), TORCH, changes)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    return len(files), tokens


@pytest.mark.parametrize("style", ["alias", "rename"])
def test_megatron_core(upstream: Path, tmp_path: Path, style: str) -> None:
    files, tokens = check_tree(upstream, tmp_path, style)
    assert files > 100
    assert tokens == 0 if style == "alias" else tokens > 1000


@pytest.mark.slow
@pytest.mark.parametrize("style", ["alias", "rename"])
@pytest.mark.skipif("MS_CONVERT_TREE" not in os.environ, reason="MS_CONVERT_TREE does not name a tree")
def test_tree(tmp_path: Path, style: str) -> None:
    files, _ = check_tree(Path(os.environ["MS_CONVERT_TREE"]), tmp_path, style)
    assert files > 0


@pytest.fixture(scope="module")
def standard_rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """Rules that replace modules of the standard library."""
    rules = [
        {
            "id": name,
            "kind": "import",
            "why": "Test.",
            "match": {"module": name},
            "action": {"module": f"new_{name}"},
            "examples": [{"before": f"import {name}\n", "after": f"import new_{name} as {name}\n"}],
        }
        for name in STANDARD
    ]
    path = tmp_path_factory.mktemp("rules") / "standard.yaml"
    path.write_text(json.dumps({"version": 1, "rules": rules}))
    return load_rules(str(path))


@pytest.mark.slow
@pytest.mark.parametrize("style", ["alias", "rename"])
def test_standard_library(standard_rules: RuleSet, style: str) -> None:
    modules = {name: f"new_{name}" for name in STANDARD}
    library = Path(sysconfig.get_paths()["stdlib"])
    converted = tokens = kept = 0
    for path in sorted([*library.glob("[a-s]*.py"), *library.glob("asyncio/*.py"), *library.glob("unittest/*.py")]):
        raw = path.read_bytes()
        result = convert(raw, standard_rules, style, path.name)
        if result.skipped is not None or result.after is None:
            continue
        changes = [Listed((edit.line, edit.column - 1), edit.before) for edit in result.edits]
        try:
            tokens += check_same_program(raw.decode(), result.after.decode(), modules, changes)
        except AssertionError as error:
            raise AssertionError(f"{path}: {error}") from error
        converted += 1
        kept += len(result.kept)
    assert converted > 100
    assert tokens == 0 if style == "alias" else tokens > 5 * kept > 0


BEFORE = """import torch

class Layer:
    torch = torch

def f(x: "torch.Tensor", torch=torch.float):  # torch
    return g(torch=x.torch), "torch.nn", [torch for torch in x]

def h():
    return torch.a, f"{torch.b} torch"
"""


TAMPERED = [
    ("# torch", "# mindtorch"),
    ('"torch.nn"', '"mindtorch.nn"'),
    ("g(torch=", "g(mindtorch="),
    ("torch.a", "torch.b"),
    ("x.torch", "x.mindtorch"),
    ("[torch for torch", "[mindtorch for mindtorch"),
    ("[torch for", "[mindtorch for"),
    ("def h", "def i"),
    ("torch.a", "mindtorch.a"),
    ("    torch = torch", "    torch = mindtorch"),
    ("{torch.b} torch", "{torch.b} mindtorch"),
    ("torch.b}", "torch.c}"),
    ("torch=torch.float", "mindtorch=torch.float"),
    ("torch=torch.float", "torch=mindtorch.float"),
    ('"torch.Tensor"', '"mindtorch.Module"'),
    ("import mindtorch as torch", "import mindtorch"),
]


@pytest.mark.parametrize(("old", "new"), TAMPERED)
def test_the_proof_fails_for_another_program(old: str, new: str) -> None:
    result = convert(BEFORE, style="alias")
    assert result.after is not None
    after = result.after.decode()
    assert old in after
    # Even if the report lists a change everywhere.
    changes = [Listed((1, 0), BEFORE)]
    check_same_program(BEFORE, after, TORCH, changes)
    with pytest.raises(AssertionError):
        check_same_program(BEFORE, after.replace(old, new, 1), TORCH, changes)


def test_the_proof_fails_for_a_change_that_is_not_listed() -> None:
    with pytest.raises(AssertionError):
        check_same_program("import torch\ntorch.x\n", "import mindtorch\nmindtorch.x\n", TORCH, [])
