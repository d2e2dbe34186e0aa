"""The SARIF report: valid by models made from the official schema, and true."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from ms_convert.edits import Left
from ms_convert.outcome import Change
from ms_convert.report.model import FileReport, Report
from ms_convert.report.sarif import as_sarif
from pydantic import ValidationError
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log
from report_checks import FILES, HOSTILE, make_tree, report_on


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_tree(tmp_path_factory.mktemp("a tree"))
    if sys.platform == "linux":
        (root / os.fsdecode(b"\xff.py")).write_text("import torch\n")
    return root


@pytest.fixture(scope="module")
def report(tree: Path) -> Report:
    return report_on(tree)


@pytest.fixture(scope="module")
def log(report: Report) -> dict[str, Any]:
    data = json.loads(json.dumps(as_sarif(report)))
    Log.model_validate(data)
    return data["runs"][0]


def place(result: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "ROOT"
    return os.fsdecode(unquote_to_bytes(physical["artifactLocation"]["uri"])), physical.get("region", {})


def of(log: dict[str, Any], rule: str, path: str) -> list[dict[str, Any]]:
    return [result for result in log["results"] if result["ruleId"] == rule and place(result)[0] == path]


def test_the_models_are_strict() -> None:
    data = as_sarif(Report("/x", "check", ()))
    Log.model_validate(data)
    with pytest.raises(ValidationError):
        Log.model_validate(data | {"version": "2.0.0"})
    data["runs"][0]["tool"]["driver"]["colour"] = "red"
    with pytest.raises(ValidationError):
        Log.model_validate(data)


def test_uris(log: dict[str, Any], tree: Path) -> None:
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in log["results"]}
    assert {os.fsdecode(unquote_to_bytes(uri)) for uri in uris} >= set(FILES)
    for uri in uris:
        assert uri.isascii()
        assert not set(uri) & set(" <>'\"&#?")
        assert urlsplit(uri).scheme == urlsplit(uri).fragment == ""
    base = log["originalUriBaseIds"]["ROOT"]["uri"]
    assert base.startswith("file:///")
    assert base.endswith("/")
    assert Path(unquote_to_bytes(urlsplit(base).path).decode()) == tree
    if sys.platform == "linux":
        assert "%FF.py" in uris


def test_conversions(log: dict[str, Any], tree: Path) -> None:
    first, second = of(log, "torch-import", "pkg/guarded.py")
    assert (first["level"], first["message"]["text"]) == ("note", "would become: from mindtorch.export import Dim")
    region = place(first)[1]
    line = (tree / "pkg/guarded.py").read_text().splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "from torch.export import Dim"
    (change,) = first["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    assert replacement["insertedContent"]["text"] == "from mindtorch.export import Dim"
    assert place(second)[1]["startLine"] == 5


def test_problems(log: dict[str, Any]) -> None:
    (skipped,) = of(log, "skipped-file", "broken.py")
    assert (skipped["level"], place(skipped)[1]) == ("error", {"startLine": 2})
    (left,) = of(log, "torch-import-function", "left.py")
    assert (left["level"], left["message"]["text"]) == ("warning", "left as it is: module name is computed at run time")
    assert place(left)[1]["snippet"]["text"] == "'torch.' + name"
    unsupported = of(log, "unsupported-api", "train.py")
    assert [(r["properties"]["api"], r["level"], place(r)[1]["startLine"]) for r in unsupported] == [
        ("torch.fx", "error", 4), ("torch.fx", "error", 5), ("torch.fx", "error", 5),
        ("torch.hub.load", "warning", 6),
    ]  # fmt: skip
    assert {r["level"] for r in of(log, "unsupported-api", "pkg/guarded.py")} == {"note"}
    assert [r["level"] for r in of(log, "unsupported-api", "tests/test_it.py")] == ["warning"]
    (hostile,) = of(log, "unsupported-api", HOSTILE)
    assert place(hostile)[1]["snippet"]["text"].startswith("v = torch.fx.Graph")
    (kept,) = of(log, "ms-convert", "kept.py")
    assert (kept["level"], kept["kind"]) == ("none", "informational")


def test_rules_have_help(log: dict[str, Any], report: Report) -> None:
    rules = log["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in log["results"]}
    for result in log["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    by_id = {rule["id"]: rule for rule in rules}
    why = next(rule.why for rule in report.by_rule if rule.id == "torch-import")
    assert " ".join(why.split()) in by_id["torch-import"]["help"]["text"]
    assert "torch.yaml:" in by_id["torch-import"]["help"]["text"]


def test_fingerprints(log: dict[str, Any], tree: Path, tmp_path: Path) -> None:
    prints = [result["partialFingerprints"]["msConvert/v1"] for result in log["results"]]
    assert len(set(prints)) == len(prints)
    moved = make_tree(tmp_path, FILES | {"train.py": "\n\n" + FILES["train.py"]})
    again = as_sarif(report_on(moved))["runs"][0]
    after = [result["partialFingerprints"]["msConvert/v1"] for result in again["results"]]
    assert set(after) <= set(prints)


def test_regions_of_several_lines() -> None:
    change = Change("a,b", 4, 3, 0, 9, "x\r\nyy\nzzz", "new")
    file = FileReport("a.py", "converted", (change,), (Left("r", 2, "a,b", "p\nq"),))
    report = Report("/x", "in-place", (), files=[file])
    first, second = as_sarif(report)["runs"][0]["results"]
    assert place(first)[1] == {
        "startLine": 4, "startColumn": 3, "endLine": 6, "endColumn": 4, "snippet": {"text": "x\r\nyy\nzzz"},
    }  # fmt: skip
    assert (first["ruleId"], first["properties"]) == ("a", {"rules": ["a", "b"]})
    assert "fixes" not in first
    assert place(second)[1] == {"startLine": 2, "endLine": 3, "snippet": {"text": "p\nq"}}


def test_the_run(log: dict[str, Any]) -> None:
    assert log["columnKind"] == "unicodeCodePoints"
    assert log["invocations"][0]["exitCode"] == 1
    assert log["properties"] == {"mode": "check", "coverage": 10.0, "coverageMin": None}
    noted = as_sarif(Report("/x", "check", (), notes=["own torch"]))["runs"][0]["invocations"][0]
    assert noted["toolExecutionNotifications"] == [{"level": "warning", "message": {"text": "own torch"}}]
