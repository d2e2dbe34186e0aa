"""Importing the packages beside PyTorch leaves operators as fast as they were."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_stands_between_callers_and_operators() -> None:
    program = (
        "import mindtorch_shims.apex, mindtorch_shims.transformer_engine.pytorch\n"
        "import mindtorch_shims.transformer_engine.pytorch.float8_tensor\n"
        "from mindtorch.ops import _interpose\n"
        "print(_interpose.active)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "()", done.stdout
