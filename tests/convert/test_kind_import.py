"""Import rules: parts of a package that stay, parts that go elsewhere, and packages that nothing takes the place of."""

from __future__ import annotations

from pathlib import Path

import pytest
from convert_checks import convert
from rule_checks import STYLES, check, check_left, check_wrong, load, rule

RULES = load(
    rule(
        "import",
        {"module": "torch", "except": ["torch.utils.tensorboard", "torch.hub"]},
        {
            "module": "mindtorch",
            "submodules": {"torch.utils.hipify": "shims.hip", "torch.ops": "ops", "torch.nn.x": "a.b.y"},
        },
    )
)

STATEMENTS = [
    # What stays
    ("from torch.utils import tensorboard", None),
    ("from torch.utils.tensorboard import SummaryWriter", None),
    ("from torch.utils.tensorboard.writer import *", None),
    ("import torch.utils.tensorboard as tb", None),
    ("from torch import hub as h", None),
    ("from torch.utils import tensorboard_x", "from mindtorch.utils import tensorboard_x"),
    # What goes elsewhere
    ("import torch.utils.hipify as hh", "import shims.hip as hh"),
    ("import torch.utils.hipify.x as hh", "import shims.hip.x as hh"),
    ("from torch.utils import hipify", "from shims import hip as hipify"),
    ("from torch.utils import hipify as hip", "from shims import hip"),
    ("from torch.utils.hipify import a, b as c", "from shims.hip import a, b as c"),
    ("from torch.utils.hipify import *", "from shims.hip import *"),
    ("import torch.ops as o", "import ops as o"),
    ("from torch.ops import x", "from ops import x"),
    ("from torch.nn import x", "from a.b import y as x"),
    ("import torch.nn.x as x", "import a.b.y as x"),
    ("import os, torch.utils.hipify as h, torch as t", "import os, shims.hip as h, mindtorch as t"),
    # Several at once
    (
        "from torch.utils import data, tensorboard",
        "from torch.utils import tensorboard\nfrom mindtorch.utils import data",
    ),
    (
        "from torch.utils import data, hipify, checkpoint",
        "from shims import hip as hipify\nfrom mindtorch.utils import data, checkpoint",
    ),
    ("from torch import nn, hub, utils", "from torch import hub\nfrom mindtorch import nn, utils"),
    (
        "from torch.utils import (\n    data,\n    hipify,  # why\n    checkpoint,\n)",
        "from shims import hip as hipify  # why\nfrom mindtorch.utils import (\n    data,\n    checkpoint,\n)",
    ),
    (
        "from torch.utils import (data, hipify)",
        "from shims import hip as hipify\nfrom mindtorch.utils import (data, )",
    ),
    # A star import says nothing about what is below it
    ("from torch.utils import *", "from mindtorch.utils import *"),
]


@pytest.mark.parametrize(("before", "after"), STATEMENTS)
@pytest.mark.parametrize("style", STYLES)
def test_parts_of_a_package(before: str, after: str | None, style: str) -> None:
    check(RULES, before + "\n", None if after is None else after + "\n", style)
    inside = "if x:\n    "
    moved = None if after is None else inside + after.replace("\nfrom mind", "\n    from mind") + "\n"
    if "\n" not in before:
        check(RULES, inside + before + "\n", moved, style)


def test_on_one_line_with_others() -> None:
    before = "def f(): a; from torch.utils import data, hipify; b\n"
    check(RULES, before, "def f(): a; from shims import hip as hipify; from mindtorch.utils import data; b\n")


LEFT = [
    (
        "import torch.utils.tensorboard",
        "binds the name torch, but torch.utils.tensorboard is not to be converted; import it with 'as'",
    ),
    ("import torch.hub, os", "binds the name torch, but torch.hub is not to be converted"),
    (
        "import torch.utils.hipify",
        "binds the name torch, but torch.utils.hipify becomes shims.hip; import it with 'as'",
    ),
    ("import torch, torch.ops.x", "binds the name torch, but torch.ops.x becomes ops.x"),
    ("from torch import nn, ops", "torch.ops becomes ops, a top-level module; use 'import ... as'"),
    ("a; from torch.utils import (data, hipify, # why\n  x)", "a comment in this statement belongs to a name"),
]


@pytest.mark.parametrize(("source", "reason"), LEFT)
@pytest.mark.parametrize("style", STYLES)
def test_left(source: str, reason: str, style: str) -> None:
    check_left(RULES, source + "\n", reason, style=style)
    assert convert(source + "\n", RULES, style).after is None


def test_matches_are_the_same_in_a_second_run() -> None:
    rules = load(
        rule("import", {"module": "torch"}, {"module": "mindtorch", "submodules": {"torch.ops": "shims.ops"}}, expect=3)
    )
    first = convert("import torch\nfrom torch.ops import x\nfrom torch.nn import y\n", rules)
    assert first.matches["a-rule"] == 3
    assert first.after is not None
    assert convert(first.after, rules).matches["a-rule"] == 3


def test_unsupported_package_stays() -> None:
    rules = load(rule("import", {"module": "apex"}, {"unsupported": "leave out --apex\n"}))
    source = "import apex\nfrom apex import amp\nfrom apexes import x\n"
    result = convert(source, rules)
    assert (result.after, result.matches["a-rule"]) == (None, 2)
    assert [(use.name, use.line) for use in result.outcome.uses] == [("apex", 1), ("apex.amp", 2)]


WRONG = [
    ("match: {module: torch, except: [os.path]}\naction: {module: a}", 7, "os.path is not below torch"),
    ("match: {module: torch, except: [torch]}\naction: {module: a}", 7, "torch is not below torch"),
    (
        "match: {module: torch}\naction:\n  module: a\n  submodules:\n    torch_npu.x: b",
        11,
        "torch_npu.x is not below torch",
    ),
    ("match: {module: torch}\naction: {module: a, submodules: {torch.x: torch.y}}", 8, "the target is itself in torch"),
    (
        "match: {module: torch, except: [torch.x]}\naction: {module: a, submodules: {torch.x: b}}",
        8,
        "torch.x is given twice",
    ),
    ("match: {module: torch}\naction: {}", 8, "must have module (what takes the place of the package) or unsupported"),
    ("match: {module: torch}\naction: {module: a, unsupported: b}", 8, "must have module (what takes the place"),
    ("match: {module: torch}\naction: {unsupported: ''}", 8, "unsupported"),
    (
        "match: {module: torch}\naction: {unsupported: x, submodules: {torch.x: b}}",
        8,
        "submodules says what becomes of parts",
    ),
    ("match: {module: torch, except: [torch.x]}\naction: {unsupported: x}", 7, "except says what becomes of parts"),
    ("match: {module: torch, except: torch.x}\naction: {module: a}", 7, "match.except: must be a list"),
]


@pytest.mark.parametrize(("lines", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, lines: str, line: int, message: str) -> None:
    check_wrong(tmp_path, "kind: import\n" + lines, line, message)
