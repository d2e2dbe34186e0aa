"""``torch.embedding_bag`` with all its results, and ``rrelu_``, beside PyTorch."""

from __future__ import annotations

from typing import Any

import mindtorch
import pytest
import torch


def _results(lib: Any, mode: int, padding_idx: int | None, last: bool) -> list[Any]:
    weight = lib.arange(12.0).reshape(6, 2)
    indices, offsets = lib.tensor([1, 2, 4, 5, 4, 3]), lib.tensor([0, 3, 6] if last else [0, 3, 3])
    found = lib.embedding_bag(weight, indices, offsets, False, mode, False, None, last, padding_idx)
    return [(str(t.dtype), t.tolist()) for t in found]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("padding_idx", [None, 4])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_embedding_bag(mode: int, padding_idx: int | None, last: bool) -> None:
    assert _results(mindtorch, mode, padding_idx, last) == _results(torch, mode, padding_idx, last)


@pytest.mark.parametrize("training", [False, True])
def test_rrelu_inplace(training: bool) -> None:
    found = []
    for lib in (mindtorch, torch):
        lib.manual_seed(3)
        x = lib.tensor([-1.0, 2.0, -3.0, -0.5], requires_grad=True)
        y = x * 1
        assert lib.nn.functional.rrelu_(y, training=training) is y
        y.sum().backward()
        found.append((y.tolist(), x.grad.tolist()))
    assert found[0] == found[1]
