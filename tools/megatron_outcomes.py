"""pytest plugin of run_megatron_unit_tests.py: writes each test's outcome at once, with a time limit for each test.

Environment: ``MEGATRON_OUTCOMES`` is the file that gets a JSON object a line; ``MEGATRON_TEST_SECONDS`` the limit;
``MEGATRON_TEST_IDS`` a JSON list of the tests to run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_OUTCOMES = Path(os.environ["MEGATRON_OUTCOMES"])
_IDS = frozenset(json.loads(Path(os.environ["MEGATRON_TEST_IDS"]).read_text()))
_SECONDS = int(os.environ["MEGATRON_TEST_SECONDS"])


class TestTimeout(BaseException):
    """The test took too long. Not an Exception, so that a test's own handlers let it through."""

    __test__ = False


def _write(**event: Any) -> None:
    with _OUTCOMES.open("a") as out:
        out.write(json.dumps(event) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Upstream's fixture of every test asks for Transformer Engine's version, whether it is there or not."""
    import megatron.core.utils as utils
    from packaging.version import Version

    try:
        utils.get_te_version()
    except ImportError:
        utils._te_version = Version("0.0.0")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are not asked for."""
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in _IDS])
    items[:] = [item for item in items if item.nodeid in _IDS]


def _raise_timeout(signum: int, frame: Any) -> None:
    raise TestTimeout(f"took more than {_SECONDS} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _write(id=item.nodeid, outcome="started")
    previous = signal.signal(signal.SIGALRM, _raise_timeout)
    signal.alarm(_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def _where(report: pytest.TestReport) -> str:
    """File and line of the innermost frame."""
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", None)
    place = entries[-1].reprfileloc if entries else None
    return f"{place.path}:{place.lineno}" if place else ""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.outcome == "passed":
        return
    outcome = report.outcome if report.when == "call" or report.skipped else "error"
    event: dict[str, Any] = {"id": report.nodeid, "outcome": outcome, "when": report.when,
                             "seconds": round(report.duration, 2)}  # fmt: skip
    if outcome in ("failed", "error"):
        crash = getattr(report.longrepr, "reprcrash", None)
        event["message"] = crash.message if crash else str(report.longrepr)[-400:]
        event["where"] = _where(report)
        event["trace"] = str(report.longrepr)[-6000:]
    _write(**event)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(id=report.nodeid, outcome="not collected", message=str(report.longrepr)[-400:],
               trace=str(report.longrepr)[-6000:])  # fmt: skip


def pytest_sessionfinish() -> None:
    # Converted tests have no business with PyTorch itself.
    if "torch" in sys.modules:
        _write(id="", outcome="imported PyTorch")
