"""Where the upstream projects with test suites of their own are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def suites() -> Path:
    """A directory with the unpacked sdists of einops, linear_operator and gpytorch (versions: see the Makefile)."""
    given = os.environ.get("MS_CONVERT_SUITES")
    path = Path(given) if given else ROOT / ".quickstart" / "suites"
    if not path.is_dir():
        pytest.fail(f"no sources in {path}: run `make setup-test`, or set MS_CONVERT_SUITES to unpacked sdists")
    return path
