"""The tiers of docs/api-support.md say what is so: of PyTorch's names, of what mindtorch has, of the kernels."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import api_support  # noqa: E402
from ms_convert.support import SupportTable  # noqa: E402
from operator_kernels import kernels_of  # noqa: E402

DATA: dict[str, Any] = json.loads((ROOT / "shims" / "mindtorch" / "support.json").read_text())
TABLE = SupportTable(DATA)
NAMES = list(api_support.dotted())


def has(package: str, module: str, name: str) -> bool:
    *above, last = module.replace("torch", package, 1).split(".")
    if last == "Tensor":
        return hasattr(importlib.import_module(".".join(above)).Tensor, name)
    return hasattr(importlib.import_module(".".join([*above, last])), name)


def test_the_names_are_pytorchs() -> None:
    """What is in the list is in the PyTorch that is installed, too (which is newer, and removed next to nothing)."""
    modules = ("torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.fft")
    wanted = [(m, n) for m, n in NAMES if m in modules]
    assert len(wanted) > 1500
    assert [f"{m}.{n}" for m, n in wanted if not has("torch", m, n)] == []


def test_names_that_came_after_the_level_are_left_out() -> None:
    assert {("torch", "hash_tensor"), ("torch.optim", "Muon"), ("torch.nn.functional", "grouped_mm")}.isdisjoint(NAMES)
    assert {("torch", "add"), ("torch.optim", "Adafactor"), ("torch.nn.functional", "rms_norm")} <= set(NAMES)


def test_what_is_not_missing_is_there() -> None:
    """And for the modules that mindtorch has, what is missing is not, but for placeholders."""
    for module, name in NAMES:
        tier = api_support.tier(f"{module}.{name}", TABLE)
        if tier.name != "missing":
            assert has("mindtorch", module, name), f"{module}.{name}"
        elif module in ("torch", "torch.Tensor", "torch.nn", "torch.linalg"):
            found = TABLE.lookup(f"{module}.{name}")
            assert found.status == "placeholder" or not has("mindtorch", module, name), f"{module}.{name}"


def test_private_modules_in_the_table_are_pytorchs() -> None:
    private = [name for name in DATA["modules"] if any(re.match("_(?!_)", part) for part in name.split("."))]
    assert "torch._utils" in private
    for name in private:
        importlib.import_module(name)


def test_exact_means_that_a_database_tests_it() -> None:
    tested = api_support._tested()
    exact = [f"{m}.{n}" for m, n in NAMES if api_support.tier(f"{m}.{n}", TABLE).name == "exact"]
    assert len(exact) > 1000
    assert all(tested[name] == () for name in exact)
    failing = json.loads((ROOT / "tests" / "parity" / "failing.json").read_text())
    for entries in failing.values():
        for entry in entries:
            assert api_support.tier(f"torch.{entry}", TABLE).name != "exact"


def test_partial_says_what_differs() -> None:
    assert api_support.unknown_differences() == []
    for phrase in api_support._differences().values():
        assert 5 < len(phrase) < 100
    assert api_support.tier("torch.compile", TABLE) == ("partial", "runs the function as it is")


def test_a_failing_entry_makes_its_names_partial(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(record: str) -> dict[str, dict[str, str]] | None:
        return {"forward": {}, "gradient": {"std.unbiased": "fail", "nn.functional.conv2d": "fail"}}

    monkeypatch.setattr(api_support, "_failing", failing)
    api_support._tested.cache_clear()
    try:
        tiers = {n: api_support.tier(n, TABLE) for n in ("torch.std", "torch.Tensor.std", "torch.std_mean")}
        assert tiers["torch.std"] == tiers["torch.Tensor.std"] == ("partial", "gradient: some samples differ")
        assert tiers["torch.std_mean"].name == "exact"
        assert api_support.tier("torch.nn.functional.conv2d", TABLE).name == "partial"
    finally:
        api_support._tested.cache_clear()


def test_kernels_are_found_in_the_code() -> None:
    operators = mindtorch.ops.OPERATORS
    assert kernels_of(operators[".add"].impl) == {"add"}
    assert kernels_of(operators[".sum"].impl) == {"sum"}
    assert kernels_of(operators["nn.functional.layer_norm"].impl) == {"layer_norm"}
    assert kernels_of(operators[".reshape"].impl) == frozenset()


def test_kernels_that_run_are_those_that_are_named() -> None:
    """Kernels that a call really used are among those that the page names."""
    from mindtorch.kernels import COUNTS

    x = mindtorch.rand(3, 3)
    calls: dict[str, tuple[Any, ...]] = {
        "exp": (x,), "matmul": (x, x), "sum": (x,), "cumsum": (x, 0), "softmax": (x, 0), "sort": (x,),
        "where": (x > 0, x, x), "erf": (x,), "amax": (x, 0),
    }  # fmt: skip
    for name, args in calls.items():
        operator = mindtorch.ops.OPERATORS[f".{name}"]
        before = {k: sum(v) for k, v in COUNTS.items()}
        operator.impl(*args)
        used = {k for k, v in COUNTS.items() if sum(v) != before.get(k, 0)}
        assert used, name
        assert used <= kernels_of(operator.impl), name
