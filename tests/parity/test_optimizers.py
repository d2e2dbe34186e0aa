"""PyTorch's optimizer database on mindtorch: ``failing_optimizers.json`` has what does not pass, nothing else may."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore")

from optimizers import CASES, RECORD, run  # noqa: E402

FAILING: dict[str, dict[str, str]] = json.loads(RECORD.read_text())


@pytest.mark.parametrize(("name", "check"), CASES)
def test_first_configurations(name: str, check: str) -> None:
    """A few configurations of every optimizer; one that is known to fail may pass here."""
    status, detail = run(name, check, 2)
    assert status in ("pass", "none") or name in FAILING.get(check, {}), detail


@pytest.mark.slow
def test_whole_database() -> None:
    """As the list was recorded: it must be exact, so that it can only shrink."""
    bad = {(name, check) for name, check in CASES if run(name, check)[0] not in ("pass", "none")}
    assert bad == {(name, check) for check, names in FAILING.items() for name in names}
