"""Special functions, polynomials, differences, integrals and operators on lists against PyTorch, at the edges, too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from side_by_side import same

EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-4, -1e-4, 0.1, 0.9, 1.5, 2.0, -2.0, -2.5, 3.7, 5.0, 6.0, -7.25, 10.0, 12.5,
    20.0, 30.0, -30.0, 55.5, 100.0, -100.0, 200.0, 1e4, float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
UNARY = (
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2",
    "expit", "expm1", "gammaln", "digamma", "psi", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "ndtr", "ndtri",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "sinc", "spherical_bessel_j0", "round",
)  # fmt: skip
BINARY = ("xlogy", "xlog1py", "zeta", "gammainc", "gammaincc")
POLYNOMIALS = (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
)  # fmt: skip
TOLERANCE = {"float32": 3e-5, "float64": 1e-7}
ROUGH = {"airy_ai": 1e-5, "bessel_y1": 1e-6}
"""PyTorch's own error in float64: its coefficients are those of single precision here and there."""


def _compare(found: Any, expected: torch.Tensor, dtype: str, label: np.ndarray, rough: float = 0.0) -> None:
    x, y = found.detach().numpy(), expected.detach().numpy()
    tolerance = max(TOLERANCE[dtype], rough)
    with np.errstate(all="ignore"):
        close = np.isclose(x, y, tolerance, tolerance, equal_nan=True)
    assert str(found.dtype) == str(expected.dtype)
    wrong = [(tuple(np.atleast_1d(a)), b, c) for a, b, c in zip(label, x, y, strict=True)]
    assert close.all(), [line for line, right in zip(wrong, close, strict=True) if not right][:10]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_one_operand_at_the_edges(name: str, dtype: str) -> None:
    values = np.array(EDGES, dtype)
    found = getattr(mindtorch.special, name)(mindtorch.tensor(values))
    _compare(found, getattr(torch.special, name)(torch.tensor(values)), dtype, values, ROUGH.get(name, 0.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["expm1", "log1p", "erf", "erfinv", "sin", "tanh", "sign"])
def test_small_numbers_keep_their_digits_and_nan_its_sign(name: str, dtype: str) -> None:
    values = np.array([1e-3, -1e-3, 1e-8, -1e-8, 1e-20, -1e-20, 1e-30, 0.0, np.nan], dtype)
    found = getattr(mindtorch, name)(mindtorch.tensor(values)).numpy()
    expected = getattr(torch, name)(torch.tensor(values)).numpy()
    assert np.allclose(found, expected, 1e-6, 0, equal_nan=True), (found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_two_operands_at_the_edges(name: str, dtype: str) -> None:
    a, b = (x.ravel() for x in np.meshgrid(np.array(EDGES, dtype), np.array(EDGES, dtype)))
    found = getattr(mindtorch.special, name)(mindtorch.tensor(a), mindtorch.tensor(b))
    expected = getattr(torch.special, name)(torch.tensor(a), torch.tensor(b))
    _compare(found, expected, dtype, np.stack([a, b], -1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_many_degrees(name: str, dtype: str) -> None:
    x = np.array([0, -0.0, 1, -1, 0.5, -0.3, 0.99, -0.99, 1.2, -1.7, 2, np.inf], dtype)
    n = np.array([-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 25, 2.7], dtype)
    a, b = (v.ravel() for v in np.meshgrid(x, n))
    found = getattr(mindtorch.special, name)(mindtorch.tensor(a), mindtorch.tensor(b))
    expected = getattr(torch.special, name)(torch.tensor(a), torch.tensor(b))
    _compare(found, expected, dtype, np.stack([a, b], -1))
    assert not found.requires_grad


@pytest.mark.parametrize("n", range(5))
def test_polygamma(n: int) -> None:
    values = [0.1, 0.5, 1.0, 2.5, 7.0, 30.0, -0.3, -1.7, float("inf"), float("nan")]
    same(lambda lib: lib.polygamma(n, lib.tensor(values, dtype=lib.float64)), rtol=1e-7)
    same(lambda lib: lib.tensor(values).polygamma(n), rtol=3e-5)


DIFFERENTIABLE: dict[str, Callable[[Any, Any], Any]] = {
    "i0": lambda lib, x: lib.i0(x),
    "i0e": lambda lib, x: lib.special.i0e(x),
    "i1": lambda lib, x: lib.special.i1(x),
    "i1e": lambda lib, x: lib.special.i1e(x),
    "erfcx": lambda lib, x: lib.special.erfcx(x),
    "log_ndtr": lambda lib, x: lib.special.log_ndtr(x),
    "ndtr": lambda lib, x: lib.special.ndtr(x),
    "sinc": lambda lib, x: lib.sinc(x),
    "digamma": lambda lib, x: lib.digamma(x),
    "polygamma": lambda lib, x: lib.polygamma(2, x),
    "mvlgamma": lambda lib, x: lib.mvlgamma(x.abs() + 3, 3),
    "cumprod": lambda lib, x: lib.cumprod(x, 0),
    "logcumsumexp": lambda lib, x: lib.logcumsumexp(x, 0),
    "xlogy": lambda lib, x: lib.xlogy(x, x.abs() + 1),
    "zeta": lambda lib, x: lib.special.zeta(3.0, x.abs() + 1),
    "igamma": lambda lib, x: lib.igamma(lib.full((5,), 2.0, dtype=x.dtype), x.abs() + 1),
    "logaddexp": lambda lib, x: lib.logaddexp(x, 2 * x),
    "hypot": lambda lib, x: lib.hypot(x + 0.5, 2 * x),
    "copysign": lambda lib, x: lib.copysign(x + 0.5, -x),
    "gradient": lambda lib, x: lib.gradient(x * x, spacing=0.5, edge_order=2)[0],
    "trapezoid": lambda lib, x: lib.trapezoid(x * x, lib.arange(5, dtype=x.dtype) ** 2),
    "diff": lambda lib, x: lib.diff(x * x, n=2),
    "nansum": lambda lib, x: lib.nansum(x * x),
    "float_power": lambda lib, x: lib.float_power(x.abs() + 1, 2.5),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_and_second_derivatives(name: str) -> None:
    f = DIFFERENTIABLE[name]

    def program(lib: Any) -> Any:
        x = lib.tensor([0.3, -1.2, 0.0 if name in ("cumprod", "i1") else 0.7, 2.1, 1.4], dtype=lib.float64)
        x.requires_grad_()
        y = f(lib, x)
        weights = lib.arange(1, y.numel() + 1, dtype=lib.float64).reshape(y.shape)
        (g,) = lib.autograd.grad((y * weights).sum(), x, create_graph=True)
        if not g.requires_grad or name == "i1":
            return [y, g]
        (h,) = lib.autograd.grad((g * g).sum(), x)
        return [y, g, h]

    same(program, rtol=1e-7, atol=1e-9)


def _lists(lib: Any) -> tuple[list[Any], list[Any]]:
    return [lib.tensor([0.5, 0.25]), lib.tensor([[0.75]])], [lib.tensor([0.1, 0.2]), lib.tensor([[0.3]])]


ONE_LIST = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma",
    "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc",
)  # fmt: skip


@pytest.mark.parametrize("name", ONE_LIST)
def test_functions_of_one_list(name: str) -> None:
    def program(lib: Any) -> Any:
        a, _ = _lists(lib)
        result = getattr(lib, f"_foreach_{name}")(a)
        getattr(lib, f"_foreach_{name}_")(a)
        return [list(result), a]

    same(program)


@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "div", "pow", "clamp_min", "clamp_max", "maximum", "minimum"]
)  # fmt: skip
def test_functions_of_two_lists(name: str) -> None:
    def program(lib: Any) -> Any:
        out = []
        for other in (_lists(lib)[1], 2.0, [2.0, 3.0]):
            a, _ = _lists(lib)
            out.append(list(getattr(lib, f"_foreach_{name}")(a, other)))
            getattr(lib, f"_foreach_{name}_")(a, other)
            out.append(a)
        return out

    same(program)


def test_other_functions_of_lists() -> None:
    def program(lib: Any) -> Any:
        a, b = _lists(lib)
        out = [
            list(lib._foreach_addcmul(a, b, b, value=2)), list(lib._foreach_addcdiv(a, a, b, [2.0, 3.0])),
            list(lib._foreach_addcdiv(a, a, b, lib.tensor([2.0, 3.0]))), list(lib._foreach_lerp(a, b, 0.3)),
            list(lib._foreach_lerp(a, b, b)), list(lib._foreach_norm(a)), list(lib._foreach_norm(a, 1)),
            list(lib._foreach_max(a)), list(lib._foreach_clone(a)), list(lib._foreach_pow(2.0, a)),
            list(lib._foreach_add(a, b, alpha=2)), list(lib._foreach_mul(a, lib.tensor(3.0))),
        ]  # fmt: skip
        lib._foreach_addcmul_(a, b, b, value=0.5)
        lib._foreach_lerp_(a, b, 0.25)
        out.append([t.clone() for t in a])
        lib._foreach_copy_(a, b)
        out.append([t.clone() for t in a])
        lib._foreach_zero_(a)
        return [*out, a]

    same(program)


@pytest.mark.parametrize("lib", [mindtorch, torch], ids=["mindtorch", "torch"])
def test_lists_that_do_not_match(lib: Any) -> None:
    a, b = _lists(lib)
    with pytest.raises(RuntimeError, match="same number of tensors"):
        lib._foreach_add(a, b[:1])
    with pytest.raises(RuntimeError, match="at least one tensor"):
        lib._foreach_sqrt([])
    with pytest.raises(RuntimeError, match="same number of elements as scalar list"):
        lib._foreach_mul(a, [1.0])


@pytest.mark.parametrize("lib", [mindtorch, torch], ids=["mindtorch", "torch"])
def test_results_written_to_a_given_tensor(lib: Any) -> None:
    out = lib.zeros(3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        lib.add(lib.ones(2), 1, out=out)
    assert tuple(out.shape) == (2,)
    assert any("An output with one or more elements was resized" in str(w.message) for w in seen)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        lib.exp(lib.ones(2), out=lib.zeros(2, dtype=lib.int64))
    with pytest.raises(RuntimeError):
        lib.amax(lib.ones(2), 0, out=lib.zeros((), dtype=lib.float64))
    with pytest.raises(RuntimeError, match="only supports bool tensor for result"):
        lib.all(lib.ones(2), out=lib.zeros(()))
    with pytest.raises(TypeError, match="out"):
        lib.add(lib.ones(2), 1, out="x")
    whole = lib.zeros(2, dtype=lib.int64)
    lib.cumsum(lib.tensor([1.5, 2.5]), 0, out=whole)
    assert whole.tolist() == [1, 3]


@pytest.mark.parametrize("lib", [mindtorch, torch], ids=["mindtorch", "torch"])
def test_operands_that_are_refused(lib: Any) -> None:
    x = lib.ones(2)
    for call in (
        lambda: lib.eq(2, x), lambda: lib.maximum(x, 2), lambda: lib.logical_and(x, True), lambda: lib.add(x, None),
        lambda: x.add_("a"), lambda: x + "a", lambda: lib.fmod(2, x), lambda: lib.pow(2, 3),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    assert (x == "a") is False
    assert x.__add__("a") is NotImplemented
