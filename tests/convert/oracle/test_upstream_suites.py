"""Whole libraries and their own test suites: converted, they pass and fail in exactly the same tests.

The converted code runs on a ``mindtorch`` that is PyTorch itself, so that a difference can only come from the
conversion.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import mindtorch_alias
import pytest
from ms_convert.cli import app
from typer.testing import CliRunner

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Suite:
    """``tests`` are the arguments of pytest; ``needs`` other projects; at least ``passing`` tests pass."""

    project: str
    tests: tuple[str, ...]
    passing: int
    needs: tuple[str, ...] = ()


SUITES = {
    # The compiler of torch.compile takes a minute in two of the tests; a third one stays. The test of threads fails on
    # a busy machine.
    "einops": Suite(
        "einops-0.8.2",
        ("einops/tests", "-k", "not compile_with_dynamic_shape and not compile_for_functions and not einops_threading"),
        passing=45,
    ),
    "linear_operator": Suite("linear_operator-0.6.1", ("test",), passing=5000),
    "gpytorch": Suite(
        "gpytorch-1.15.2",
        ("test/kernels", "test/models", "test/likelihoods", "test/distributions", "test/test_module.py"),
        passing=500,
        needs=("linear_operator-0.6.1",),
    ),
}


def results(suite: Suite, root: Path, path: list[Path], report: Path) -> dict[str, str]:
    """Run the suite of the project below ``root``: for each test what came out."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "EINOPS_TEST_BACKENDS": "numpy,torch",
    }
    # pytest's own settings for this run must not reach the inner one.
    for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-c", os.devnull, "--rootdir", str(root), f"--junitxml={report}", *suite.tests]
    directory = root / suite.project
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout[-5000:] + done.stderr[-5000:]
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = sorted(child.tag for child in case if child.tag in ("failure", "error", "skipped"))
        name = f"{case.get('classname')}::{case.get('name')}"
        found[name] = "+".join(filter(None, [found.get(name), *(kinds or ["passed"])]))
    return found


def convert(source: Path, output: Path, style: str) -> dict:
    arguments = [str(source), "-o", str(output), "--style", style, "--report", "json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 1), result.output  # 1: something that mindtorch does not have, which PyTorch does
    return json.loads(result.stdout)


def imports_of_torch(root: Path) -> Iterator[str]:
    """Where a file below ``root`` imports the real PyTorch."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            if any(module.partition(".")[0] == "torch" for module in modules):
                yield f"{path.relative_to(root)}:{node.lineno}"


@pytest.mark.parametrize("name", SUITES)
def test_same_tests_pass(name: str, suites: Path, tmp_path: Path) -> None:
    suite = SUITES[name]
    projects = (suite.project, *suite.needs)
    before = results(suite, suites, [suites / project for project in projects], tmp_path / "before.xml")
    assert sum(result == "passed" for result in before.values()) >= suite.passing
    alias = mindtorch_alias.write_alias(tmp_path / "alias")
    for style in ("alias", "rename"):
        root = tmp_path / style
        for project in projects:
            report = convert(suites / project, root / project, style)
            assert report["summary"]["left"] == report["summary"]["skipped"] == 0
            assert list(imports_of_torch(root / project)) == []
        path = [alias, *(root / project for project in projects)]
        after = results(suite, root, path, tmp_path / f"{style}.xml")
        differ = {test: (before.get(test), after.get(test)) for test in before.keys() | after.keys()}
        assert {test: both for test, both in differ.items() if both[0] != both[1]} == {}, style
