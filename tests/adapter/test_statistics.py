"""Order statistics, histograms and distinct elements, compared with PyTorch."""

from __future__ import annotations

import math
from typing import Any

import pytest
from side_by_side import leaf, same, same_error

NAN = math.nan


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize(
    "rows", [[[3.0, 1, 2], [9, 8, 7]], [[3.0, NAN, 2], [1, 2, 4]], [[NAN, NAN, NAN], [1, 2, NAN]], [[1.0], [2.0]]]
)
def test_medians(name: str, rows: list[list[float]]) -> None:
    def program(t: Any) -> Any:
        x = t.tensor(rows, requires_grad=True)
        whole, (values, positions) = getattr(x, name)(), getattr(x, name)(1)
        (values.sum() * 2 + whole).backward()
        return whole, values, positions, getattr(x, name)(0, keepdim=True)[0], x.grad

    same(program)


@pytest.mark.parametrize("how", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(how: str, name: str) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([[3.0, NAN, 2, 8], [1, 2, 4, -5]], requires_grad=True)
        f = getattr(x, name)
        y = f(t.tensor([0.0, 0.3, 1.0]), 1, interpolation=how)
        y.nan_to_num().sum().backward()
        return y, f(0.25), f(0.5, 0, keepdim=True), f(t.tensor([0.1]), keepdim=True), x.grad

    same(program)


def test_quantile_refuses() -> None:
    same_error(lambda t: t.zeros(3).quantile(1.5), "q must be in the range [0, 1]")
    same_error(lambda t: t.zeros(3, dtype=t.int64).quantile(0.5), "must be either float or double")


def test_mode_and_kthvalue() -> None:
    def program(t: Any) -> Any:
        x = t.tensor([[2, 1, 2, 1], [5, 5, 3, 3], [4, 4, 4, 0]])
        y = leaf(t, 3, 4)
        y.kthvalue(2, 1)[0].sum().backward()
        return x.mode(1)[0], x.mode(0, keepdim=True)[0], x.kthvalue(3)[0], y.grad

    same(program)


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_unique(dim: int | None) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([[1, 1, 0], [1, 1, 0], [0, 2, 0]])
        return (
            list(x.unique(return_inverse=True, return_counts=True, dim=dim)),
            list(x.unique_consecutive(return_inverse=True, return_counts=True, dim=dim)),
        )

    same(program)


def test_histograms() -> None:
    def program(t: Any) -> Any:
        x = leaf(t, 50, requires_grad=False)
        points = x.view(25, 2)
        return (
            x.histc(7), x.histc(5, min=-1, max=1), list(x.histogram(4)), list(x.histogram(4, density=True)),
            list(x.histogram(t.tensor([-1.0, 0.0, 2.0]), weight=x.abs())), list(x.histogram(3, range=(-0.5, 0.5))),
            t.histogramdd(points, [3, 2])[0], list(t.histogramdd(points, [3, 2])[1]),
            t.bincount(t.tensor([1, 3, 3]), minlength=6), t.bincount(t.tensor([0, 2]), weights=t.tensor([0.5, 2.0])),
        )  # fmt: skip

    same(program)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side: str) -> None:
    def program(t: Any) -> Any:
        rows, values = t.tensor([[1.0, 3, 5], [2, 4, 6]]), t.tensor([[3.0, 9], [0, 4]])
        return (
            t.searchsorted(rows, values, side=side), t.searchsorted(rows[0], 3.0, side=side),
            t.searchsorted(t.tensor([5.0, 1, 3]), values, sorter=t.tensor([1, 2, 0]), side=side),
            t.bucketize(t.tensor([1, 3]), rows[0], right=side == "right", out_int32=True),
        )  # fmt: skip

    same(program)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("initial", [None, 1.5])
def test_segments(reduce: str, initial: float | None) -> None:
    def program(t: Any) -> Any:
        x = leaf(t, 6, 2)
        y = t.segment_reduce(x, reduce, lengths=t.tensor([2, 0, 3, 1]), initial=initial)
        y[[0, 2, 3]].sum().backward()
        return y, x.grad

    same(program)
