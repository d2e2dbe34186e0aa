"""Whatever a tensor holds, and however printing is set, it prints as PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import mindtorch
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-5, 1e5, 12345.678, 1e10, 0.1]),
    st.floats(width=32, allow_subnormal=False), st.integers(-2000, 2000).map(float),
)  # fmt: skip
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=8)


def arrays(draw: Any, dtype: str) -> np.ndarray:
    shape = draw(SHAPES)
    if dtype == "bool":
        return draw(hnp.arrays(np.bool_, shape))
    if dtype.startswith(("int", "uint")):
        return draw(hnp.arrays(np.dtype(dtype), shape))
    if dtype.startswith("complex"):
        values = np.empty(shape, dtype)
        values.real, values.imag = (draw(hnp.arrays(np.float64, shape, elements=FLOATS)) for _ in range(2))
        return values
    return np.asarray(draw(hnp.arrays(np.float64, shape, elements=FLOATS)).astype(np.float32))


DTYPES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(DTYPES))
def test_any_values(data: Any, dtype: str) -> None:
    with np.errstate(all="ignore"):
        values = arrays(data.draw, dtype)
        floating = dtype.startswith(("float", "bfloat", "complex"))
        grad = floating and data.draw(st.booleans())
        graph = grad and data.draw(st.booleans())

        def program(lib: Any) -> str:
            t = lib.from_numpy(values.copy()).to(getattr(lib, dtype))
            if grad:
                t.requires_grad_()
            return repr(t * 1 if graph else t).replace("mindtorch", "torch")

        assert program(mindtorch) == program(torch)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_any_options(data: Any) -> None:
    options = {
        "precision": data.draw(st.integers(0, 8)), "threshold": data.draw(st.sampled_from([0, 5, 30, 1000])),
        "edgeitems": data.draw(st.integers(1, 4)), "linewidth": data.draw(st.sampled_from([20, 40, 80, 160])),
        "sci_mode": data.draw(st.sampled_from([None, True, False])),
    }  # fmt: skip
    values = arrays(data.draw, data.draw(st.sampled_from(["float32", "int64", "complex64"])))

    def program(lib: Any) -> str:
        lib.set_printoptions(**options)
        try:
            return repr(lib.from_numpy(values.copy())).replace("mindtorch", "torch")
        finally:
            lib.set_printoptions(profile="default")

    assert program(mindtorch) == program(torch)
