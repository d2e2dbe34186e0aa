"""What the tests of the report have in common: a small tree with everything in it that a report can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ms_convert.report.model import Report
from ms_convert.run import Options, run

HOSTILE = "<img src=x onerror=alert(1)>&'\".py"

FILES = {
    "train.py": (
        "import torch\n"
        "from torch import nn\n"
        "x = torch.ones(2)\n"
        "g = torch.fx.Graph()\n"
        "torch.fx.wrap('f'); torch.fx.wrap('g')\n"
        "p = torch.hub.load()\n"
    ),
    "pkg/more.py": "import torch.fx\ny = torch.fx.GraphModule\nz = torch._C._secret\n",
    "pkg/guarded.py": (
        "try:\n    from torch.export import Dim\nexcept ImportError:\n    Dim = None\n"
        "import torch\nd = torch.export.Dim\n"
    ),
    "tests/test_it.py": "import torch\n\ndef test():\n    assert torch.sparse_csr_tensor(3) is not None\n",
    "broken.py": "import torch\ndef f(:\n",
    "left.py": "import importlib\nimportlib.import_module(\n    'torch.' + name)\n",
    "kept.py": "import torch  # ms-convert: ignore[torch-mock-patch]\n",
    HOSTILE: "import torch  # </script><script>alert(2)</script>\nv = torch.fx.Graph  # </code>&amp;\u202e\n",
    "\u00fcber fl\u00e4che #1.py": "import torch\n",
}


def make_tree(root: Path, files: dict[str, str] = FILES) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@contextmanager
def quiet(total: int) -> Iterator[Callable[[int], object]]:
    yield lambda count: None


def report_on(root: Path, **options: Any) -> Report:
    """The report of a run over ``root`` that only checks, unless ``options`` say otherwise."""
    return run(Options(root, "llm.yaml", **(options or {"check": True})), quiet)
