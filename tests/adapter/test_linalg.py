"""Dense linear algebra: results' names, layouts and shapes, errors, and gradients of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from side_by_side import assert_same, plain, same, same_error

Function = Callable[[Any, Any], Any]


def matrix(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal values, with a diagonal that keeps square matrices far from singular."""
    values = np.random.default_rng(seed).standard_normal(shape)
    n = min(shape[-2:])
    values[..., range(n), range(n)] += 3 + np.arange(n)
    return values


def definite(lib: Any, a: Any) -> Any:
    return a @ a.mT + lib.eye(a.shape[-1], dtype=a.dtype)


# Each gives something that does not depend on the signs of vectors.
DIFFERENTIABLE: dict[str, tuple[Function, tuple[int, ...]]] = {
    "cholesky": (lambda lib, a: lib.linalg.cholesky(definite(lib, a)), (2, 3, 3)),
    "cholesky upper": (lambda lib, a: lib.linalg.cholesky(definite(lib, a), upper=True), (3, 3)),
    "cholesky_solve": (lambda lib, a: lib.cholesky_solve(a, lib.linalg.cholesky(definite(lib, a))), (3, 3)),
    "cholesky_inverse": (lambda lib, a: lib.cholesky_inverse(lib.linalg.cholesky(definite(lib, a))), (3, 3)),
    "lu square": (lambda lib, a: lib.linalg.lu(a)[1] @ lib.linalg.lu(a)[2].cos(), (2, 3, 3)),
    "lu tall": (lambda lib, a: lib.linalg.lu(a)[1] @ lib.linalg.lu(a)[2].cos(), (4, 2)),
    "lu wide": (lambda lib, a: lib.linalg.lu(a)[1].sin() @ lib.linalg.lu(a)[2], (2, 4)),
    "lu_solve": (lambda lib, a: lib.linalg.lu_solve(*lib.linalg.lu_factor(a), a.mT, left=False), (3, 3)),
    "qr tall": (lambda lib, a: lib.linalg.qr(a)[0] ** 2 @ lib.linalg.qr(a)[1] ** 2, (4, 3)),
    "qr wide": (lambda lib, a: lib.linalg.qr(a)[0] ** 2 @ lib.linalg.qr(a)[1] ** 2, (2, 4)),
    "householder_product": (lambda lib, a: lib.linalg.householder_product(a, a[0, :2].sin()), (4, 3)),
    "ormqr": (lambda lib, a: lib.ormqr(a, a[0].sin(), a, True, True), (3, 3)),
    "svd": (lambda lib, a: lib.linalg.svd(a, False)[0] ** 2 @ lib.linalg.svd(a, False)[2] ** 2, (4, 3)),
    "svd wide": (lambda lib, a: lib.linalg.svd(a, False)[0] ** 2 @ lib.linalg.svd(a, False)[2] ** 2, (2, 3)),
    "svdvals": (lambda lib, a: lib.linalg.svdvals(a), (2, 3, 2)),
    "eigh": (lambda lib, a: lib.linalg.eigh(definite(lib, a))[1] ** 2, (3, 3)),
    "eigvalsh": (lambda lib, a: lib.linalg.eigvalsh(definite(lib, a)), (3, 3)),
    "inv": (lambda lib, a: lib.linalg.inv(a), (2, 3, 3)),
    "solve": (lambda lib, a: lib.linalg.solve(a, a.mT.sin()), (2, 3, 3)),
    "solve_triangular": (lambda lib, a: lib.linalg.solve_triangular(a, a.mT, upper=True, left=False), (3, 3)),
    "det": (lambda lib, a: lib.linalg.det(a), (2, 3, 3)),
    "slogdet": (lambda lib, a: lib.linalg.slogdet(a)[1], (2, 3, 3)),
    "matrix_exp": (lambda lib, a: lib.matrix_exp(a * 0.1), (2, 3, 3)),
    "matrix_power": (lambda lib, a: lib.linalg.matrix_power(a, -2), (3, 3)),
    "pinv": (lambda lib, a: lib.linalg.pinv(a), (4, 3)),
    "lstsq": (lambda lib, a: lib.linalg.lstsq(a, a[:, :1].cos(), driver="gelsd")[0], (4, 3)),
    "nuclear norm": (lambda lib, a: lib.linalg.matrix_norm(a, "nuc"), (4, 3)),
    "norm of order 3": (lambda lib, a: lib.linalg.vector_norm(a, 3, 0), (4, 3)),
    "dist": (lambda lib, a: lib.dist(a, a.sin() + 1, 1.5), (4, 3)),
    "renorm": (lambda lib, a: lib.renorm(a, 2, 0, 1.0), (4, 3)),
    "cov": (lambda lib, a: lib.cov(a), (4, 3)),
    "kron": (lambda lib, a: lib.kron(a, a.sin()), (2, 3)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_and_second_gradients(name: str) -> None:
    function, shape = DIFFERENTIABLE[name]

    def program(lib: Any) -> Any:
        a = lib.tensor(matrix(*shape).tolist(), dtype=lib.float64, requires_grad=True)
        out = function(lib, a)
        weights = np.random.default_rng(1).standard_normal(tuple(out.shape))
        loss = (out * lib.tensor(weights.tolist(), dtype=lib.float64)).sum()
        (first,) = lib.autograd.grad(loss, a, create_graph=True)
        (second,) = lib.autograd.grad(first.sin().sum(), a)
        return out, first, second

    same(program, rtol=1e-7, atol=1e-8)


def test_gradient_of_a_singular_determinant() -> None:
    """The adjugate, by singular values; PyTorch's own first gradient perturbs the matrix instead."""
    values = [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 5.0]]
    a = mindtorch.tensor(values, dtype=mindtorch.float64, requires_grad=True)
    (found,) = mindtorch.autograd.grad(mindtorch.linalg.det(a), a)
    cofactors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(np.array(values), i, 0), j, 1)) for j in range(3)]
        for i in range(3)
    ]
    np.testing.assert_allclose(found.numpy(), cofactors, atol=1e-10)


NAMED: dict[str, Function] = {
    "linalg.svd": lambda lib, a: lib.linalg.svd(a),
    "linalg.qr": lambda lib, a: lib.linalg.qr(a),
    "linalg.eigh": lambda lib, a: lib.linalg.eigh(a),
    "linalg.eig": lambda lib, a: lib.linalg.eig(a),
    "linalg.lu": lambda lib, a: lib.linalg.lu(a),
    "linalg.lu_factor": lambda lib, a: lib.linalg.lu_factor(a),
    "linalg.lu_factor_ex": lambda lib, a: lib.linalg.lu_factor_ex(a),
    "linalg.ldl_factor_ex": lambda lib, a: lib.linalg.ldl_factor_ex(a),
    "linalg.cholesky_ex": lambda lib, a: lib.linalg.cholesky_ex(a),
    "linalg.inv_ex": lambda lib, a: lib.linalg.inv_ex(a),
    "linalg.solve_ex": lambda lib, a: lib.linalg.solve_ex(a, a),
    "linalg.slogdet": lambda lib, a: lib.linalg.slogdet(a),
    "linalg.lstsq": lambda lib, a: lib.linalg.lstsq(a, a),
    "svd": lambda lib, a: lib.svd(a),
    "qr": lambda lib, a: lib.qr(a),
    "slogdet": lambda lib, a: lib.slogdet(a),
    "geqrf": lambda lib, a: lib.geqrf(a),
    "triangular_solve": lambda lib, a: lib.triangular_solve(a, a),
    "lu_unpack": lambda lib, a: lib.lu_unpack(*lib.linalg.lu_factor(a)),
}


@pytest.mark.filterwarnings("ignore:torch")
@pytest.mark.parametrize("name", NAMED)
def test_named_results(name: str) -> None:
    values = matrix(3, 3) @ matrix(3, 3).T
    theirs = NAMED[name](torch, torch.tensor(values, dtype=torch.float32))
    ours = NAMED[name](mindtorch, mindtorch.tensor(values.tolist()))
    fields = [str(f) for f in type(theirs).__match_args__]
    assert type(ours).__name__ == type(theirs).__name__
    assert list(ours._fields) == fields
    for field in fields:
        a, b = getattr(ours, field), getattr(theirs, field)
        assert (str(a.dtype), tuple(a.shape)) == (str(b.dtype), tuple(b.shape)), field


SHAPES: dict[str, Function] = {
    "svd": lambda lib, a: [abs(x) for x in lib.linalg.svd(a, full_matrices=False)],
    "svd full": lambda lib, a: [tuple(x.shape) for x in lib.linalg.svd(a)],
    "qr": lambda lib, a: [abs(x) for x in lib.linalg.qr(a)],
    "qr complete": lambda lib, a: [tuple(x.shape) for x in lib.linalg.qr(a, "complete")],
    "qr r": lambda lib, a: abs(lib.linalg.qr(a, "r")[1]),
    "lu": lambda lib, a: list(lib.linalg.lu(a)),
    "pinv": lambda lib, a: lib.linalg.pinv(a),
    "matrix_rank": lambda lib, a: lib.linalg.matrix_rank(a),
    "matrix_norm": lambda lib, a: [lib.linalg.matrix_norm(a, p, keepdim=True) for p in ("fro", "nuc", 1, 2)],
}
SQUARE: dict[str, Function] = {
    "inv": lambda lib, a: lib.linalg.inv(a),
    "solve": lambda lib, a: lib.linalg.solve(a, a),
    "det": lambda lib, a: lib.linalg.det(a),
    "slogdet": lambda lib, a: list(lib.linalg.slogdet(a)),
    "cholesky": lambda lib, a: lib.linalg.cholesky(a @ a.mT),
    "eigvalsh": lambda lib, a: lib.linalg.eigvalsh(a),
    "matrix_exp": lambda lib, a: lib.linalg.matrix_exp(a / 8),
    "matrix_power": lambda lib, a: lib.linalg.matrix_power(a, 3),
    "ldl": lambda lib, a: lib.linalg.ldl_solve(*lib.linalg.ldl_factor(a + a.mT), a),
}


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 1, 2, 4), (0, 3, 2), (3, 0), (0, 0), (2, 0, 3)])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, shape: tuple[int, ...]) -> None:
    values = matrix(*shape)
    program = SHAPES[name]
    theirs = plain(program(torch, torch.tensor(values)))
    ours = plain(program(mindtorch, mindtorch.from_numpy(values)))
    assert_same(ours, theirs, 1e-9, 1e-10)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (2, 1, 2, 2), (0, 3, 3), (0, 0), (2, 0, 0)])
@pytest.mark.parametrize("name", SQUARE)
def test_square_shapes(name: str, shape: tuple[int, ...]) -> None:
    values = matrix(*shape)
    program = SQUARE[name]
    theirs = plain(program(torch, torch.tensor(values)))
    ours = plain(program(mindtorch, mindtorch.from_numpy(values)))
    assert_same(ours, theirs, 1e-9, 1e-10)


def test_matrices_are_column_major_as_pytorchs() -> None:
    values = matrix(2, 3, 3)
    calls: list[Function] = [
        lambda lib, a: lib.linalg.inv(a),
        lambda lib, a: lib.linalg.svd(a)[0],
        lambda lib, a: lib.linalg.qr(a)[0],
        lambda lib, a: lib.linalg.lu_factor(a)[0],
        lambda lib, a: lib.linalg.cholesky(a @ a.mT),
        lambda lib, a: lib.linalg.solve(a, a),
    ]
    for call in calls:
        theirs = call(torch, torch.tensor(values))
        assert tuple(call(mindtorch, mindtorch.from_numpy(values)).stride()) == theirs.stride()


def test_float32_stays_float32() -> None:
    """The kernels work in the operands' precision: single precision shows in what is left of an inverse."""
    a = mindtorch.from_numpy(matrix(20, 20).astype(np.float32))
    for t in (mindtorch.linalg.inv(a), *mindtorch.linalg.svd(a), *mindtorch.linalg.qr(a), mindtorch.matrix_exp(a / 64)):
        assert t.dtype is mindtorch.float32
    rest = (mindtorch.linalg.inv(a).double() @ a.double() - mindtorch.eye(20, dtype=mindtorch.float64)).abs().max()
    assert 1e-9 < float(rest) < 1e-4


ERRORS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("inv singular", lambda lib: lib.linalg.inv(lib.zeros(2, 2)), "The diagonal element 1 is zero"),
    ("inv batch", lambda lib: lib.linalg.inv(lib.stack([lib.eye(2), lib.zeros(2, 2)])), "(Batch element 1)"),
    ("solve singular", lambda lib: lib.linalg.solve(lib.zeros(2, 2), lib.ones(2)), "input matrix is singular"),
    ("cholesky", lambda lib: lib.linalg.cholesky(-lib.eye(2)), "the leading minor of order 1"),
    ("not square", lambda lib: lib.linalg.inv(lib.ones(2, 3)), "must be batches of square matrices"),
    ("one dimension", lambda lib: lib.linalg.svd(lib.ones(2)), "must have at least 2 dimensions"),
    ("integers", lambda lib: lib.linalg.inv(lib.ones(2, 2, dtype=lib.int64)), "Got Long"),
    ("half", lambda lib: lib.linalg.inv(lib.ones(2, 2, dtype=lib.bfloat16)), "Low precision dtypes not supported"),
    ("nan", lambda lib: lib.linalg.svd(lib.full((2, 2), float("nan"))), "non-finite values"),
    ("eig nan", lambda lib: lib.linalg.eig(lib.full((2, 2), float("nan"))), "infs or NaNs"),
    ("qr mode", lambda lib: lib.linalg.qr(lib.eye(2), mode="full"), "unrecognized mode 'full'"),
    ("qr complete gradient",
     lambda lib: lib.linalg.qr(lib.ones(3, 2, requires_grad=True), "complete")[0].sum().backward(),
     "not differentiable when mode='complete' and nrows > ncols"),
    ("norm order", lambda lib: lib.linalg.matrix_norm(lib.eye(2), 3), "Order 3 not supported"),
    ("empty norm", lambda lib: lib.linalg.vector_norm(lib.ones(0), -1), "does not have an identity"),
    ("dtypes", lambda lib: lib.linalg.solve(lib.eye(2), lib.eye(2, dtype=lib.float64)), "same dtype"),
    ("inner", lambda lib: lib.inner(lib.ones(2), lib.ones(3)), "the last dimension must match"),
    ("tensordot", lambda lib: lib.tensordot(lib.ones(2, 3), lib.ones(2, 3), 1), "contracted dimensions need to match"),
    ("cross", lambda lib: lib.linalg.cross(lib.ones(2), lib.ones(2)), "must have length 3"),
    ("multi_dot", lambda lib: lib.linalg.multi_dot([lib.eye(2)]), "expected at least 2 tensors"),
    ("trace", lambda lib: lib.trace(lib.ones(3)), "expected a matrix"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "text"), [pytest.param(p, t, id=n) for n, p, t in ERRORS])
def test_errors(program: Callable[[Any], Any], text: str) -> None:
    same_error(program, text)


def test_singular_matrices_raise_linalg_error() -> None:
    with pytest.raises(mindtorch.linalg.LinAlgError):
        mindtorch.linalg.inv(mindtorch.zeros(2, 2))


def test_low_rank_factors_restore_the_matrix() -> None:
    mindtorch.manual_seed(0)
    a = mindtorch.from_numpy(matrix(6, 3) @ matrix(3, 5))
    u, s, v = mindtorch.svd_lowrank(a, q=4)
    np.testing.assert_allclose((u * s @ v.mT).numpy(), a.numpy(), atol=1e-10)
    u, s, v = mindtorch.pca_lowrank(a, q=4)
    np.testing.assert_allclose((u * s @ v.mT).numpy(), (a - a.mean(0)).numpy(), atol=1e-10)
