"""Complex numbers beside PyTorch: gradients, views over parts, promotion, printing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

_RNG = np.random.default_rng(0)
MATRIX = _RNG.standard_normal((3, 4)) + 1j * _RNG.standard_normal((3, 4))

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "exp": lambda t, x: x.exp(),
    "log": lambda t, x: x.log(),
    "sqrt": lambda t, x: x.sqrt(),
    "tanh": lambda t, x: x.tanh(),
    "asin": lambda t, x: x.asin(),
    "acosh": lambda t, x: x.acosh(),
    "sigmoid": lambda t, x: x.sigmoid(),
    "abs": lambda t, x: x.abs(),
    "sgn": lambda t, x: x.sgn(),
    "angle": lambda t, x: x.angle(),
    "conj times": lambda t, x: x.conj() * x.sin(),
    "mixed with real": lambda t, x: x * x.real / (x.imag + 3),
    "pow": lambda t, x: x ** (2.5 + 1j),
    "tensor pow": lambda t, x: x**x,
    "hermitian product": lambda t, x: x @ x.mH,
    "einsum": lambda t, x: t.einsum("ij,kj->ik", x, x),
    "vdot": lambda t, x: t.vdot(x[0], x[1]),
    "prod": lambda t, x: x.prod(1),
    "cumprod": lambda t, x: x.cumprod(1),
    "var": lambda t, x: x.var(0),
    "vector_norm": lambda t, x: t.linalg.vector_norm(x, 3, 1),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "polar": lambda t, x: t.polar(x.abs(), x.real),
    "complex": lambda t, x: t.complex(x.imag, x.real),
    "cat with real": lambda t, x: t.cat([x, x.real]),
    "copy from real": lambda t, x: t.zeros(3, 4, dtype=t.complex128).copy_(x.real),
    "indexing": lambda t, x: x[:, [0, 0, 1]],
    "masked_fill": lambda t, x: x.masked_fill(x.real > 0, 1j),
}


def _plain(values: list[Any]) -> list[np.ndarray]:
    return [np.asarray(v.detach().resolve_conj().numpy()) for v in values]


def _same(program: Callable[[Any, Any], list[Any]]) -> None:
    expected, found = (_plain(program(t, t.tensor(MATRIX, requires_grad=True))) for t in (torch, mindtorch))
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, 1e-9, 1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_and_their_gradients(name: str) -> None:
    def program(t: Any, x: Any) -> list[Any]:
        y = FUNCTIONS[name](t, x)
        (first,) = t.autograd.grad((y.abs() ** 2).sum(), x, create_graph=True)
        return [y, first, *t.autograd.grad((first.abs() ** 3).sum(), x)]

    _same(program)


def _through_parts(t: Any, x: Any) -> list[Any]:
    y = x * 1
    y.real.mul_(3)
    y.imag[0] = 2
    return [y, *t.autograd.grad((y * y).abs().sum(), x)]


def _through_view_as_real(t: Any, x: Any) -> list[Any]:
    y = x * (1 + 2j)
    parts = t.view_as_real(y)
    parts[..., 1] *= 3
    return [y, parts, *t.autograd.grad((parts**3).sum() + (y * y.conj()).real.sum(), x)]


def _through_view_as_complex(t: Any, x: Any) -> list[Any]:
    parts = t.view_as_real(x) * 2
    whole = t.view_as_complex(parts)
    whole.mul_(1j)
    parts[0, 0, 0] = 5
    return [whole, parts, *t.autograd.grad((parts**2).sum() + whole.abs().sum(), x)]


def _part_of_what_was_written(t: Any, x: Any) -> list[Any]:
    y = x * 1
    part = y.real
    y.mul_(2j)
    return [part, *t.autograd.grad((part * part).sum(), x)]


def _setters(t: Any, x: Any) -> list[Any]:
    y = x.detach().clone()
    y.real = t.ones(3, 4, dtype=t.float64)
    y.imag = 7
    return [y]


@pytest.mark.parametrize(
    "program",
    [_through_parts, _through_view_as_real, _through_view_as_complex, _part_of_what_was_written, _setters],
)
def test_views_share_memory_and_history(program: Callable[[Any, Any], list[Any]]) -> None:
    _same(program)


DTYPES = ("bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128")


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize("name", DTYPES)
def test_promotion(name: str) -> None:
    def results(t: Any) -> list[str]:
        d = getattr(t, name)
        found = [t.promote_types(d, getattr(t, other)) for other in DTYPES]
        found += [t.result_type(t.zeros(2, dtype=d), t.zeros((), dtype=getattr(t, other))) for other in DTYPES]
        found += [t.result_type(t.zeros(shape, dtype=d), number) for shape in ((), (2,)) for number in (1j, 1.0, 2)]
        return [str(d) for d in found]

    assert results(mindtorch) == results(torch)


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize(
    "values",
    [1j, [], [1 + 2j], [1.5 - 2j, 3e6 + 1e-5j], [[1 + 1j, 2 - 2.25j]] * 3, [complex("nan"), complex("inf"), -0.0j]],
    ids=str,
)
@pytest.mark.parametrize("name", ["complex32", "complex64", "complex128"])
def test_printing(values: Any, name: str) -> None:
    assert repr(mindtorch.tensor(values, dtype=getattr(mindtorch, name))) == repr(
        torch.tensor(values, dtype=getattr(torch, name))
    )


@pytest.mark.parametrize("scale", [1, 1000, 1e-6])
@pytest.mark.parametrize("shape", [(30, 40), (2, 3, 50), (2000,)], ids=str)
def test_printing_of_many(shape: tuple[int, ...], scale: float) -> None:
    rng = np.random.default_rng(1)
    a = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * scale
    assert repr(mindtorch.from_numpy(a)) == repr(torch.from_numpy(a))


def test_half_precision_is_stored_and_cast_only() -> None:
    x = mindtorch.tensor([1.5 + 2j, -3j]).chalf()
    assert x.dtype is mindtorch.complex32
    assert x.element_size() == 4
    assert mindtorch.view_as_real(x).tolist() == [[1.5, 2.0], [0.0, -3.0]]
    assert x.cfloat().tolist() == x.tolist() == [1.5 + 2j, -3j]
    with pytest.raises(NotImplementedError, match="ComplexHalf"):
        x.exp()


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "backward of a complex scalar": lambda t, x: (x * 2).sum().backward(),
    "order": lambda t, x: x < x,
    "amax": lambda t, x: x.amax(),
    "floor": lambda t, x: x.floor(),
    "clamp": lambda t, x: x.clamp(0, 1),
    "remainder": lambda t, x: x % 2,
    "parts of real numbers": lambda t, x: t.view_as_real(x.real),
    "an odd last stride": lambda t, x: t.view_as_complex(x.real),
    "imag of real numbers": lambda t, x: x.real.imag,
    "H of a vector": lambda t, x: x[0].H,
    "complex parts": lambda t, x: t.complex(x, x),
    "parts of two dtypes": lambda t, x: t.complex(x.real, x.real.float()),
    "abs in place": lambda t, x: x.detach().abs_(),
    "complex into real": lambda t, x: t.zeros(3).add_(1j),
    "float of a complex number": lambda t, x: float(t.tensor(1j)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_real_numbers_is_refused(name: str) -> None:
    with pytest.raises(RuntimeError):
        REFUSED[name](torch, torch.tensor(MATRIX, requires_grad=True))
    with pytest.raises(RuntimeError):
        REFUSED[name](mindtorch, mindtorch.tensor(MATRIX, requires_grad=True))
