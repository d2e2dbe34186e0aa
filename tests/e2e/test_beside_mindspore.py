"""mindtorch leaves MindSpore as it was."""

from __future__ import annotations

import subprocess
import sys

SNAPSHOT = """
import mindspore, mindspore.mint, mindspore.ops, mindspore.nn
from mindspore.common.api import _pynative_executor
def snapshot():
    spaces = {"Tensor": mindspore.Tensor, "mint": mindspore.mint, "ops": mindspore.ops, "nn": mindspore.nn,
              "mindspore": mindspore, "functional": mindspore.mint.nn.functional}
    return {f"{s}.{k}": id(v) for s, space in spaces.items() for k, v in vars(space).items()
            if not k.startswith("__")}
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_prints_nothing() -> None:
    done = _python("import mindtorch")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_attribute_of_mindspore_is_patched() -> None:
    done = _python(
        SNAPSHOT
        + """
before = snapshot()
import mindtorch as torch
w = torch.randn(4, 4, requires_grad=True)
torch.nn.functional.cross_entropy(torch.randn(3, 4) @ w, torch.tensor([0, 1, 2])).backward()
after = snapshot()
changed = [k for k in before if after.get(k) != before[k]]
assert not changed, changed
"""
    )
    assert done.returncode == 0, done.stderr


def test_mindspore_still_differentiates() -> None:
    done = _python(
        """
import mindtorch as torch
(torch.ones(2, 2, requires_grad=True) * 3).sum().backward()
import numpy as np, mindspore
value, grad = mindspore.value_and_grad(lambda a: (a * a * a).sum())(mindspore.Tensor(np.full((2, 2), 2.0, "f4")))
assert value.asnumpy() == 32 and (grad.asnumpy() == 12).all()
"""
    )
    assert done.returncode == 0, done.stderr


def test_the_reference_table_does_not_import_mindspore() -> None:
    done = _python(
        """
import os, sys
os.environ["MINDTORCH_KERNELS"] = "reference"
import mindtorch as torch
assert (torch.ones(3) + 1).tolist() == [2, 2, 2]
assert "mindspore" not in sys.modules
"""
    )
    assert done.returncode == 0, done.stderr
