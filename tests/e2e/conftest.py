"""The converted example, which several tests train."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _convert(source: Path, target: Path) -> None:
    command = [sys.executable, "-m", "ms_convert", str(source), "--rules", str(ROOT / "rules/llm.yaml")]
    done = subprocess.run([*command, "-o", str(target)], check=False, capture_output=True, text=True)
    # Parts of megatron-core that the example does not need use more than mindtorch has; then it is 1.
    assert done.returncode in (0, 1), done.stderr


@pytest.fixture(scope="session")
def core(upstream: Path) -> Path:
    """The directory with upstream's package megatron."""
    return next(upstream.rglob("megatron/core/__init__.py")).parents[2]


@pytest.fixture(scope="session")
def convert() -> Callable[[Path, Path], None]:
    """``convert(source, target)``: ms-convert with the rules for Megatron."""
    return _convert


@pytest.fixture(scope="session")
def converted(core: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the converted megatron_core and example."""
    target = tmp_path_factory.mktemp("converted")
    _convert(core, target / "megatron_core")
    _convert(ROOT / "examples" / "megatron_core_gpt", target / "example")
    return target
