"""Tensors of up to 32 dimensions are tensors like any other; more are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import pytest
from side_by_side import same

SIZES = [1] * 33


def _nested(depth: int) -> Any:
    data: Any = 1.0
    for _ in range(depth):
        data = [data]
    return data


def test_thirty_two_dimensions() -> None:
    def program(t: Any) -> Any:
        x = t.arange(6.0).view([2] + [1] * 30 + [3]).requires_grad_()
        y = (x.transpose(0, 31) * x.sum(0, keepdim=True).transpose(0, 31)).flip(0)
        y.masked_fill(y > 4, 0).sum().backward()
        return y, x.grad, t.tensor(_nested(32)).shape, t.broadcast_shapes((1,) * 40, (2,))

    same(program)


MAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "zeros": lambda t, x: t.zeros(SIZES), "rand": lambda t, x: t.rand(*SIZES), "full": lambda t, x: t.full(SIZES, 1.0),
    "tensor": lambda t, x: t.tensor(_nested(33)), "empty_strided": lambda t, x: t.empty_strided(SIZES, SIZES),
    "new_full": lambda t, x: x.new_full(SIZES, 1.0), "view": lambda t, x: x.view(SIZES),
    "expand": lambda t, x: x.expand(SIZES), "unsqueeze": lambda t, x: x.unsqueeze(0), "None": lambda t, x: x[None],
    "as_strided": lambda t, x: x.as_strided(SIZES, SIZES), "unfold": lambda t, x: x.unfold(0, 1, 1),
    "stack": lambda t, x: t.stack([x, x]), "repeat": lambda t, x: x.repeat(SIZES),
    "index": lambda t, x: x[t.zeros(1, 1, dtype=t.int64)], "meshgrid": lambda t, x: t.meshgrid(*[t.zeros(1)] * 33),
    "tensordot": lambda t, x: t.tensordot(x, x, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_more_are_refused_by_name(name: str) -> None:
    with pytest.raises(NotImplementedError, match=r"at most 32 dimensions, but got (33|64)"):
        MAKERS[name](mindtorch, mindtorch.zeros([1] * 32))
