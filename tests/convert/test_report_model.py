"""The report as data: JSON, exit codes, rules, what it shows of the source; and as lines on the console."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import report_checks
from ms_convert.edits import Left
from ms_convert.outcome import Change
from ms_convert.report.console import print_report
from ms_convert.report.coverage import Coverage, UnsupportedApi
from ms_convert.report.excerpts import MAX_HUNKS, MAX_LINES, MAX_WIDTH, excerpts
from ms_convert.report.model import REPORT_VERSION, FileReport, Report
from ms_convert.run import Options, run
from report_checks import HOSTILE, make_tree, quiet, report_on
from rich.console import Console

COVERED = Coverage("mindtorch", "2.7")
COVERED.supported["torch.add"] = 9
LACKING = Coverage("mindtorch", "2.7", unsupported=[UnsupportedApi("torch.vmap", "missing", places={"a.py": [3]})])
LACKING.supported["torch.add"] = 9
OPTIONAL = Coverage("mindtorch", unsupported=[UnsupportedApi("torch.vmap", "missing", optional={"a.py": [3]})])
CHANGE = Change("r", 1, 1, 0, 1, "a", "b")
LEFT = Left("because", 1, "r", "a")


@pytest.mark.parametrize(
    ("code", "files", "notes", "mode", "coverage", "least"),
    [
        (0, [], [], "in-place", COVERED, None),
        (0, [FileReport("a.py", "converted", (CHANGE,))], [], "in-place", COVERED, None),
        (0, [FileReport("a.py", "converted", (CHANGE,))], [], "diff", COVERED, None),
        (1, [FileReport("a.py", "converted", (CHANGE,))], [], "check", COVERED, None),
        (1, [FileReport("a.py", "unchanged", left=(LEFT,))], [], "in-place", COVERED, None),
        (0, [FileReport("a.py", "unchanged", kept=(LEFT,))], [], "in-place", COVERED, None),
        (1, [FileReport("a.py", "skipped", reason="x")], [], "in-place", COVERED, None),
        (1, [], ["a note"], "in-place", COVERED, None),
        (1, [], [], "in-place", LACKING, None),
        (0, [], [], "in-place", LACKING, 90.0),
        (1, [], [], "in-place", LACKING, 90.1),
        (1, [FileReport("a.py", "unchanged", left=(LEFT,))], [], "in-place", LACKING, 90.0),
        (0, [], [], "in-place", OPTIONAL, None),
        (0, [], [], "in-place", COVERED, 100.0),
        (0, [], [], "in-place", Coverage(unknown="no table"), None),
        (1, [], [], "in-place", Coverage(unknown="no table"), 1.0),
    ],
)
def test_exit_code(
    code: int, files: list[FileReport], notes: list[str], mode: str, coverage: Coverage, least: float | None
) -> None:
    report = Report("/x", mode, ("r.yaml",), files=files, notes=notes, coverage=coverage, coverage_min=least)
    assert report.exit_code == code


def test_json(tmp_path: Path) -> None:
    data = json.loads(json.dumps(report_on(make_tree(tmp_path)).as_json()))
    assert data["version"] == REPORT_VERSION == 2
    summary = data["summary"]
    assert (summary["converted"], summary["skipped"], summary["left"], summary["kept"]) == (7, 1, 1, 1)
    assert (summary["unsupported"], summary["edits"], summary["coverage"], summary["exit_code"]) == (4, 9, 10.0, 1)
    files = {file["path"]: file for file in data["files"]}
    assert set(files) == set(report_checks.FILES)
    assert files["train.py"]["unsupported"] == [
        [4, "torch.fx"], [5, "torch.fx"], [5, "torch.fx"], [6, "torch.hub.load"],
    ]  # fmt: skip
    assert files["train.py"]["edits"][1] == {
        "rule": "torch-import", "line": 2, "column": 1, "before": "from torch import nn",
        "after": "from mindtorch import nn",
    }  # fmt: skip
    assert files["pkg/guarded.py"]["unsupported"] == []
    assert (files["broken.py"]["status"], files["broken.py"]["line"]) == ("skipped", 2)
    assert files["left.py"]["left"][0]["line"] == 3
    assert files["kept.py"]["kept"][0]["reason"] == "nothing is ignored here: remove this comment"
    rule = {rule["id"]: rule for rule in data["by_rule"]}
    imports = rule["torch-import"]
    assert (imports["edits"], imports["files"], imports["matches"], imports["kind"]) == (9, 7, 9, "import")
    assert imports["defined"].startswith("torch.yaml:")
    assert "MindSpore" in imports["why"]
    assert rule["torch-import-function"]["left"] == 1
    assert rule["torch-importorskip"]["matches"] == 0
    coverage = data["coverage"]
    assert coverage["supported"] == {"torch.ones": 1}
    assert coverage["unsupported"][0]["places"] == {HOSTILE: [2], "pkg/more.py": [1, 2], "train.py": [4, 5, 5]}
    assert coverage["unsupported"][0]["names"]["torch.fx.wrap"] == 2


LACKING_RULE = """\
version: 1
include: [torch.yaml]
rules:
  - id: no-hub
    kind: api
    why: Not here.
    match: {name: torch.hub.load}
    action: {unsupported: load files}
    examples: [{unchanged: "import other\\n"}]
"""


def test_what_a_rule_leaves_as_unsupported_counts_as_coverage(tmp_path: Path) -> None:
    source = "import torch\ntorch.hub.load('x')\ntorch.add\ntorch.sub\ntorch.mul\n"
    root = make_tree(tmp_path / "tree", {"a.py": source})
    (tmp_path / "rules.yaml").write_text(LACKING_RULE)
    for least, code in ((None, 1), (75.0, 0), (75.1, 1)):
        report = run(Options(root, str(tmp_path / "rules.yaml"), diff=True, coverage_min=least), quiet)
        assert [left.rule for _, left in report.left] == ["no-hub"]
        assert [(api.name, api.hint) for api in report.coverage.needed] == [("torch.hub.load", "load files")]
        assert report.exit_code == code
    report.coverage_min, report.coverage = None, Coverage(unknown="no table")
    assert report.exit_code == 1


def test_an_edit_of_two_rules_counts_for_both() -> None:
    report = Report("/x", "check", (), files=[FileReport("a.py", "converted", (CHANGE._replace(rule="a,b"),))])
    assert report.edits == 1
    assert report.edits_by_rule == {"a": 1, "b": 1}


def test_a_file_with_nothing_but_unsupported_uses_is_told(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "import torch  # ms-convert: ignore\ntorch.sparse_csr_tensor\n"})
    report = report_on(tmp_path)
    assert [(file.path, file.status, file.excerpts.lines) for file in report.files] == [
        ("a.py", "unchanged", {2: "torch.sparse_csr_tensor"})
    ]


def test_excerpts_of_changes() -> None:
    text = "a = 1\r\nimport x; import y\r\nb\r\n\r\ndef f():\r\n    import x\r\nend"
    changes = []
    pairs = ("import x; ", "import p\r\nimport q; "), ("import y", "import z"), ("    import x", "    pass")
    for before, after in pairs:
        start = text.index(before)
        line = text[:start].count("\n") + 1
        changes.append(Change("r", line, 1, start, start + len(before), before, after))
    changes.append(changes[-1]._replace(nested=True, after="not shown twice"))
    found = excerpts(b"\xef\xbb\xbf" + text.encode("cp1252"), "cp1252", [7, 1, 99], changes)
    assert found.lines == {1: "a = 1", 7: "end"}
    first, second = found.hunks
    assert (first.line, first.after_line) == (2, 2)
    assert first.before == "import x; import y"
    assert first.after == "import p\r\nimport q; import z"
    assert (second.line, second.after_line, second.before, second.after) == (6, 7, "    import x", "    pass")
    assert found.more == 0


def test_excerpts_are_bounded() -> None:
    text = "".join(f"import x{number:04} {'#' * 500}\n" for number in range(200))
    width = text.index("\n") + 1
    changes = [Change("r", n + 1, 1, n * width, n * width + 6, "import", "IMPORT") for n in range(200)]
    found = excerpts(text.encode(), "utf-8", range(1, 201), changes)
    assert len(found.lines) == MAX_LINES
    assert {len(line) for line in found.lines.values()} == {MAX_WIDTH}
    assert (len(found.hunks), found.more) == (MAX_HUNKS, 200 - MAX_HUNKS)
    assert found.hunks[2].after.startswith("IMPORT x0002 ##")


def printed(report: Report) -> list[str]:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=20))
    return stream.getvalue().splitlines()


def test_console(tmp_path: Path) -> None:
    lines = printed(report_on(make_tree(tmp_path)))
    assert lines[0].startswith("would convert 7 of 9 files, 9 edits, in ")
    at = lines.index("10.0 % of 10 torch API uses are supported by mindtorch; 4 APIs are not:")
    assert lines[at + 1 :] == [
        f"       6  torch.fx (missing module), first at {HOSTILE}:2",
        "       1  torch._C._secret (private to PyTorch), first at pkg/more.py:3",
        "       1  torch.hub.load (has a way round), first at train.py:6: download the files, convert the model's "
        "code, and read its weights with torch.load",
        "       1  torch.sparse_csr_tensor (only in tests), first at tests/test_it.py:4",
    ]
    assert "broken.py:2: file left alone: invalid syntax" in lines
    reason = "module name is computed at run time [torch-import-function]"
    assert f"left.py:3: left as it is: 'torch.' + name: {reason}" in lines
    reason = "nothing is ignored here: remove this comment"
    assert f"kept.py:1: kept: ms-convert: ignore[torch-mock-patch]: {reason}" in lines


def test_console_shows_what_would_control_the_terminal() -> None:
    left = Left("be\x1b[31mcause", 1, "r", "x\u202ey")
    report = Report("/x", "check", (), files=[FileReport("a\x1b]0;b\x07\udcff.py", "unchanged", left=(left,))])
    (line,) = [line for line in printed(report) if "left as it is" in line]
    assert line == "a\\x1b]0;b\\x07\\udcff.py:1: left as it is: x\\u202ey: be\\x1b[31mcause [r]"


def test_console_is_short() -> None:
    apis = [UnsupportedApi(f"torch.x{n:02}", "missing", places={"a.py": [n]}) for n in range(1, 31)]
    kept = tuple(Left("so", n, "r", "x") for n in range(1, 31))
    report = Report("/x", "diff", (), files=[FileReport("a.py", "unchanged", kept=kept)])
    report.coverage = Coverage("mindtorch", unsupported=apis)
    lines = printed(report)
    assert "0.0 % of 30 torch API uses are supported by mindtorch; 30 APIs are not:" in lines
    assert "  ... and 20 more APIs: --report html or --report json lists all" in lines
    assert "  ... and 20 more kept places: --report html or --report json lists all" in lines
    assert len(lines) == 1 + 10 + 1 + 1 + 10 + 1


@pytest.mark.parametrize(
    ("coverage", "least", "last"),
    [
        (Coverage("mindtorch"), None, "converted 0 of 0 files, 0 edits, in 0.0 s: /x"),
        (COVERED, None, "100.0 % of 9 torch API uses are supported by mindtorch"),
        (LACKING, 90.0, "       1  torch.vmap (in one file), first at a.py:3"),
        (LACKING, 95.0, "too few: at least 95 % were asked for"),
        (Coverage(unknown="no table"), None, "API coverage unknown: no table"),
        (Coverage(unknown="no table"), 95.0, "not known to be enough: at least 95 % were asked for"),
    ],
)
def test_console_tells_the_coverage(coverage: Coverage, least: float | None, last: str) -> None:
    assert printed(Report("/x", "in-place", (), coverage=coverage, coverage_min=least))[-1] == last
