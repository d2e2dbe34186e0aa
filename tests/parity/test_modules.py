"""PyTorch's module database on mindtorch: ``failing_modules.json`` has what does not pass, nothing else may fail."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore")

from modules import CHECKS, NAMES, RECORD, run  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402

FAILING: dict[str, dict[str, str]] = json.loads(RECORD.read_text())
INFOS = dict(zip(NAMES, module_db, strict=True))


@pytest.mark.parametrize("check", sorted(CHECKS))
@pytest.mark.parametrize("name", sorted(NAMES))
def test_first_samples(name: str, check: str) -> None:
    """A few samples of every module; one that is known to fail may pass here."""
    status, detail = run(INFOS[name], check, 2)
    assert status in ("pass", "none") or name in FAILING.get(check, {}), detail


@pytest.mark.slow
@pytest.mark.parametrize("check", sorted(CHECKS))
def test_whole_database(check: str) -> None:
    """As the list was recorded (--most 4): it must be exact, so that it can only shrink."""
    bad = {name for name, info in INFOS.items() if run(info, check, 4)[0] not in ("pass", "none")}
    assert bad == set(FAILING.get(check, {}))
