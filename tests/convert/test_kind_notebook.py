"""Notebook rules: Python in the cells of Jupyter notebooks is converted, every other byte stays."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from convert_checks import Converted, convert
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ms_convert import kinds
from ms_convert.edits import Edit, splice
from ms_convert.errors import ConvertError, RuleError
from ms_convert.findings import Findings
from ms_convert.kinds.imports import ImportRule
from ms_convert.kinds.notebook import NotebookRule
from ms_convert.language.model import Rule
from ms_convert.language.ruleset import RuleSet, load_rules
from ms_convert.notebook.document import read_notebook
from ms_convert.notebook.magics import read_cell
from ms_convert.settings import Settings
from ms_convert.textfile import TextFile

RULE = """\
version: 1
include: [torch.yaml]
rules:
  - id: in-notebooks
    kind: notebook
    why: because
    action: ACTION
    examples:
      - unchanged: "{}"
"""
BASE = load_rules("torch.yaml")
RULES = RuleSet((*BASE.rules, NotebookRule("in-notebooks", "because", BASE.rules[0].mark)))


def cell(source: Any, kind: str = "code", **more: Any) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def notebook(*cells: Any, **more: Any) -> dict[str, Any]:
    made = [one if isinstance(one, dict) else cell(one) for one in cells]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def run(text: str, rules: RuleSet = RULES, style: str = "alias") -> Converted:
    return convert(text, rules, style, "dir/a.ipynb")


def sources(raw: bytes | None) -> list[Any]:
    assert raw is not None
    return [one["source"] for one in json.loads(raw)["cells"]]


# The sources of all cells before and after. Without the rest of the notebook, since that never changes.
CASES = [
    (["import torch"], ["import mindtorch as torch"]),
    ([["import torch"]], [["import mindtorch as torch"]]),
    ([["import os\n", "import torch\n", "x = 1"]], [["import os\n", "import mindtorch as torch\n", "x = 1"]]),
    ([["from torch import (\n", "  nn)"]], [["from mindtorch import (\n", "  nn)"]]),
    (["from torch import (\n  nn,  # é \\ \"\n)"], ["from mindtorch import (\n  nn,  # é \\ \"\n)"]),
    (["import tor", "import torch"], ["import tor", "import mindtorch as torch"]),
    ([["import to", "rch"]], [["import mindtorch as torch"]]),
    # names of one cell in another
    (["from importlib import import_module as f", "f('torch.nn')"], None),
    (["import importlib as f", "f.import_module('torch')", "f = 1"], "same"),
    # magics stay, and hide nothing
    (["%matplotlib inline\nimport torch"], ["%matplotlib inline\nimport mindtorch as torch"]),
    (["!pip install torch\nimport torch"], ["!pip install torch\nimport mindtorch as torch"]),
    (["!a \\\n  b'\nimport torch"], ["!a \\\n  b'\nimport mindtorch as torch"]),
    (["x = !ls ' \nimport torch"], ["x = !ls ' \nimport mindtorch as torch"]),
    (["x, y = %sx ls\nimport torch"], ["x, y = %sx ls\nimport mindtorch as torch"]),
    (["torch?\nimport torch\n?torch.nn\ntorch.nn??"], ["torch?\nimport mindtorch as torch\n?torch.nn\ntorch.nn??"]),
    (["if x:\n  !ls {torch}\n  import torch"], ["if x:\n  !ls {torch}\n  import mindtorch as torch"]),
    (["'''\n!a '''\nimport torch\n!b"], ["'''\n!a '''\nimport mindtorch as torch\n!b"]),
    (["x = (1\n %2)\n!ls\nimport torch"], ["x = (1\n %2)\n!ls\nimport mindtorch as torch"]),
    (["%time import torch"], ["%time import mindtorch as torch"]),
    (["%timeit -n 10 -r 3 import torch"], ["%timeit -n 10 -r 3 import mindtorch as torch"]),
    (["%time import torch !\nimport torch"], ["%time import torch !\nimport mindtorch as torch"]),
    (["%%time\nimport torch"], ["%%time\nimport mindtorch as torch"]),
    (["\n%%capture out\n%%time\nimport torch"], ["\n%%capture out\n%%time\nimport mindtorch as torch"]),
    (["%%bash\nimport torch"], ["%%bash\nimport torch"]),
    (["%%writefile a.py\nimport torch"], ["%%writefile a.py\nimport mindtorch as torch"]),
    (["%%writefile a.txt\nimport torch"], ["%%writefile a.txt\nimport torch"]),
    (["%%python3\nimport torch"], ["%%python3\nimport mindtorch as torch"]),
    # IPython's own liberties
    (["  import torch\n  x = 1"], ["  import mindtorch as torch\n  x = 1"]),
    (["await f()\nimport torch"], ["await f()\nimport mindtorch as torch"]),
    (["x", "from __future__ import x\nimport torch"], ["x", "from __future__ import x\nimport mindtorch as torch"]),
    (["return", "import torch"], ["return", "import mindtorch as torch"]),
    # what is no code
    ([cell("import torch", "markdown"), cell("import torch", "raw")], ["import torch", "import torch"]),
    ([cell("import torch", metadata={"vscode": {"languageId": "r"}})], ["import torch"]),
    (["", [], "import torch"], ["", [], "import mindtorch as torch"]),
    ([["", "import torch", ""]], [["", "import mindtorch as torch", ""]]),
    # comments
    (["import torch  # ms-convert: ignore"], "same"),
    (["import torch  # ms-convert: ignore[torch-import]\nx"], "same"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CASES)
def test_sources(before: list[Any], after: list[Any] | str | None) -> None:
    if after == "same":
        after = before
    elif after is None:
        after = [before[0], before[1].replace("torch", "mindtorch")]
    wanted = json.loads(json.dumps(notebook(*before)))
    for one, source in zip(wanted["cells"], after, strict=True):
        one["source"] = source
    for indent in (1, None):
        text = json.dumps(notebook(*before), indent=indent)
        result = run(text)
        assert (result.skipped, result.left) == (None, [])
        new = text.encode() if result.after is None else result.after
        assert json.loads(new) == wanted
        assert new == json.dumps(wanted, indent=indent).encode()
        again = run(new.decode())
        assert (again.after, again.left) == (None, [])
        assert again.matches["in-notebooks"] == result.matches["in-notebooks"]


LAYOUT = """\
{ "metadata" : {"language_info": {"name": "python"}, "x": "\\u00e9\\/", "y":1.50, "z": 1E5},\r
  "cells":[\t{"cell_type": "code", "outputs": [{"text": "import torch"}], "source" : [ "import os\\n" ,\r
     "import torch \\t# \\u00e9\\n",\r
  "torch.\\u0061dd"] , "source2": ["import torch"] } ] , "nbformat": 4}\r
"""


def test_layout_stays() -> None:
    result = run(LAYOUT)
    assert result.after == LAYOUT.replace('"import torch \\t', '"import mindtorch as torch \\t').encode()
    (change,) = result.edits
    assert (change.line, change.before, change.after) == (3, "import torch", "import mindtorch as torch")
    assert [(use.name, use.line) for use in result.outcome.uses] == [("torch", 3), ("torch.add", 4)]


def test_byte_order_mark_stays() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(notebook("import torch")).encode()
    assert convert(raw, RULES, path="a.ipynb").after == raw.replace(b"import torch", b"import mindtorch as torch")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_new_text_is_spelled_like_the_old(monkeypatch: pytest.MonkeyPatch, ascii_only: bool) -> None:
    rules = _with_insertion(monkeypatch)
    text = json.dumps(notebook(["# ü\n", "import torch\n", "x = 1"]), ensure_ascii=ascii_only, indent=1)
    result = run(text, rules)
    assert result.after == json.dumps(notebook(INSERTED), ensure_ascii=ascii_only, indent=1).encode()
    assert run(result.after.decode(), rules).after is None


INSERTED = ["# ü\n", "import mindtorch as torch\n", "import launcher  # é\n", "\n", "x = 1"]


def _with_insertion(monkeypatch: pytest.MonkeyPatch) -> RuleSet:
    """With a rule of a kind of its own, which adds lines below an import."""

    @dataclass(frozen=True)
    class Adding(ImportRule):
        kind: ClassVar[str] = "adding"

    def find(module: Any, rules: RuleSet, _: Any) -> Findings:
        findings = Findings()
        for node in module.imports:
            if "launcher" not in module.text:
                end = module.source.line_starts[node.end_lineno]
                findings.edits.append(module.source.edit("adding", end, end, "import launcher  # é\n\n"))
        return findings

    rule = Adding("adding", "because", BASE.rules[0].mark, module="torch", targets={"torch": "mindtorch"})
    monkeypatch.setitem(kinds.PYTHON, Adding, find)
    return RuleSet((*RULES.rules, rule))


def test_older_format() -> None:
    old = {
        "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "code", "language": "python", "input": ["import torch\n", "x"], "outputs": []},
            {"cell_type": "code", "language": "r", "input": "import torch"},
        ]}],
        "nbformat": 3,
    }  # fmt: skip
    text = json.dumps(old, indent=1)
    assert run(text).after == text.replace('"import torch\\n"', '"import mindtorch as torch\\n"').encode()


def test_other_languages() -> None:
    text = json.dumps(notebook("import torch", metadata={"kernelspec": {"language": "julia"}}))
    result = run(text)
    assert (result.after, result.left, result.matches["in-notebooks"]) == (None, [], 0)


def test_notebooks_keep_the_name_in_rename_style() -> None:
    text = json.dumps(notebook("import torch", "torch.add(1, 2)"))
    assert sources(run(text, style="rename").after) == ["import mindtorch as torch", "torch.add(1, 2)"]


def test_cell_that_is_not_python_is_left_and_hides_nothing() -> None:
    text = json.dumps(notebook("x = 1", ["import torch\n", "def f(:\n"], "import torch"), indent=1)
    result = run(text)
    assert sources(result.after)[2] == "import mindtorch as torch"
    (left,) = result.left
    assert "cell 2 is not Python: " in left.reason
    assert left.line == 1 + text[: text.index("def f(")].count("\n")


def test_cell_in_an_unknown_language_is_told() -> None:
    result = run(json.dumps(notebook("%%html\n<b>torch</b>", "%%js\nx"), indent=1))
    (kept,) = result.kept
    assert (kept.reason, kept.line) == ("cell 1 is in the language of %%html, which no rule is about", 6)


BROKEN = [
    ("", "not valid JSON: Expecting value", 1),
    ('{"cells":\n[}', "not valid JSON: Expecting value", 2),
    ('{"cells": []}\n\nx', "there is more after the end", 1),
    ("[]", "not a notebook: it has no cells", None),
    ('{"x": 1}', "not a notebook: it has no cells", None),
    ("[" * 200_000, "nested too deeply", None),
    ('{"cells": [\n{"cell_type": "code", "source":\n 1}]}', "the source of cell 1 is no text", 3),
    ('{"cells": [\n{"cell_type": "code", "source":\n ["x", 1]}]}', "the source of cell 1 is no text", 3),
    ('{"cells": [], "x": "\n"}', "Invalid control character", 1),
    ('{"x": 1' + "0" * 5000 + "}", "not valid JSON", 1),
]


@pytest.mark.parametrize(("text", "reason", "line"), BROKEN)
def test_what_is_no_notebook(text: str, reason: str, line: int | None) -> None:
    result = run(text)
    assert result.skipped is not None
    assert reason in result.skipped.reason
    assert result.skipped.line == line


ODD = ['{"cells": 1}', '{"cells": [1, {}, {"cell_type": "code"}]}', '{"worksheets": [1, {}, {"cells": {}}]}']


@pytest.mark.parametrize("text", ODD)
def test_odd_notebooks_have_no_code(text: str) -> None:
    result = run(text)
    assert (result.after, result.skipped, result.left) == (None, None, [])


def test_magics_are_covered_by_text_of_the_same_length() -> None:
    source = "!ls\nx = !ls\nif 1:\n\t%cd é\n?a\n%time x + 1\na?\r\n!b \\\n c\n"
    code = read_cell(source)
    assert code.python == "0  \nx = 0  \nif 1:\n\t0    \n0 \n0;    x + 1\n0 \r\n0   \n  \n"
    assert [source[span.start : span.end] for span in code.commands] == ["ls", "ls", "b \\\n c"]


ALL_KINDS = """\
version: 1
include: [torch.yaml]
rules:
  - id: add-import
    kind: insert
    why: because
    paths: ['*.ipynb']
    match: {}
    action: {statement: import launcher}
    examples: [{unchanged: ""}]
  - id: add-call
    kind: insert
    why: because
    paths: ['*.ipynb']
    match: {}
    action: {statement: done(), at: end}
    examples: [{unchanged: ""}]
  - id: wrap
    kind: insert
    why: because
    paths: ['*.ipynb']
    match: {after: g}
    action: {statement: g = wrap(g)}
    examples: [{unchanged: ""}]
  - id: call
    kind: api
    why: because
    match: {name: lib.f, signature: [a, b]}
    action: {rename: other.g, arguments: {rename: {b: c}}}
    examples: [{unchanged: ""}]
  - id: in-notebooks
    kind: notebook
    why: because
    action: {}
    examples: [{unchanged: "{}"}]
"""


def test_rules_of_all_kinds_in_one_notebook(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(ALL_KINDS)
    rules = load_rules(str(tmp_path / "r.yaml"))
    text = json.dumps(
        notebook(
            ["%matplotlib inline\n", "import lib"],
            ["import torch\n", "def g():\n", "  !ls\n", "  return 1"],
            ["lib.f(1,\n", "  b=lib.f(2,\n", "  b=torch.add(3)))"],
            ["x = 1"],
        ),
        indent=1,
    )
    result = run(text, rules)
    assert sources(result.after) == [
        ["import other\n", "import launcher\n", "%matplotlib inline\n", "import lib"],
        ["import mindtorch as torch\n", "def g():\n", "  !ls\n", "  return 1\n", "g = wrap(g)"],
        ["other.g(1,\n", "  c=other.g(2,\n", "  c=torch.add(3)))"],
        ["x = 1\n", "done()\n"],
    ]
    assert result.left == []
    assert run(result.after.decode(), rules).after is None
    first = run(json.dumps(notebook("%%time\nx = 1")), rules)
    assert sources(first.after) == ["%%time\nimport launcher\nx = 1\ndone()\n"]


HOSTILE = [
    "\r\n" * 3000 + "import torch ?",
    "# x\r\n" * 3000 + "import torch ?",
    "%time" + " -a    " * 300 + "\n",
    "'''\\" * 3000 + "\n!",
    "x = " * 3000 + "!" + "\\" * 3001,
    "(" * 3000 + "\n!",
    "a?" * 3000,
]


@pytest.mark.parametrize("source", HOSTILE)
def test_reading_a_cell_takes_no_time(source: str) -> None:
    code = read_cell(source)  # the time limit of the test run tells
    assert code.python is None or len(code.python) == len(source)


WRONG = [
    ("{rules: []}", 7, "rules[0].action.rules"),
    ("{rules: torch-import}", 7, "rules[0].action.rules: must be a list"),
    ("{rules: [Torch]}", 7, "must be the id of a rule, or a glob such as torch-*"),
    ("{rules: [torch-imprt]}", 4, "no rule about Python or shell has an id like 'torch-imprt'"),
    ("{rules: [in-notebooks]}", 4, "no rule about Python or shell has an id like 'in-notebooks'"),
    ("{rule: [torch-import]}", 7, "'rule' is not known; did you mean 'rules'?"),
    ("{}\n    match: {cells: markdown}", 8, "'markdown' is not one of code"),
    ("{}\n    match: {cell: code}", 8, "'cell' is not known; did you mean 'cells'?"),
]


@pytest.mark.parametrize(("action", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, action: str, line: int, message: str) -> None:
    (tmp_path / "r.yaml").write_text(RULE.replace("ACTION", action))
    with pytest.raises(RuleError) as caught:
        load_rules(str(tmp_path / "r.yaml"))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_rules_are_chosen_by_id_and_by_path(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RULE.replace("ACTION", "{rules: ['*-function']}"))
    rules = load_rules(str(tmp_path / "r.yaml"))
    text = json.dumps(notebook("import torch", "__import__('torch')"))
    assert sources(run(text, rules).after) == ["import torch", "__import__('mindtorch')"]
    elsewhere = RuleSet(tuple(replace(rule, paths=("other/**",)) for rule in BASE.rules) + RULES.rules[-1:])
    assert run(text, elsewhere).after is None
    assert convert(text, elsewhere, path="other/b.ipynb").after is not None


def test_rules_that_disagree() -> None:
    (rule,) = [rule for rule in BASE.rules if rule.id == "torch-import-function"]
    other = replace(rule, id="other", target="elsewhere")
    text = json.dumps(notebook("x = 1", "__import__('torch')"), indent=1)
    with pytest.raises(ConvertError, match="both rewrite line 11"):
        run(text, RuleSet((*RULES.rules, other)))


LINES = [
    "import torch", "import torch.nn as nn", "from torch import (", "  nn,", "  Tensor)", "x = 'é\\n'  # \"",
    "%time import torch", "!ls torch", "y = !ls", "if x:", "  import torch", "'''", "torch?", "", "\U0001f600 = 1",
    "__import__('torch')", "%%time",
    "import torch  # \U0001f600é\\", "def f(:", "\tx = 1", "%%bash", "z = 1; import torch",
]  # fmt: skip


@st.composite
def notebooks(draw: st.DrawFn) -> str:
    cells = []
    for _ in range(draw(st.integers(1, 4))):
        lines = draw(st.lists(st.sampled_from(LINES), max_size=5))
        text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
        form = draw(st.integers(0, 2))
        if form == 0:
            source: Any = text
        elif form == 1:
            source = text.splitlines(keepends=True)
        else:
            cut = draw(st.integers(0, len(text)))
            source = [text[:cut], text[cut:]]
        cells.append(
            cell(source, draw(st.sampled_from(["code", "code", "code", "markdown"])), outputs=["import torch"])
        )
    return json.dumps(
        notebook(*cells),
        indent=draw(st.sampled_from([None, 1, "\t"])),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([None, (",", ":")])),
    ).replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def text_of(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(notebooks())
def test_any_notebook(text: str) -> None:
    result = run(text)
    assert result.skipped is None
    if result.after is None:
        return
    before, after = json.loads(text), json.loads(result.after)
    position = new_position = 0
    new = result.after.decode()
    for change in result.edits:  # nothing but the edits differs
        same = text[position : change.start]
        assert new[new_position : new_position + len(same)] == same
        new_position += len(same) + len(change.after)
        position = change.end
    assert new[new_position:] == text[position:]
    for old_cell, new_cell in zip(before["cells"], after["cells"], strict=True):
        old_source, new_source = text_of(old_cell.pop("source")), text_of(new_cell.pop("source"))
        assert old_cell == new_cell
        if old_cell["cell_type"] != "code":
            assert old_source == new_source
        elif read_cell(old_source).python == old_source:  # Python without magics: as if it were a module
            direct = convert(old_source, BASE)
            if direct.skipped is None:  # indented as a whole, it is none
                assert new_source.encode() == (old_source.encode() if direct.after is None else direct.after)
    again = run(new)
    assert again.after is None
    # Strings that an edit joins are one line of the file, not two.
    assert [left.reason for left in again.left] == [left.reason for left in result.left]


def test_shell_rules_hold_in_shell_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Shell(Rule):
        kind: ClassVar[str] = "shell"
        file_names: ClassVar[tuple[str, ...]] = ("*.sh",)

    def find(file: TextFile, path: str, rules: RuleSet, settings: Settings) -> Findings:
        assert [rule.id for rule in rules.rules] == ["shell"]
        at = file.text.find("torchrun")
        return Findings([file.edit("shell", at, at + 8, "mindtorchrun")] if at >= 0 else [])

    monkeypatch.setitem(kinds.TEXT, Shell, find)
    rules = RuleSet((*RULES.rules, Shell("shell", "because", BASE.rules[0].mark)))
    cells = ["!torchrun a.py\nx = !torchrun\n", "%%bash\nls\ntorchrun a.py", "'torchrun'", "%%writefile a.sh\ntorchrun"]
    changed = [text if text[0] == "'" else text.replace("torchrun", "mindtorchrun") for text in cells]
    assert sources(run(json.dumps(notebook(*cells)), rules).after) == changed
    (ignored,) = ["!torchrun a.py  # ms-convert: ignore"]
    assert run(json.dumps(notebook(ignored)), rules).after is None


TEXT = st.text(st.sampled_from('ab\n\n"\\é\U0001f600'), max_size=12)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TEXT, TEXT, st.integers(0, 12), st.integers(0, 12), st.booleans(), st.booleans(), st.booleans())
@example(source="\n\\", new="", start=1, length=1, array=True, ascii_only=False, alone=True)
def test_any_edit(source: str, new: str, start: int, length: int, array: bool, ascii_only: bool, alone: bool) -> None:
    """The source becomes what the edit says, with a line in each string, and nothing else changes."""
    start = min(start, len(source))
    end = min(start + length, len(source))
    lines = [*map("".join, zip(source.split("\n"), ["\n"] * source.count("\n") + [""], strict=True))]
    spelled = [line for line in lines if line] if array else source
    file = TextFile(json.dumps(notebook(spelled, "x = 1\n"), indent=1, ensure_ascii=ascii_only))
    read = read_notebook(file).cells
    if len(read) == 1:
        return  # an empty cell has no place for an edit
    edit = read_notebook(file).edit(Edit("r", 1, 1, start + 5, end + 5, (new,)), read[0], 5, alone=alone)
    after = splice(file.text, [edit])
    (result, _) = sources(after.encode())
    wanted = source[:start] + new + source[end:]
    assert text_of(result) == wanted
    if array and alone:
        assert result == (re.findall(r"[^\n]*\n|[^\n]+", wanted) or [""])
    assert json.loads(after)["cells"][1]["source"] == "x = 1\n"
