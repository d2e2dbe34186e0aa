"""Random indices read and write what PyTorch reads and writes, with its gradients and its classes of exceptions."""

from __future__ import annotations

from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from side_by_side import assert_same, plain

# A key is drawn as plain data, so that both libraries make their own of it: (kind, what).
Part = tuple[str, Any]
EXAMPLES = settings(max_examples=700, deadline=None, derandomize=True, database=None)


@st.composite
def arrays(draw: st.DrawFn, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    """int64 arrays of a shape with entries in [low, high]."""
    count = int(np.prod(shape))
    return np.array(draw(st.lists(st.integers(low, high), min_size=count, max_size=count)), np.int64).reshape(shape)


@st.composite
def integers(draw: st.DrawFn, n: int, wrong: bool) -> int:
    """A position in a dimension of size n, or (`wrong`) possibly one that it has not."""
    return draw(st.integers(-n - 2, n + 1)) if wrong or not n else draw(st.integers(-n, n - 1))


def slices(n: int, wrong: bool) -> st.SearchStrategy[slice]:
    edge = st.none() | st.integers(-n - 2, n + 2)
    return st.builds(slice, edge, edge, st.none() | st.integers(-1 if wrong else 1, 3))


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...], several: tuple[int, ...]) -> list[Part]:
    """Keys for a tensor of `shape`; index tensors broadcast to the shape `several`."""
    wrong = draw(st.integers(0, 9)) == 0
    parts: list[Part] = []
    kinds = ["int", "slice", "tensor", "mask", "list", "none", "truth", "0-d", "numpy"] + ["float", "bytes"] * wrong
    ellipsis = draw(st.booleans())
    d, left = 0, len(shape) + wrong
    while left > 0 and draw(st.integers(0, 5)):
        n = shape[d] if d < len(shape) else 2
        kind = draw(st.sampled_from(kinds))
        if kind in ("none", "truth"):
            parts.append((kind, kind == "truth" and draw(st.booleans())))
            if draw(st.booleans()):
                continue
            kind = "slice"
        used = 1
        if kind == "int":
            parts.append((kind, draw(integers(n, wrong))))
        elif kind == "slice":
            parts.append((kind, draw(slices(n, wrong and bool(shape)))))
        elif kind in ("tensor", "list", "numpy"):
            own = several[draw(st.integers(0, len(several))) :]
            own = tuple(1 if draw(st.integers(0, 3)) == 0 else k for k in own)
            if wrong and draw(st.booleans()):
                own = (*own, 4)
            low, high = (-n - 1, n) if wrong or not n else (-n, n - 1)
            own = own if n or wrong else (0,) * max(len(own), 1)
            parts.append((kind, draw(arrays(low, high, own))))
        elif kind == "0-d":
            parts.append((kind, draw(integers(n, wrong))))
        elif kind in ("mask", "bytes"):
            used = min(draw(st.integers(1, 2)), max(len(shape) - d, 1))
            size = tuple((*shape, 2)[d : d + used])
            if wrong and draw(st.booleans()):
                size = (size[0] + 1, *size[1:])
            parts.append((kind, draw(arrays(0, 1, size))))
        else:
            parts.append((kind, draw(arrays(0, 1, several))))
        d, left = d + used, left - used
        if ellipsis and draw(st.booleans()):
            ellipsis = False
            parts.append(("ellipsis", None))
            skipped = draw(st.integers(0, max(left, 0)))
            d, left = d + skipped, left - skipped
    return parts


def key_of(t: Any, parts: list[Part], alone: bool) -> Any:
    """The key in a library's tensors."""
    make = {
        "int": int, "slice": lambda x: x, "none": lambda _: None, "ellipsis": lambda _: ..., "truth": bool,
        "tensor": t.tensor, "list": lambda x: x.tolist() if x.ndim else [int(x)], "0-d": t.tensor,
        "numpy": lambda x: x if x.ndim else x[()],
        "mask": lambda x: t.tensor(x.astype(bool)), "bytes": lambda x: t.tensor(x.astype(np.uint8)),
        "float": lambda x: t.tensor(x.astype(np.float32)),
    }  # fmt: skip
    key = tuple(make[kind](value) for kind, value in parts)
    return key[0] if alone and len(key) == 1 else key


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], list[Part], bool]:
    sizes = st.integers(0, 4) if draw(st.integers(0, 4)) == 0 else st.integers(1, 4)
    shape = tuple(draw(st.lists(sizes, max_size=4)))
    least = 0 if draw(st.integers(0, 5)) == 0 else 1
    several = tuple(draw(st.lists(st.integers(least, 3), max_size=2)))
    return shape, draw(keys(shape, several)), draw(st.booleans())


def attempt(t: Any, program: Any, *args: Any) -> Any:
    """The plain result, or the class of the exception."""
    try:
        return plain(program(t, *args))
    except Exception as error:
        return type(error).__name__


def start(t: Any, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape))
    return t.tensor(np.arange(1, count + 1, dtype=np.float32).reshape(shape), requires_grad=True)


def read(t: Any, shape: tuple[int, ...], parts: list[Part], alone: bool) -> Any:
    x = start(t, shape)
    y = x[key_of(t, parts, alone)]
    (y * y).sum().backward()
    return y, y.stride() if min(y.shape, default=2) > 1 else None, x.grad


def write(t: Any, shape: tuple[int, ...], parts: list[Part], alone: bool, form: str) -> Any:
    x, key = start(t, shape), key_of(t, parts, alone)
    y = x * 2
    window = tuple(y[key].shape)
    value = {
        "number": lambda: 7.5,
        "whole": lambda: start(t, window),
        "row": lambda: start(t, window[1:]),
        "ones": lambda: start(t, tuple(1 for _ in window)),
        "leading": lambda: start(t, (1, *window)),
        "one": lambda: start(t, (1,)),
        "wrong": lambda: start(t, (5, *window)),
    }[form]()
    # Of several values for one place any may win: all positions get one value, except where nothing repeats.
    if form == "whole" and any(kind in ("tensor", "list") for kind, _ in parts):
        value = value * 0 + 3
    y[key] = value
    (y * y).sum().backward()
    return y, x.grad


def accumulate(t: Any, shape: tuple[int, ...], parts: list[Part]) -> Any:
    x = start(t, shape)
    window = x[key_of(t, parts, False)].shape
    indices = [
        t.tensor(np.asarray(value)) if kind != "mask" else t.tensor(value.astype(bool)) for kind, value in parts
    ]
    v = start(t, tuple(window))
    y = x.index_put(tuple(indices), v, accumulate=True)
    (y * y).sum().backward()
    return y, x.grad, v.grad


@EXAMPLES
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@given(cases())
def test_reading(case: Any) -> None:
    assert_same(attempt(mindtorch, read, *case), attempt(torch, read, *case))


@EXAMPLES
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@given(cases(), st.sampled_from(["number", "whole", "row", "ones", "leading", "one", "wrong"]))
def test_writing(case: Any, form: str) -> None:
    assert_same(attempt(mindtorch, write, *case, form), attempt(torch, write, *case, form))


@settings(EXAMPLES, max_examples=400)
@given(cases())
def test_accumulating(case: Any) -> None:
    shape, parts, _ = case
    parts = [p for p in parts if p[0] in ("tensor", "mask", "0-d")]
    if parts:
        assert_same(attempt(mindtorch, accumulate, shape, parts), attempt(torch, accumulate, shape, parts))


@pytest.mark.parametrize("dims", [9, 12])
def test_masks_of_many_dimensions(dims: int) -> None:
    shape = (2,) + (1,) * (dims - 2) + (3,)
    mask = [("mask", np.array([1, 0, 1, 0, 0, 1]).reshape(shape))]
    assert_same(attempt(mindtorch, read, shape, mask, True), attempt(torch, read, shape, mask, True))
    assert_same(attempt(mindtorch, write, shape, mask, True, "one"), attempt(torch, write, shape, mask, True, "one"))
