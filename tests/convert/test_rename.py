"""Rename style: every form of import, and names that other files look up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from convert_checks import check_transformed, convert
from ms_convert.cli import app
from ms_convert.project.exports import seen_names
from test_convert_imports import PLACES, STATEMENTS, _at, _python_has
from typer.testing import CliRunner

# What rename style writes where it differs from alias style, in a file that allows it.
PLAIN = {
    "import torch": "import mindtorch",
    "import torch.distributed": "import mindtorch.distributed",
    "import torch.nn.functional": "import mindtorch.nn.functional",
    "import torch.nn, os": "import mindtorch.nn, os",
    "import os, torch.nn": "import os, mindtorch.nn",
    "import torch, torch.nn": "import mindtorch, mindtorch.nn",
    "import torch.nn, torch": "import mindtorch.nn, mindtorch",
    "import torch.nn, torch.cuda": "import mindtorch.nn, mindtorch.cuda",
    "import torch.nn, torch.cuda as c": "import mindtorch.nn, mindtorch.cuda as c",
    "import os, torch, torch.nn.functional as F, sys": "import os, mindtorch, mindtorch.nn.functional as F, sys",
    "import  torch ,os": "import  mindtorch ,os",
    "import os, \\\n    torch, \\\n    sys": "import os, \\\n    mindtorch, \\\n    sys",
    "import \\\n    torch": "import \\\n    mindtorch",
}


@pytest.mark.parametrize(("before", "alias"), STATEMENTS)
def test_statement(before: str, alias: str) -> None:
    check_transformed(before, PLAIN.get(before, alias), style="rename")


@pytest.mark.parametrize("place", [place for place in PLACES if "class C" not in place and "torch" not in place])
def test_statement_in_place(place: str) -> None:
    for before, after in PLAIN.items():
        if _python_has(place, before):
            check_transformed(_at(place, before), _at(place, after), style="rename")


def test_a_second_run_over_a_kept_alias_changes_nothing() -> None:
    result = convert("import torch\nlocals()\ntorch.a\n", style="rename")
    assert result.after == b"import mindtorch as torch\nlocals()\ntorch.a\n"
    assert convert(result.after, style="rename").edits == []


def test_a_comment_that_keeps_a_line_keeps_the_name() -> None:
    before = "import torch\ntorch.a\ntorch.b  # ms-convert: ignore\n"
    result = convert(before, style="rename")
    assert result.after == before.replace("import torch", "import mindtorch as torch").encode()
    assert "line 3" in result.kept[0].reason


# Consumer, and the files among a.py, b.py and sub/__init__.py from which it takes the name.
CONSUMERS = {
    "from pkg.a import torch": {"a"},
    "from .a import torch as t": {"a"},
    "from .a import (x,\n  torch,\n)": {"a"},
    "from .a import (  # (x)\n  x,  # )\n  torch)": {"a"},
    "from .a import x, \\\n  torch": {"a"},
    "from .a import *": {"a"},
    "from . import a\na.torch.x": {"a"},
    "from pkg import a as m\nm.torch": {"a"},
    "import pkg.a as m\nm.torch.x": {"a"},
    "import pkg.a\npkg.a.torch.x": {"a"},
    "from pkg import a, b\nb.torch": {"b"},
    "from .sub import torch": {"sub"},
    "from . import sub\nsub.torch = None": {"sub"},
    "mock.patch('pkg.a.torch.cuda.is_available')": {"a"},
    "monkeypatch.setattr('pkg.b.torch', x)": {"b"},
    "from pkg import a\nmonkeypatch.setattr(a, 'torch', x)": {"a"},
    "import pkg.b as m\npatch.object(m, 'torch')": {"b"},
    "from pkg import a\nhasattr(a, \"torch\") and getattr(a, 'torch', None)": {"a"},
    "exec('from pkg.a import torch')": {"a"},
    "def f(module): return module.torch": {"a", "b", "sub"},
    "def f(x): return getattr(x, 'torch')": {"a", "b", "sub"},
    "m = importlib.import_module(name)\nm.torch": {"a", "b", "sub"},
    "sys.modules['pkg.a'].torch": {"a", "b", "sub"},
    "import torch\nself.torch.x\nconfig.torch\ncls.torch": set(),
    "import safetensors\nfrom safetensors.torch import save\nsafetensors.torch.save": set(),
    "from torch import nn\nimport torch.nn as x\nx = {'torch': 1}['torch']": set(),
    "from .a import x\nx('torch', torch=1)  # a.torch": set(),
    "'see pkg/a.py: torch'": set(),
    "def broken(:\n from pkg.a import torch": set(),
}


def project(root: Path, consumer: str) -> Path:
    (root / "pkg" / "sub").mkdir(parents=True)
    for name in ("a.py", "b.py", "sub/__init__.py"):
        (root / "pkg" / name).write_text("import torch\n\nx = torch.x\n")
    (root / "pkg" / "consumer.py").write_text(consumer + "\n")
    return root


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_names_that_another_file_looks_up(consumer: str, tmp_path: Path) -> None:
    root = project(tmp_path / "tree", consumer)
    arguments = [str(root), "-o", str(tmp_path / "out"), "--style", "rename", "--report", "json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 1), result.output
    kept = set()
    for name, path in {"a": "a.py", "b": "b.py", "sub": "sub/__init__.py"}.items():
        text = (tmp_path / "out" / "pkg" / path).read_text()
        assert text in ("import mindtorch as torch\n\nx = torch.x\n", "import mindtorch\n\nx = mindtorch.x\n")
        if " as torch" in text:
            kept.add(name)
    assert kept == CONSUMERS[consumer]
    told = {file["path"] for file in json.loads(result.stdout)["files"] if file.get("kept")}
    assert len(told - {"pkg/consumer.py"}) == len(kept)


def test_a_star_import_takes_only_what_is_exported(tmp_path: Path) -> None:
    assert seen_names(project(tmp_path, "from .a import *"), ["pkg/consumer.py"], frozenset({"torch"})) == {("*", "a")}
    from ms_convert.engine import convert_source
    from ms_convert.language.ruleset import load_rules
    from ms_convert.settings import Settings

    settings = Settings("rename", frozenset({("*", "a")}))
    for raw, kept in ((b"import torch\n__all__ = ['x']\nx = torch.x\n", 0), (b"import torch\nx = torch.x\n", 1)):
        outcome = convert_source(raw, load_rules("llm.yaml").for_path("pkg/a.py"), "pkg/a.py", settings)
        assert len(outcome.kept) == kept


def test_the_tree_itself_is_the_package(tmp_path: Path) -> None:
    root = project(tmp_path, "from pkg import torch") / "pkg"
    assert seen_names(root, ["consumer.py"], frozenset({"torch"})) == {("torch", "pkg"), ("torch", "")}


def test_a_single_file_is_converted_with_its_neighbours_in_mind(tmp_path: Path) -> None:
    root = project(tmp_path / "tree", "from pkg.a import torch")
    expected = {"a.py": "import mindtorch as torch\n\nx = torch.x\n", "b.py": "import mindtorch\n\nx = mindtorch.x\n"}
    for name, after in expected.items():
        result = CliRunner().invoke(app, [str(root / "pkg" / name), "-o", str(tmp_path / "out"), "--style", "rename"])
        assert result.exit_code in (0, 1), result.output
        assert (tmp_path / "out" / name).read_text() == after
