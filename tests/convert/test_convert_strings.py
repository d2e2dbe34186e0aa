"""Strings are data, unless a rule names the callee and the argument."""

from __future__ import annotations

import pytest
from convert_checks import check_noop, check_transformed, convert

TRANSFORMED = [
    ("import importlib\nm = importlib.import_module(@)", "torch.nn"),
    ("import importlib as il\nm = il.import_module(@)", "torch"),
    ("from importlib import import_module\nm = import_module(@)", "torch"),
    ("from importlib import import_module as load\nm = load(@, package=None)", "torch"),
    ("from importlib import import_module as load\nm = load(name=@)", "torch"),
    ("import importlib.util\nx = importlib.util.find_spec(@) is None", "torch"),
    ("import importlib.util as iu\nx = iu.find_spec(@)", "torch"),
    ("from importlib import util\nx = util.find_spec(@)", "torch.distributed.tensor"),
    ("from importlib.util import find_spec as fs\nx = [fs(@) for fs2 in y]", "torch"),
    ("m = __import__(@)", "torch"),
    ("def f():\n    global importlib\n    import importlib\ndef g():\n    importlib.import_module(@)", "torch"),
    ("def f():\n    import importlib\n    def g():\n        return lambda: importlib.import_module(@)", "torch"),
    ("class C:\n    import importlib\n    m = importlib.import_module(@)", "torch"),
    ("import importlib\nclass C:\n    importlib = 1\n    def f(self):\n        importlib.import_module(@)", "torch"),
    ("try:\n    import importlib\nexcept ImportError:\n    importlib = None\nimportlib.import_module(@)", "torch"),
    ("import importlib\nx = f(importlib.import_module(@), [importlib.import_module(@)])", "torch"),
    ("from x import *\nimportlib.import_module(@)", "torch"),
    ("import pytest\ntorch = pytest.importorskip(@, reason='torch')", "torch"),
    ("from pytest import importorskip\ntorch = importorskip(@)", "torch"),
    ("import sys\nx = @ in sys.modules", "torch"),
    ("import sys\nx = @ not in sys.modules", "torch.cuda"),
    ("import sys\nx = a == @ in sys.modules", "torch"),
    ("import sys\nx = sys.modules[@]", "torch"),
    ("import sys\nsys.modules[@] = None", "torch"),
    ("import sys\ndel sys.modules[@]", "torch"),
    ("import sys as s\nx = s.modules.get(@, None)", "torch"),
    ("from sys import modules\nx = modules.pop(@)", "torch"),
    ("from sys import modules as m\nm.setdefault(@, 1)", "torch"),
    ("from unittest import mock\n@mock.patch(@)\ndef f(): ...".replace("@mock", "\0mock"), "torch.cuda.is_available"),
    ("from unittest.mock import patch\nwith patch(@, new=1) as p: ...", "torch.cuda.is_available"),
    ("import unittest.mock\nunittest.mock.patch(@)", "torch.load"),
    ("import unittest.mock as m\nm.patch.multiple(@, load=1)", "torch"),
    ("import mock\nmock.patch(target=@)", "torch.load"),
    ("try:\n    from unittest import mock\nexcept ImportError:\n    import mock\nmock.patch(@)", "torch.load"),
    ("def test(mocker):\n    mocker.patch(@, return_value=1)", "torch.load"),
    ("def test(monkeypatch):\n    def inner():\n        monkeypatch.setattr(@, 1)", "torch.load"),
    ("async def test(*, monkeypatch):\n    monkeypatch.delattr(@)", "torch.load"),
    ("def f(pm):\n    pm.register_patch(@, g)", "torch.compile"),
    ("from mindspeed.patch_utils import P as aspm\naspm.register_patch(@, dummy)", "torch.nn.Module"),
]

UNTOUCHED = [
    "import importlib\nimportlib.import_module(x, @)",
    "import importlib\nimportlib.import_module(*args, @)",
    "import importlib\nimportlib.reload(@)",
    "import importlib\nimportlib.import_module(package=@)",
    "import importlib\nimportlib.import_module([@])",
    "import importlib\nimportlib.metadata.version(@)",
    "from .importlib import import_module\nimport_module(@)",
    "from mylib import import_module\nimport_module(@)",
    "def import_module(path): ...\nimport_module(@)",
    "from importlib import import_module\ndef f(import_module):\n    import_module(@)",
    "from importlib import import_module\nimport_module = wrap(import_module)\nimport_module(@)",
    "from importlib import import_module\nfor import_module in x: import_module(@)",
    "from importlib import import_module\n[import_module(@) for import_module in x]",
    "from importlib import import_module\nif (import_module := x): import_module(@)",
    "from importlib import import_module\ntry: ...\nexcept E as import_module: import_module(@)",
    "from importlib import import_module\nmatch x:\n    case [import_module]: import_module(@)",
    "from importlib import import_module\nclass import_module: ...\nimport_module(@)",
    "from importlib import import_module\ndef f():\n    import_module = g\n    return lambda: import_module(@)",
    "class C:\n    from importlib import import_module\n    def f(self): import_module(@)",
    "def __import__(x): ...\n__import__(@)",
    "def f():\n    import importlib\nself.importlib.import_module(@)",
    "import sys\nsys.modules[x][@]",
    "import sys\n@ in sys.argv",
    "import sys\nsys.modules == @",
    "import sys\nsys.modules in @",
    "import sys\nsys.modules.update(@)",
    "import sys\n{}.get(@)",
    "modules = {}\nmodules[@]",
    "def f(sys):\n    return @ in sys.modules",
    "mocker.patch(@)",
    "def f(mocker):\n    mocker = 1\n    mocker.patch(@)",
    "def f(monkeypatch):\n    monkeypatch.setenv(@, '1')",
    "def f(monkeypatch):\n    monkeypatch.setattr(x, @, 1)",
    "from importlib import import_module\nimport_module.x(@)",
    "print(@)",
]

NOT_MODULE_PATHS = [
    "torchvision", "torch_npu", "torch_dist", "torch.", ".torch", "torch..nn", "torch nn", " torch", "torch-x",
    "torch/nn", "torch:nn", "Torch", "x.torch", "torch.0", "torch.nn[0]", "", "mindtorch.nn",
]  # fmt: skip


def _fill(template: str, literal: str) -> str:
    return template.replace("@", literal).replace("\0", "@") + "\n"


@pytest.mark.parametrize(("template", "path"), TRANSFORMED)
def test_named_place(template: str, path: str) -> None:
    check_transformed(_fill(template, f"'{path}'"), _fill(template, f"'mind{path}'"))
    check_transformed(_fill(template, f'r"""{path}"""'), _fill(template, f'r"""mind{path}"""'))
    check_noop(_fill(template, f"b'{path}'"))
    for other in NOT_MODULE_PATHS:
        check_noop(_fill(template, repr(other)))


@pytest.mark.parametrize("template", UNTOUCHED)
def test_other_place(template: str) -> None:
    check_noop(_fill(template, "'torch'"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'torch' '.nn'", "'mindtorch' '.nn'"),
        ("('torch'  # which\r\n  r'.nn')", "('mindtorch'  # which\r\n  r'.nn')"),
        ("(\n'torch.'\n'nn')", "(\n'mindtorch.'\n'nn')"),
        ("u'torch'", "u'mindtorch'"),
        ("'torch.n\\x6e'", "'mindtorch.n\\x6e'"),
        ("(('torch'))", "(('mindtorch'))"),
    ],
)
def test_spelling_of_the_literal(before: str, after: str) -> None:
    head = "import importlib\nx = 'é'; importlib.import_module"
    check_transformed(f"{head}({before})\n", f"{head}({after})\n")


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        ("f'torch.{x}'", "computed at run time"),
        ("'torch.' + x", "computed at run time"),
        ("'torch.%s' % x", "computed at run time"),
        ("'torch.{}'.format(x)", "computed at run time"),
        ("'torch.' + x + '.nn'", "computed at run time"),
        ("'\\x74orch'", "not spelled out"),
        ("'tor' 'ch'", "not spelled out"),
    ],
)
def test_what_cannot_be_rewritten_is_told(literal: str, reason: str) -> None:
    # The second call is what makes the file worth a look for a literal that does not show the name.
    outcome = convert(f"import importlib\nimportlib.import_module(\n  {literal})\nimportlib.import_module('torch')\n")
    (left,) = outcome.left
    assert reason in left.reason
    assert (left.line, left.rule, left.text) == (3, "torch-import-function", literal)
    assert len(outcome.edits) == 1


@pytest.mark.parametrize("form", ["f'{@}'", "('é' f\"\"\"\n{x!r:{@}} \"\"\")", "f'{x}' f'{y} {{ {@=}'"])
def test_call_in_an_fstring(form: str) -> None:
    call = "importlib.import_module(%storch%s)"
    quote = '"' if form.count("'") else "'"
    before, after = (form.replace("@", call % (quote, quote)).replace("torch", name) for name in ("torch", "mindtorch"))
    check_transformed(f"import importlib\nx = {before}\n", f"import importlib\nx = {after}\n")


def test_import_and_string_on_one_line() -> None:
    check_transformed(
        "import importlib, torch; x = importlib.import_module('torch'); import torch.nn\n",
        "import importlib, mindtorch as torch; x = importlib.import_module('mindtorch'); "
        "import mindtorch.nn as torch, mindtorch as torch\n",
    )
