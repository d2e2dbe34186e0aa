"""einsum's two ways to be called, its errors and dtypes; distances and sums of products, against PyTorch."""

from __future__ import annotations

from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

X, Y = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4) - 5


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, x, y: lib.einsum(x, [0, 1], y, [1, 2], [0, 2]),
        lambda lib, x, y: lib.einsum(x, [0, 1], y, [1, 2]),
        lambda lib, x, y: lib.einsum(x, [..., 1], y, [1, 30], [30, ...]),
        lambda lib, x, y: lib.einsum("ij,jk", [x, y]),
        lambda lib, x, y: lib.einsum("ij,kl->il", x, y),
        lambda lib, x, y: lib.einsum("i...,...k->k", x, y),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_values_and_dtypes(call: Any, dtype: str) -> None:
    x, y = X.astype(dtype), Y.astype(dtype)
    try:
        expected = call(torch, torch.tensor(x), torch.tensor(y))
    except RuntimeError:  # int32 and the int64 of a sum have no matrix product
        with pytest.raises(RuntimeError, match="dtype"):
            call(mindtorch, mindtorch.tensor(x), mindtorch.tensor(y))
        return
    found = call(mindtorch, mindtorch.tensor(x), mindtorch.tensor(y))
    assert str(found.dtype) == str(expected.dtype)
    assert np.array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("equation", ["ij->", "ij,j->", "ij,k->ik", "a...b,c->c", "ij,ij->"])
def test_integers_promote_where_they_are_summed(equation: str, dtype: str) -> None:
    shapes = {"ij->": [(2, 3)], "ij,j->": [(1, 3), (3,)], "ij,ij->": [(1, 3), (1, 3)]}
    operands = [np.ones(shape, dtype) for shape in shapes.get(equation, [(2, 3), (4,)])]
    expected = torch.einsum(equation, *map(torch.tensor, operands))
    found = mindtorch.einsum(equation, *map(mindtorch.tensor, operands))
    assert str(found.dtype) == str(expected.dtype)
    assert np.array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("equation", "operands"),
    [("i1,jk", 2), ("i...j...", 1), (".ij", 1), ("ij->..", 1), ("ij,jk", 1), ("ij->k", 1), ("ij->i->j", 1)],
)
def test_equations_that_are_refused(equation: str, operands: int) -> None:
    for lib in (torch, mindtorch):
        with pytest.raises(RuntimeError):
            lib.einsum(equation, *[lib.tensor(X)] * operands)


def test_no_operands_and_wrong_labels() -> None:
    for lib in (torch, mindtorch):
        with pytest.raises(ValueError, match="at least one operand"):
            lib.einsum("ij")
        with pytest.raises(ValueError, match="range"):
            lib.einsum(lib.tensor(X), [0, 60])


def _distances(lib: Any, mode: str) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    a = lib.tensor(generator.normal(size=(2, 30, 4)), requires_grad=True)
    b = lib.tensor(generator.normal(size=(28, 4)), requires_grad=True)
    distance = lib.cdist(a, b, compute_mode=mode)
    first = lib.autograd.grad((distance**3).sum(), (a, b), create_graph=True)
    second = lib.autograd.grad((first[0] * first[0]).sum() + first[1].sum(), (a, b))
    return [t.detach().numpy() for t in (distance, *first, *second)]


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist_if_necessary", "donot_use_mm_for_euclid_dist"])
def test_distances_and_their_gradients(mode: str) -> None:
    expected = _distances(torch, "use_mm_for_euclid_dist")
    for x, y in zip(_distances(mindtorch, mode), expected, strict=True):
        assert np.allclose(x, y, 1e-7, 1e-7)


def test_addbmm_takes_the_shape_of_the_sum() -> None:
    for lib in (torch, mindtorch):
        x = lib.ones(1)
        same = x.addbmm_(lib.ones(2, 3, 4), lib.ones(2, 4, 5), beta=2)
        assert same is x
        assert x.tolist() == [[10.0] * 5] * 3
