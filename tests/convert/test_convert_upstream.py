"""A whole upstream package: it changes in its import statements, and nowhere else."""

from __future__ import annotations

import ast
import filecmp
import json
import os
from pathlib import Path

import pytest
from convert_checks import imports_mapped_back, without_imports
from ms_convert.cli import app
from typer.testing import CliRunner


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def converted(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The converted copy and its report."""
    out = tmp_path_factory.mktemp("upstream") / "out"
    result = CliRunner().invoke(app, [str(upstream), "-o", str(out), "--rules", "rules/llm.yaml", "--report", "json"])
    report = json.loads(result.stdout)
    # It uses some of PyTorch that mindtorch does not support, and the report says so.
    assert result.exit_code == report["summary"]["exit_code"] == 1, result.output
    return out, report


def test_every_file_is_there(upstream: Path, converted: tuple[Path, dict]) -> None:
    kept = [name for name in _files(upstream) if "__pycache__" not in name and not name.startswith(".git/")]
    assert _files(converted[0]) == kept
    assert len([name for name in kept if name.endswith(".py")]) > 200


def test_report_names_exactly_the_changed_files(upstream: Path, converted: tuple[Path, dict]) -> None:
    out, report = converted
    names = _files(out)
    changed = [name for name in names if not filecmp.cmp(upstream / name, out / name, shallow=False)]
    assert [file["path"] for file in report["files"] if file["status"] == "converted"] == changed
    assert report["summary"]["converted"] == len(changed) > 100
    assert all(os.stat(upstream / name).st_mode == os.stat(out / name).st_mode for name in names)


def test_only_import_statements_differ(upstream: Path, converted: tuple[Path, dict]) -> None:
    out, report = converted
    # The package imports PyTorch and, where they are there, the packages that have stand-ins.
    stand_ins = {rule for rules in report["summary"]["edits_by_rule"] for rule in rules.split(",")} - {"torch-import"}
    assert stand_ins == {"transformer-engine", "transformer-engine-torch", "apex", "amp-c", "fused-weight-gradient",
                         "scaled-upper-triang-masked-softmax", "scaled-masked-softmax", "scaled-softmax"}  # fmt: skip
    for file in report["files"]:
        before, after = ((root / file["path"]).read_bytes() for root in (upstream, out))
        assert without_imports(before) == without_imports(after), file["path"]
        assert ast.dump(ast.parse(before)) == imports_mapped_back(after), file["path"]


def test_no_import_of_torch_is_left_but_what_the_report_lists(converted: tuple[Path, dict]) -> None:
    out, report = converted
    told = {(file["path"], left["line"]) for file in report["files"] for left in file.get("left", [])}
    told_files = {file["path"] for file in report["files"] if file["status"] == "skipped"}
    for path in out.rglob("*.py"):
        name = path.relative_to(out).as_posix()
        if name in told_files:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
                modules = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            for module in modules:
                assert str(module).partition(".")[0] != "torch" or (name, node.lineno) in told, (name, node.lineno)


def test_second_run_changes_nothing(converted: tuple[Path, dict]) -> None:
    out, _ = converted
    before = {name: (out / name).read_bytes() for name in _files(out)}
    result = CliRunner().invoke(app, [str(out), "--report", "json"])
    assert json.loads(result.stdout)["summary"]["edits"] == 0, result.output
    assert {name: (out / name).read_bytes() for name in _files(out)} == before
