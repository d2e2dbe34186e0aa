"""Each form of the import statement, in each place where one can stand."""

from __future__ import annotations

import pytest
from convert_checks import check_noop, check_transformed

STATEMENTS = [
    ("import torch", "import mindtorch as torch"),
    ("import torch as th", "import mindtorch as th"),
    ("import torch as torch", "import mindtorch as torch"),
    ("import torch.nn as nn", "import mindtorch.nn as nn"),
    ("import torch.nn as torch", "import mindtorch.nn as torch"),
    ("import torch.nn.functional as F", "import mindtorch.nn.functional as F"),
    # What binds the package binds the package afterwards, and no name besides.
    ("import torch.distributed", "import mindtorch.distributed as torch, mindtorch as torch"),
    ("import torch.nn.functional", "import mindtorch.nn.functional as torch, mindtorch as torch"),
    ("import torch.nn, os", "import mindtorch.nn as torch, mindtorch as torch, os"),
    ("import os, torch.nn", "import os, mindtorch.nn as torch, mindtorch as torch"),
    ("import torch, torch.nn", "import mindtorch as torch, mindtorch.nn as torch, mindtorch as torch"),
    ("import torch.nn, torch", "import mindtorch.nn as torch, mindtorch as torch"),
    ("import torch.nn, torch.cuda", "import mindtorch.nn as torch, mindtorch.cuda as torch, mindtorch as torch"),
    ("import torch.nn, numpy as torch", "import mindtorch.nn as torch, mindtorch as torch, numpy as torch"),
    ("import torch.nn, torch.cuda as c", "import mindtorch.nn as torch, mindtorch as torch, mindtorch.cuda as c"),
    (
        "import os, torch, torch.nn.functional as F, sys",
        "import os, mindtorch as torch, mindtorch.nn.functional as F, sys",
    ),
    ("import  torch ,os", "import  mindtorch as torch ,os"),
    ("import torch\tas\tt", "import mindtorch\tas\tt"),
    ("import torch . nn as nn", "import mindtorch . nn as nn"),
    ("import os, \\\n    torch, \\\n    sys", "import os, \\\n    mindtorch as torch, \\\n    sys"),
    ("import \\\n    torch", "import \\\n    mindtorch as torch"),
    ("from torch import nn", "from mindtorch import nn"),
    ("from torch import nn as x, Tensor", "from mindtorch import nn as x, Tensor"),
    ("from torch import torch", "from mindtorch import torch"),
    ("from torch.nn import *", "from mindtorch.nn import *"),
    ("from torch import *", "from mindtorch import *"),
    ("from torch import(nn)", "from mindtorch import(nn)"),
    ("from   torch.nn   import   Linear", "from   mindtorch.nn   import   Linear"),
    ("from torch . nn import Linear", "from mindtorch . nn import Linear"),
    ("from \\\n  torch.nn \\\n  import Linear", "from \\\n  mindtorch.nn \\\n  import Linear"),
    ("from torch import nn, \\\n    cuda", "from mindtorch import nn, \\\n    cuda"),
    (
        "from torch.nn import (  # layers: import torch\n    Linear,  # torch\n\n    # one\n  Module as torch,\n)",
        "from mindtorch.nn import (  # layers: import torch\n    Linear,  # torch\n\n    # one\n  Module as torch,\n)",
    ),
    ("from torch import (nn\n  , cuda)", "from mindtorch import (nn\n  , cuda)"),
]

UNTOUCHED = [
    "import torchvision",
    "import torch_npu, torchvision.torch",
    "import torchaudio.torch as torch",
    "import modelopt.torch.opt as torch",
    "from modelopt.torch import opt",
    "from modelopt.torch import opt as torch",
    "from . import torch",
    "from .torch import x",
    "from ..torch.nn import x",
    "from ... import torch",
    "from .import torch",
    "import mindtorch as torch",
    "import Torch, TORCH, _torch, torch2, étorch",
    "from importlib import torch",
    "torch = 1",
    "torch.nn.Linear(torch=torch)",
    "import_torch('import torch')",
    "'''import torch\nfrom torch import nn'''",
    "# import torch\nx = 1",
    "x = 1  # from torch import nn",
    "def f():\n    '''\n    >>> import torch\n    '''",
    "names = ['torch', 'torch_dist', 'torch.float16', \"torch.cuda.FloatTensor\"]",
    "exec('import torch')",
    "f'import torch {x}'",
    "lambda torch: torch.x",
    "x = {'torch': 1}['torch']",
    "try:\n    pass\nexcept torch.E as torch:\n    pass",
    "class torch:\n    nn = 1",
    "from __future__ import annotations",
    "with torch.no_grad() as torch:\n    import os",
]

# @ is where a statement of several lines may stand, $ where one in the middle of a line may.
PLACES = [
    "@",
    "@\n",
    "import os\n@\nimport sys\n",
    "'''Docstring: import torch.'''\n\n# import torch\n@  # torch\n",
    "def f(torch=None):\n    @\n    return torch\n",
    "async def f():\n\t@\n\tawait torch\n",
    "class C:\n    @\n    y = torch\n",
    "class C:\n  def f(self):\n    def g():\n     @\n",
    "if x:\n    @\nelif y:\n    @\nelse:\n    @\n",
    "try:\n    @\nexcept ImportError:\n    torch = None\nelse:\n    @\nfinally:\n    @\n",
    "try:\n    import os\nexcept* E:\n    @\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    @\n",
    "for x in y:\n    @\nelse:\n    @\n",
    "while x:\n    @\nelse:\n    @\n",
    "with torch as t:\n    @\n",
    "async def f():\n  async with t:\n    async for _ in t:\n      @\n",
    "match torch:\n    case 1:\n        @\n    case _:\n        @\n",
    "if 1:\n\t@\n",
    "\x0c@\n",
    "if 1:\n\x0c    @\n",
    "x = 1; $; y = 2\n",
    "if x: $\n",
    "if x: $;\nelse: $; torch.x\n",
    "class C: $\n",
    "def f(): $; return torch\n",
    "x = 'é'; $ # ü\n",
    "x = '\U0001f600'; $; s = '\U0001f600'; $\n",
    "$;$\n",
    "$ ;  $ ; # torch\n",
    "try: $\nexcept ImportError: pass\n",
]


def _at(place: str, statement: str) -> str:
    return place.replace("@", statement).replace("$", statement)


def _python_has(place: str, statement: str) -> bool:
    """Whether this is Python, for this version: a star import only at module level, except* from 3.11 on."""
    try:
        compile(_at(place, statement), "<case>", "exec")
    except SyntaxError:
        return False
    return True


CASES = [(p, before, after) for p in PLACES for before, after in STATEMENTS if _python_has(p, before)]


def test_nearly_every_combination_is_python() -> None:
    assert len(CASES) > 0.9 * len(PLACES) * len(STATEMENTS)


@pytest.mark.parametrize("place", PLACES)
def test_statement_in_place(place: str) -> None:
    for case_place, before, after in CASES:
        if case_place == place:
            check_transformed(_at(place, before), _at(place, after))


@pytest.mark.parametrize(("before", "after"), STATEMENTS)
def test_statement(before: str, after: str) -> None:
    check_transformed(before, after)


@pytest.mark.parametrize("statement", UNTOUCHED)
def test_untouched(statement: str) -> None:
    check_noop(statement)
    # Also when the rest of the file makes it worth a closer look.
    check_transformed(f"{statement}\nimport torch\n", f"{statement}\nimport mindtorch as torch\n")


def test_import_star_in_function_does_not_compile_and_is_left() -> None:
    from convert_checks import convert

    outcome = convert("def f():\n    from torch import *\n")
    assert outcome.after is None
    assert outcome.skipped is not None
    assert "would not compile" in outcome.skipped.reason
    assert outcome.skipped.line == 2


def test_file_that_does_not_parse_is_left() -> None:
    from convert_checks import convert

    outcome = convert("import torch\nif x\n    pass\n")
    assert outcome.after is None
    assert outcome.skipped is not None
    assert outcome.skipped.line == 2
    assert "expected ':'" in outcome.skipped.reason


def test_python_2_print_is_left() -> None:
    from convert_checks import convert

    outcome = convert("import torch\n\n\nprint torch.x\n")
    assert outcome.after is None
    assert outcome.skipped is not None
    assert outcome.skipped.line == 4


def test_long_chain_of_operators() -> None:
    terms = " + ".join(["x"] * 900)
    before = f"import torch\nfrom importlib import import_module as load\ny = {terms} + load('torch.nn').z\n"
    after = before.replace("import torch", "import mindtorch as torch").replace("torch.nn", "mindtorch.nn")
    check_transformed(before, after)


def test_edit_is_told_with_its_place() -> None:
    from convert_checks import convert

    (edit,) = convert("x = 'é'; import torch\n").edits
    assert (edit.rule, edit.line, edit.column) == ("torch-import", 1, 10)
    assert (edit.before, edit.after) == ("import torch", "import mindtorch as torch")
