"""MindSpore's kernels give PyTorch's values on the samples of the operator database, which are smaller than what they
are used for."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
import mindtorch
import test_ops_database as database
from mindtorch import kernels
from mindtorch.kernels.cpu import NATIVE
from mindtorch.ops import OPERATORS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from operator_kernels import kernels_of

USED = {
    name.removeprefix("torch."): kernels_of(operator.impl) & set(NATIVE)
    for operator in OPERATORS.values()
    for name in operator.names
}
NAMES = sorted(name for name in database.ENTRIES if USED.get(name))


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "NATIVE", {name: replace(native, least=0) for name, native in NATIVE.items()})


def test_every_kernel_is_reached() -> None:
    assert set().union(*(USED[name] for name in NAMES)) == set(NATIVE)
    for kernel in set(NATIVE) - {"embedding"}:  # the database's entry needs what is compared in tests/parity
        name = min(
            (name for name in database._entries("test_values", NAMES) if kernel in USED[name]),
            key=lambda name, kernel=kernel: name.rpartition(".")[2] != kernel,
        )
        before = kernels.COUNTS[kernel][0]
        database.test_values(name)
        assert kernels.COUNTS[kernel][0] > before


def test_embedding() -> None:
    weight, before = mindtorch.arange(12.0).view(4, 3), kernels.COUNTS["embedding"][0]
    found = mindtorch.nn.functional.embedding(mindtorch.tensor([[1, 3]]), weight)
    assert found.tolist() == [[[3, 4, 5], [9, 10, 11]]]
    assert kernels.COUNTS["embedding"][0] == before + 1


@pytest.mark.parametrize("name", database._entries("test_values", NAMES))
def test_values(name: str) -> None:
    database.test_values(name)


@pytest.mark.parametrize("name", database._entries("test_gradients", set(database.GRADIENTS) & set(NAMES)))
def test_gradients(name: str) -> None:
    database.test_gradients(name)
