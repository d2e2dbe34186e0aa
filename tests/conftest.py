"""Fixtures that several test packages share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# The same examples in every run: a failure in CI is a failure at home. Hypothesis also draws constants that it finds in
# the modules of the project that are imported at that moment, and those differ with the tests that ran before.
providers.is_local_module_file = lambda path: False
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]


# The cache of the converter is a directory of the test run's own.
_CACHE = tempfile.TemporaryDirectory(prefix="ms-convert-cache-")
os.environ["MS_CONVERT_CACHE_DIR"] = _CACHE.name


@pytest.fixture(scope="session")
def upstream() -> Path:
    """The unpacked sources of megatron-core 0.12.1, as PyPI has them."""
    given = os.environ.get("MS_CONVERT_UPSTREAM")
    path = Path(given) if given else ROOT / ".quickstart" / "upstream"
    if not any(path.rglob("megatron/core/__init__.py")):
        pytest.fail(
            f"no megatron-core sources in {path}: run `make quickstart`, or unpack the megatron-core 0.12.1 sdist and "
            "set MS_CONVERT_UPSTREAM to the directory"
        )
    return path
