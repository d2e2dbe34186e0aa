"""``import torch`` that means mindtorch: in this process, and for whole programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mindtorch
import pytest

SHIMS = str(Path(mindtorch.__file__).resolve().parents[1])


def run(*arguments: str, cwd: Path | None = None, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own; mindtorch's kernels in NumPy start faster."""
    environment = {**os.environ, "MINDTORCH_KERNELS": "reference", "PYTHONPATH": SHIMS}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, input=text, check=False
    )


IN_PROCESS = """
import importlib, importlib.metadata, importlib.util, sys
import mindtorch

alias = mindtorch.install_as_torch()
assert "torch" not in sys.modules
assert importlib.util.find_spec("torch") is not None
assert importlib.util.find_spec("torch.nn.functional").name == "torch.nn.functional"
assert importlib.util.find_spec("torch.no_such_module") is None
import torch
import torch.nn.functional as F
import torch.utils.data
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

for name in ("torch", "torch.nn", "torch.nn.functional", "torch.utils.data", "torch.optim.lr_scheduler"):
    assert sys.modules[name] is sys.modules["mind" + name], name
assert nn is mindtorch.nn and F is mindtorch.nn.functional
# The modules keep their own names and specs.
assert torch.__name__ == torch.__spec__.name == "mindtorch" and F.__spec__.name == "mindtorch.nn.functional"
assert importlib.import_module("torch.autograd") is mindtorch.autograd
assert importlib.metadata.version("torch") == mindtorch.__version__
assert [d.metadata["Name"] for d in importlib.metadata.distributions(name="torch")][0] == "torch"
try:
    import torch.no_such_module
except ModuleNotFoundError as error:
    assert error.name == "torch.no_such_module"
else:
    raise AssertionError
try:
    from torch import no_such_name
except ImportError:
    pass
else:
    raise AssertionError
# Once more changes nothing; the second handle removes the same alias.
before = list(sys.meta_path)
with mindtorch.install_as_torch():
    assert sys.meta_path == before
assert not any(name == "torch" or name.startswith("torch.") for name in sys.modules)
alias.remove()
assert torch is mindtorch
import pickle
assert pickle.loads(pickle.dumps(torch.ones(2))).tolist() == [1, 1]
print("done")
"""


def test_the_alias_in_a_process() -> None:
    done = run("-c", IN_PROCESS)
    assert done.stdout == "done\n", done.stderr


def test_removed_pytorch_is_found_again() -> None:
    pytest.importorskip("torch")
    code = (
        "import mindtorch\n"
        "with mindtorch.install_as_torch():\n    import torch as first\n"
        "import torch\n"
        "print(first is mindtorch, torch is mindtorch, torch.__name__)"
    )
    assert run("-c", code).stdout == "True False torch\n"


STAND_INS = """
import importlib.metadata, importlib.util, sys
import mindtorch

with mindtorch.install_as_torch():
    import amp_C
    import apex
    import transformer_engine as te
    import transformer_engine.pytorch.optimizers
    from apex.contrib.layer_norm.layer_norm import FastLayerNorm
    from transformer_engine.pytorch.attention import DotProductAttention

    for name in ("apex", "amp_C", "transformer_engine.pytorch.attention"):
        assert sys.modules[name] is sys.modules["mindtorch_shims." + name], name
    assert importlib.metadata.version("transformer-engine") == te.__version__
    assert importlib.metadata.version("transformer_engine") == te.__version__
    assert importlib.util.find_spec("transformer_engine.no_such_module") is None
    assert importlib.util.find_spec("apexes") is None
    try:
        from apex import amp
    except ImportError:
        pass
    else:
        raise AssertionError
    assert FastLayerNorm(4)(mindtorch.ones(1, 4)).tolist() == [[0, 0, 0, 0]]
assert not any(name.partition(".")[0] in ("apex", "amp_C", "transformer_engine") for name in sys.modules)
assert importlib.util.find_spec("transformer_engine") is None
print("done")
"""


def test_packages_with_stand_ins() -> None:
    done = run("-c", STAND_INS)
    assert done.stdout == "done\n", done.stderr


def test_too_late_for_an_alias() -> None:
    pytest.importorskip("torch")
    done = run("-c", "import torch\nimport mindtorch\nmindtorch.install_as_torch()")
    assert "RuntimeError: PyTorch is already imported, from " in done.stderr
    assert "before the first `import torch`" in done.stderr


def test_script(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("from torch.nn import Linear\n")
    (tmp_path / "script.py").write_text(
        "import sys\nfrom beside import Linear\nimport torch\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv[1:], Linear.__module__, torch.ones(2).sum().item(), __file__.endswith('script.py'))\n"
        "    sys.exit(3)\n"
    )
    done = run("-m", "mindtorch", str(tmp_path / "script.py"), "-x", "--help")
    assert done.stdout == "['-x', '--help'] mindtorch.nn.modules.linear 2.0 True\n", done.stderr
    assert done.returncode == 3


def test_module_and_code(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import sys, torch\nprint(sys.argv[1:], __package__, torch.__name__)\n")
    assert run("-m", "mindtorch", "-m", "package", "a", cwd=tmp_path).stdout == "['a'] package mindtorch\n"
    done = run("-m", "mindtorch", "-c", "import sys, torch; print(sys.argv, __name__, torch.__name__)", "a")
    assert done.stdout == "['-c', 'a'] __main__ mindtorch\n"


def test_a_forked_process_has_the_alias(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import multiprocessing\n"
        "def work(queue):\n    import torch\n    queue.put(torch.__name__)\n"
        "context = multiprocessing.get_context('fork')\n"
        "queue = context.SimpleQueue()\n"
        "process = context.Process(target=work, args=(queue,))\nprocess.start()\nprint(queue.get())\nprocess.join()\n"
    )
    assert run("-m", "mindtorch", str(tmp_path / "script.py")).stdout == "mindtorch\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "usage: python -m mindtorch"),
        (("-m",), 2, "Argument expected for the -m option"),
        (("-x",), 2, "unknown option -x"),
        (("no_such_script.py",), 2, "can't open file 'no_such_script.py'"),
        (("-m", "no_such_module"), 1, "No module named no_such_module"),
        (("-c", "import torch.no_such_module"), 1, "No module named 'torch.no_such_module'"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run("-m", "mindtorch", *arguments)
    assert message in done.stderr
    assert done.returncode == code


def test_help_and_version() -> None:
    assert run("-m", "mindtorch", "--help").stdout.startswith("usage: python -m mindtorch")
    assert run("-m", "mindtorch", "--version").stdout == f"mindtorch, PyTorch API level {mindtorch.__version__}\n"
