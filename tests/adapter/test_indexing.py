"""Indexing, scattering and the forms of views give PyTorch's results, errors and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from side_by_side import caught, leaf, same, same_error

INDICES: list[Callable[[Any], Any]] = [
    lambda t: slice(None), lambda t: Ellipsis, lambda t: None, lambda t: (0, slice(None, None, 2)),
    lambda t: (slice(None), t.tensor([2, 0])), lambda t: (t.tensor([1, 0]), None, t.tensor([2, 2])),
    lambda t: (t.tensor([[0], [1]]), t.tensor([1, 2])), lambda t: ([0, 1], [1, 1]),
    lambda t: t.tensor([True, False]), lambda t: (Ellipsis, t.tensor([True, False, True, False])),
    lambda t: (slice(1), t.tensor([], dtype=t.int64)), lambda t: (t.tensor(1), slice(-1, None)),
    lambda t: (0, Ellipsis, -1), lambda t: True, lambda t: (None, t.tensor([1]), Ellipsis),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES)
def test_reading(index: Callable[[Any], Any]) -> None:
    def program(t: Any) -> Any:
        x = leaf(t, 2, 3, 4)
        y = x[index(t)]
        (y * y).sum().backward()
        return y, x.grad, y.stride()

    same(program)


@pytest.mark.parametrize("index", INDICES)
def test_writing(index: Callable[[Any], Any]) -> None:
    def program(t: Any) -> Any:
        x, v = leaf(t, 2, 3, 4), leaf(t, 1, seed=1)
        y = x * 1
        y[index(t)] = v
        (y * y).sum().backward()
        return y, x.grad, v.grad

    same(program)


@pytest.mark.parametrize(
    ("index", "value"),
    [("int", 2.5), ("mask", 2.5), ("mask", "0-d"), ("int", "leading"), ("mask", "leading"), ("slice", "leading")],
)
def test_values_of_an_assignment(index: str, value: Any) -> None:
    def program(t: Any) -> Any:
        x = t.zeros(3)
        key = {"int": t.tensor([0]), "mask": t.tensor([True, False, False]), "slice": slice(0, 1)}[index]
        x[key] = {"0-d": t.tensor(2.0, dtype=t.float64), "leading": t.ones(1, 1, 1)}.get(value, value)
        return x

    same(program)


def test_the_dtype_of_an_assigned_tensor_must_match() -> None:
    def program(t: Any) -> None:
        t.zeros(3)[t.tensor([0])] = t.ones(1, dtype=t.float64)

    same_error(program, "Index put requires the source and destination dtypes match")


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce: str, include_self: bool) -> None:
    def program(t: Any) -> Any:
        x, source = leaf(t, 3, 4), leaf(t, 3, 4, seed=1)
        index = t.tensor([[0, 1, 0, 2], [1, 1, 0, 0], [2, 0, 0, 0]])
        y = x.scatter_reduce(0, index, source, reduce, include_self=include_self)
        (y * y).sum().backward()
        return y, x.grad, source.grad

    same(program, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bfloat16"])
def test_index_reduce_in_other_dtypes(reduce: str, dtype: str) -> None:
    def program(t: Any) -> Any:
        d = getattr(t, dtype)
        x, source = t.arange(1, 7).view(3, 2).to(d), t.arange(2, 10).view(4, 2).to(d)
        return x.index_reduce_(0, t.tensor([0, 2, 0, 1]), source, reduce)

    same(program)


@pytest.mark.parametrize("name", ["squeeze_", "t_", "unsqueeze_", "transpose_", "swapaxes_"])
def test_a_tensor_becomes_its_view(name: str) -> None:
    arguments = {"unsqueeze_": (1,), "transpose_": (0, 1), "swapaxes_": (0, 1)}.get(name, ())

    def program(t: Any) -> Any:
        x = leaf(t, 1, 3)
        y = x * 2
        before = y._version
        z = getattr(y, name)(*arguments)
        (z * t.arange(3.0).reshape(z.shape)).sum().backward()
        return z is y, tuple(y.shape), y.stride(), y._version - before, x.grad

    same(program)


def test_a_leaf_does_not_become_its_view() -> None:
    same_error(lambda t: leaf(t, 2, 3).t_(), "a leaf Variable that requires grad")


@pytest.mark.parametrize(
    "shape", [((2, 3), (2, 3)), ((2, 1, 3), (2, 4, 3)), ((3,), (1, 3)), ((2, 3), (1, 2, 3)), ((1,), (1, 1, 4))]
)
def test_strides_of_expanded_tensors(shape: Any) -> None:
    same(lambda t: t.zeros(shape[0]).expand(shape[1]).stride())


@pytest.mark.parametrize("to", ["int8", "int16", "int32", "float64", "complex64"])
def test_views_of_another_element_size(to: str) -> None:
    def program(t: Any) -> Any:
        x = t.arange(8.0).view(2, 4)
        y = x.view(getattr(t, to))
        y[0, 0] = 7
        return tuple(y.shape), y.stride(), x

    same(program)


def test_views_of_another_element_size_that_do_not_fit() -> None:
    same_error(lambda t: t.zeros(3).view(t.float64), "must be divisible by 2")
    same_error(lambda t: t.zeros(2, 2).t().view(t.float64), "self.stride(-1) must be 1")


def test_a_constant_may_be_written_to_shared_elements() -> None:
    same(lambda t: [t.zeros(1).expand(3).fill_(2), t.ones(1).expand(3).zero_()])
    same_error(lambda t: t.zeros(1).expand(3).add_(1), "more than one element of the written-to tensor")


def test_indices_out_of_bounds() -> None:
    for wrong in (lambda t: t.zeros(3)[t.tensor([3])], lambda t: t.zeros(3)[3], lambda t: t.zeros(3).take(t.tensor(9))):
        import mindtorch
        import torch

        assert type(caught(wrong, mindtorch)) is type(caught(wrong, torch)) is IndexError
