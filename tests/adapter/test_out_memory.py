"""``out=`` that shares memory with an operand or with itself: refused where PyTorch refuses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import pytest
import torch

FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "exp": lambda lib, x, out: lib.exp(x, out=out),
    "add": lambda lib, x, out: lib.add(x, 1, out=out),
    "mul of the second": lambda lib, x, out: lib.mul(lib.ones(4), x, out=out),
    "clamp": lambda lib, x, out: lib.clamp(x, 0.1, 0.5, out=out),
    "where": lambda lib, x, out: lib.where(lib.tensor([True, False, True, False]), x, lib.zeros(4), out=out),
    "addcmul": lambda lib, x, out: lib.addcmul(lib.ones(4), x, lib.ones(4), out=out),
    "lerp": lambda lib, x, out: lib.lerp(lib.ones(4), x, 0.5, out=out),
    "cumsum": lambda lib, x, out: lib.cumsum(x, 0, out=out),
    "gather": lambda lib, x, out: lib.gather(x, 0, lib.tensor([3, 2, 1, 0]), out=out),
    "index_select": lambda lib, x, out: lib.index_select(x, 0, lib.tensor([3, 2, 1, 0]), out=out),
    "index_add": lambda lib, x, out: lib.index_add(x, 0, lib.tensor([3, 2, 1, 0]), lib.ones(4), out=out),
    "index_add of the source": lambda lib, x, out: lib.index_add(
        lib.ones(4), 0, lib.tensor([3, 2, 1, 0]), x, out=out
    ),
    "index_copy of the source": lambda lib, x, out: lib.index_copy(
        lib.ones(4), 0, lib.tensor([3, 2, 1, 0]), x, out=out
    ),
    "scatter": lambda lib, x, out: lib.scatter(x, 0, lib.tensor([3, 2, 1, 0]), lib.ones(4), out=out),
    "cat": lambda lib, x, out: lib.cat([x[:2], lib.zeros(2)], out=out),
    "mv": lambda lib, x, out: lib.mv(lib.eye(4), x, out=out),
    "amax": lambda lib, x, out: lib.amax(lib.stack([x, x]), 0, out=out),
    "full": lambda lib, x, out: lib.full((4,), 3.0, out=out),
    "softmax": lambda lib, x, out: lib.softmax(x, 0, out=out),
}
# What x and out are, of a memory of nine numbers.
PLACES: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "apart": lambda lib, m: (m[:4], m[4:8]),
    "same": lambda lib, m: (m[:4], m[:4]),
    "shifted": lambda lib, m: (m[:4], m[1:5]),
    "shifted back": lambda lib, m: (m[2:6], m[1:5]),
    "interleaved": lambda lib, m: (m[0:8:2], m[1:8:2]),
    "every other": lambda lib, m: (m[0:8:2], m[:4]),
    "one cell": lambda lib, m: (m[:4], m[8:].expand(4)),
}
# PyTorch writes in an order that depends on its kernels: only whether it raises is compared.
UNORDERED = {("one cell", name) for name in FUNCTIONS} | {("every other", name) for name in FUNCTIONS}
UNORDERED |= {("shifted", "mv"), ("shifted back", "mv"), ("same", "mv")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_shared_memory(name: str, place: str) -> None:
    found = []
    for lib in (mindtorch, torch):
        memory = lib.arange(9.0) / 10
        x, out = PLACES[place](lib, memory)
        try:
            FUNCTIONS[name](lib, x, out)
            found.append(None if (place, name) in UNORDERED else memory.tolist())
        except RuntimeError as error:
            found.append(str(error))
    ours, theirs = found
    if isinstance(theirs, list) and isinstance(ours, list):
        assert ours == pytest.approx(theirs, rel=1e-6)
    else:
        assert ours == theirs
