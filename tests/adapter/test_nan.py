"""nan, infinities and negative zero go through operators as they do in PyTorch, wherever in a tensor they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "amax": lambda lib, x: lib.amax(x, 1),
    "amin": lambda lib, x: lib.amin(x, 0),
    "max": lambda lib, x: x.max(),
    "max_along": lambda lib, x: lib.cat([t.to(x.dtype) for t in x.max(1)]),
    "argmax": lambda lib, x: x.argmax(1),
    "aminmax": lambda lib, x: lib.stack(tuple(lib.aminmax(x))),
    "maximum": lambda lib, x: lib.maximum(x, x.flip(0)),
    "minimum": lambda lib, x: lib.minimum(x, x.flip(1)),
    "clamp": lambda lib, x: x.clamp(-1, 1),
    "clamp_tensors": lambda lib, x: x.clamp(x.flip(1), None),
    "relu": lambda lib, x: lib.relu(x),
    "relu6": lambda lib, x: lib.nn.functional.relu6(x),
    "leaky_relu": lambda lib, x: lib.nn.functional.leaky_relu(x),
    "gelu": lambda lib, x: lib.nn.functional.gelu(x),
    "silu": lambda lib, x: lib.nn.functional.silu(x),
    "softmax": lambda lib, x: lib.softmax(x, 1),
    "softmax_outer": lambda lib, x: lib.softmax(x, 0),
    "log_softmax": lambda lib, x: lib.log_softmax(x, 1),
    "logsumexp": lambda lib, x: lib.logsumexp(x, 1),
    "reciprocal_of_zeros": lambda lib, x: 1 / (x * 0),
    "div": lambda lib, x: x / lib.sign(x),
    "layer_norm": lambda lib, x: lib.nn.functional.layer_norm(x, (x.shape[1],)),
    "max_pool": lambda lib, x: lib.nn.functional.max_pool1d(x.unsqueeze(0), 2),
}
# The sign of a zero is what the processor's instruction makes of it.
ANY_ZERO = ("gelu", "relu", "relu6")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
@pytest.mark.parametrize("name", CALLS)
def test_values_that_are_not_numbers(name: str, value: float, dtype: str) -> None:
    for position in (0, 3, 6):
        values = np.random.default_rng(position).standard_normal((4, 7))
        values[2, position] = value
        found, expected = (
            CALLS[name](lib, lib.tensor(values.tolist(), dtype=getattr(lib, dtype))) for lib in (mindtorch, torch)
        )
        tolerance = 2e-2 if dtype == "bfloat16" else 1e-5
        mine, theirs = found.double().numpy(), expected.double().numpy()
        assert np.allclose(mine, theirs, tolerance, tolerance, equal_nan=True), (mine, theirs)
        if name not in ANY_ZERO:
            assert np.array_equal(np.signbit(mine[theirs == 0]), np.signbit(theirs[theirs == 0]))
