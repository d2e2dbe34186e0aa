"""PyTorch's operator database on mindtorch: what passed before passes, and what does not is in ``failing.json``."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore")

import checks  # noqa: E402
import torch  # noqa: E402
from runner import Task, run_all, tasks_for  # noqa: E402
from summary import rates  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

# Samples an entry; `python tests/parity/runner.py` without --most takes all, which is what the list is made from.
MOST = 25
# Of the other checks and dtypes fewer, for the sake of time.
FEW = 4
OTHERS = [
    *((check, None) for check in ("method", "inplace", "out", "noncontiguous", "errors", "gradgrad", "meta")),
    *(("forward", dtype) for dtype in ("bfloat16", "float16", "int64", "int32", "bool", "complex64")),
]
FAILING: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "failing.json").read_text())
ENTRIES = {checks.full_name(entry): entry for entry in checks.applicable(op_db)}
FLOAT32 = sorted(name for name, entry in ENTRIES.items() if torch.float32 in entry.supported_dtypes("cpu"))


@pytest.mark.parametrize("name", FLOAT32)
def test_first_samples(name: str) -> None:
    """A few samples of every entry in float32; an entry that is known to fail elsewhere may pass here."""
    status, detail = checks.run(ENTRIES[name], "forward", torch.float32, 3)
    known = FAILING.get("forward float32", {})
    assert status in ("pass", "none") or name in known, detail


@pytest.mark.slow
@pytest.mark.parametrize("check", ["forward", "gradient"])
def test_whole_database(check: str) -> None:
    """More samples of every entry, in processes of their own: nothing fails that is not on the list."""
    dtype = "float32" if check == "forward" else None
    known = FAILING.get(f"{check} {dtype}" if dtype else check, {})
    results = list(run_all(tasks_for(check, dtype, most=MOST)))
    failed = {result.entry: result.detail for result in results if result.status not in ("pass", "none")}
    assert {name: detail for name, detail in failed.items() if name not in known} == {}
    passed, counted, share = rates(results)
    print(f"{check}: {passed} of {counted}, weighted {share:.4f}")


@pytest.mark.slow
@pytest.mark.parametrize(("check", "dtype"), OTHERS)
def test_other_forms(check: str, dtype: str | None) -> None:
    """Methods, in-place forms, ``out=``, strides, errors, second derivatives, the meta device, and other dtypes."""
    known = FAILING.get(f"{check} {dtype}" if dtype else check, {})
    failed = {
        result.entry: result.detail for result in run_all(tasks_for(check, dtype, most=FEW))
        if result.status not in ("pass", "none") and result.entry not in known
    }  # fmt: skip
    assert failed == {}


def test_crashes_and_timeouts_are_results() -> None:
    """A worker that dies does not take the run with it."""
    (result,) = run_all([Task("no such entry", "forward", "float32")], jobs=1)
    assert result.status == "crash"
