"""The kernel tables agree with each other, and the pages about them with the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mindtorch.kernels import KERNELS
from mindtorch.kernels.cpu import NATIVE
from mindtorch.kernels.fallbacks import NUMPY_REASONS, PARTIAL_REASONS

ROOT = Path(__file__).resolve().parents[2]


def test_every_fallback_has_a_reason() -> None:
    assert set(NUMPY_REASONS) == set(KERNELS) - set(NATIVE)
    assert set(PARTIAL_REASONS) <= set(NATIVE)


def test_the_reference_table_is_complete() -> None:
    assert set(NATIVE) <= set(KERNELS)


def test_the_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
