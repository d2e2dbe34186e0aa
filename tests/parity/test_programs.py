"""Random programs give PyTorch's tensors, errors and gradients."""

from __future__ import annotations

import os
import random
import warnings
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import STEPS, World
from translate import as_numpy

ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError)
# PyTorch refuses for its own reasons: a dtype without a kernel, a source that overlaps with the target, a constant
# written to one of several views.
LIMITS = ("not support", "some elements of the input tensor and the written-to tensor", "returns multiple views")
TOLERANCE = {"torch.float16": (5e-3, 5e-3), "torch.float32": (1e-4, 1e-5), "torch.float64": (1e-5, 1e-6)}


def _attempt(world: World, name: str, seed: int) -> tuple[Any, Exception | None]:
    try:
        return STEPS[name](world, random.Random(seed)), None
    except ERRORS as error:
        return None, error


def _same_tensor(x: Any, y: torch.Tensor, path: str) -> None:
    assert isinstance(x, mindtorch.Tensor), path
    assert (str(x.dtype), tuple(x.shape)) == (str(y.dtype), tuple(y.shape)), path
    assert x.requires_grad == y.requires_grad, f"{path}: requires_grad"
    relative, absolute = TOLERANCE.get(str(y.dtype), (0.0, 0.0))
    a, b = as_numpy(x), as_numpy(y)
    assert np.allclose(a, b, relative, absolute, equal_nan=True), f"{path}: {a} is not {b}"


def _same_layouts(ours: World, theirs: World) -> bool:
    """Whether all tensors so far lie in memory alike: results of pointwise operators may not."""
    return all(x.stride() == y.stride() for x, y in zip(ours.pool, theirs.pool, strict=True))


def run(seed: int, steps: list[tuple[str, int]]) -> None:
    """Run a program on both and compare after every step, and the gradients at the end."""
    ours, theirs = World(mindtorch, seed), World(torch, seed)
    for i, (name, step_seed) in enumerate(steps):
        path = f"step {i}, {name}"
        expected, error = _attempt(theirs, name, step_seed)
        if error is not None and (isinstance(error, NotImplementedError) or any(x in str(error) for x in LIMITS)):
            continue
        found, our_error = _attempt(ours, name, step_seed)
        if error is not None:
            assert our_error is not None, f"{path}: no {type(error).__name__}: {error}"
            continue
        assert our_error is None, f"{path}: {type(our_error).__name__}: {our_error}"
        if expected is not None and not isinstance(expected, torch.Tensor):
            assert found == expected, path
            continue
        if expected is not None:
            at = next((k for k, t in enumerate(theirs.pool) if t is expected), None)
            if at is not None:
                assert ours.pool[at] is found, f"{path}: another tensor than the one written to"
            else:
                _same_tensor(found, expected, path)
                if expected._is_view() and _same_layouts(ours, theirs):
                    assert found.stride() == expected.stride() or found.numel() < 2, f"{path}: {found.stride()}"
                if expected.numel() <= 200:
                    theirs.pool.append(expected)
                    ours.pool.append(found)
        if any(t.requires_grad and not t.is_floating_point() for t in theirs.pool):
            return  # PyTorch lets an integer tensor require grad after a write through a view of it
        for k, (x, y) in enumerate(zip(ours.pool, theirs.pool, strict=True)):
            _same_tensor(x, y, f"{path}, tensor {k}")
    _same_gradients(ours, theirs)


def _gradients(world: World) -> tuple[list[Any], Exception | None]:
    lib = world.lib
    try:
        total = sum(
            (t.double() * (k + 1)).sum() for k, t in enumerate(world.pool)
            if t.requires_grad and t.is_floating_point()
        )  # fmt: skip
        if not isinstance(total, lib.Tensor):
            return [], None
        return list(lib.autograd.grad(total, world.leaves, allow_unused=True)), None
    except ERRORS as error:
        return [], error


def _same_gradients(ours: World, theirs: World) -> None:
    expected, error = _gradients(theirs)
    found, our_error = _gradients(ours)
    if error is not None:  # PyTorch kept a tensor that was written to since; mindtorch may not have needed it
        return
    assert our_error is None, f"gradient: {type(our_error).__name__}: {our_error}"
    for k, (x, y) in enumerate(zip(found, expected, strict=True)):
        if x is None or y is None:
            some = x if y is None else y
            assert some is None or not as_numpy(some).any(), f"gradient {k}: {x} is not {y}"
            continue
        relative, absolute = (1e-3, 1e-4) if y.dtype == torch.float32 else (1e-4, 1e-6)
        assert np.allclose(as_numpy(x), as_numpy(y), relative, absolute, equal_nan=True), f"gradient {k}: {x}, not {y}"


PROGRAMS = st.tuples(
    st.integers(0, 1 << 20),
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 1 << 20)), min_size=5, max_size=20),
)


def _check(program: tuple[int, list[tuple[str, int]]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(*program)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


@_settings(250)
@given(PROGRAMS)
def test_random_programs(program: tuple[int, list[tuple[str, int]]]) -> None:
    _check(program)


@pytest.mark.slow
@_settings(int(os.environ.get("PROGRAM_EXAMPLES", "2500")))
@given(PROGRAMS)
def test_thousands_of_random_programs(program: tuple[int, list[tuple[str, int]]]) -> None:
    _check(program)
