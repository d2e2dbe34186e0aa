"""Type promotion against PyTorch: every pair of dtypes and kind of operand, for every operator of two operands."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
)  # fmt: skip
NUMBERS = (True, 2, 2.5)
OPERATORS = (
    "add", "sub", "mul", "div", "true_divide", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum",
    "fmax", "fmin", "atan2", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "rsub", "copysign",
    "hypot", "logaddexp", "logaddexp2", "nextafter", "heaviside", "gcd", "lcm", "ldexp", "float_power", "xlogy",
    "igamma", "igammac", "clamp_min", "clamp_max", "special.xlog1py", "special.zeta",
    "special.chebyshev_polynomial_t", "special.hermite_polynomial_he", "result_type", "isin", "dot_add", "dot_mul",
    "dot_truediv", "dot_floordiv", "dot_mod", "dot_pow", "dot_rtruediv", "dot_rpow", "dot_iadd", "dot_imul",
    "dot_itruediv", "dot_ipow", "where", "div_floor", "div_trunc", "addcmul", "lerp", "add_alpha", "sub_alpha",
    "cat", "stack", "clamp", "clamp of both", "clamp_max of a name", "lerp by the second", "masked_fill", "index_fill",
    "fill_", "copy_", "isclose", "out_add", "out_div", "out_eq",
)  # fmt: skip
PRECISION = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-5, "float64": 1e-5, "complex64": 1e-5,
             "complex128": 1e-5, "complex32": 2e-3}  # fmt: skip


def _function(library: Any, name: str) -> Callable[[Any, Any], Any]:
    if name.startswith("dot_"):
        dunder = f"__{name.removeprefix('dot_')}__"
        return lambda a, b: getattr(a, dunder)(b)
    composed: dict[str, Callable[[Any, Any], Any]] = {
        "where": lambda a, b: library.where(library.tensor([True, False, True]), a, b),
        "div_floor": lambda a, b: library.div(a, b, rounding_mode="floor"),
        "div_trunc": lambda a, b: library.div(a, b, rounding_mode="trunc"),
        "addcmul": lambda a, b: library.addcmul(a, b, b, value=2),
        "lerp": lambda a, b: library.lerp(a, b, 0.5),
        "add_alpha": lambda a, b: library.add(a, b, alpha=2),
        "sub_alpha": lambda a, b: library.sub(a, b, alpha=2),
        "cat": lambda a, b: library.cat([a, b]),
        "stack": lambda a, b: library.stack([a, b]),
        "clamp of both": lambda a, b: library.clamp(a, b, b),
        "clamp_max of a name": lambda a, b: library.clamp(a, max=b),
        "lerp by the second": lambda a, b: library.lerp(a, a, b),
        "masked_fill": lambda a, b: a.masked_fill(library.tensor([True, False, True]), b),
        "index_fill": lambda a, b: a.index_fill(0, library.tensor([0]), b),
        "fill_": lambda a, b: a.clone().fill_(b),
        "copy_": lambda a, b: a.clone().copy_(b),
        "out_add": lambda a, b: library.add(a, a, out=library.empty(0, dtype=b.dtype)),
        "out_div": lambda a, b: library.div(a, a, out=library.empty(0, dtype=b.dtype)),
        "out_eq": lambda a, b: library.eq(a, a, out=library.empty(0, dtype=b.dtype)),
    }
    if name in composed:
        return composed[name]
    if name.endswith("_"):
        return lambda a, b: getattr(a.clone(), name)(b)
    value = library
    for part in name.split("."):
        value = getattr(value, part)
    return value  # type: ignore[no-any-return]


def _tensor(library: Any, dtype: str, dims: int, second: bool) -> Any:
    values = [1, 0, 3] if not second else [1, 2, 2]
    d = getattr(library, dtype)
    return library.tensor(values, dtype=d) if dims else library.tensor(2, dtype=d)


def _operands(library: Any, kind: str) -> list[tuple[str, Any, Any]]:
    """All pairs of one kind, labelled."""
    if kind == "tensor-tensor":
        shapes = (1, 1)
    elif kind == "tensor-0d":
        shapes = (1, 0)
    elif kind == "0d-tensor":
        shapes = (0, 1)
    elif kind == "0d-0d":
        shapes = (0, 0)
    else:
        found = []
        for d, n in itertools.product(DTYPES, NUMBERS):
            t = _tensor(library, d, 0 if "0d" in kind else 1, False)
            found.append((f"{d} {n}", t, n) if not kind.startswith("number") else (f"{n} {d}", n, t))
        return found
    return [
        (f"{a} {b}", _tensor(library, a, shapes[0], False), _tensor(library, b, shapes[1], True))
        for a, b in itertools.product(DTYPES, DTYPES)
    ]


def _outcome(f: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f(a, b)
    except Exception as error:
        return error


def _plain(t: Any) -> np.ndarray:
    t = t.float() if "bfloat16" in str(t.dtype) else t.cfloat() if "complex32" in str(t.dtype) else t
    return np.asarray(t.detach().numpy())


def _difference(found: Any, expected: Any) -> str | None:
    if isinstance(expected, Exception):
        if isinstance(found, Exception):
            # PyTorch raises its NotImplementedError, a kind of RuntimeError, by accident of how a kernel is written.
            same = isinstance(found, type(expected)) or isinstance(expected, type(found))
            return None if same else f"raises {found!r}, not {expected!r}"
        return f"gives {found!r}, where PyTorch raises {expected!r}"
    if isinstance(found, Exception):
        return f"raises {found!r}"
    if not isinstance(expected, torch.Tensor):
        return None if str(found) == str(expected) else f"{found}, not {expected}"
    if str(found.dtype) != str(expected.dtype):
        return f"{found.dtype}, not {expected.dtype}"
    if tuple(found.shape) != tuple(expected.shape):
        return f"shape {tuple(found.shape)}, not {tuple(expected.shape)}"
    tolerance = PRECISION.get(str(expected.dtype).removeprefix("torch."), 0.0)
    x, y = _plain(found), _plain(expected)
    with np.errstate(all="ignore"):
        return None if np.allclose(x, y, tolerance, tolerance, equal_nan=True) else f"{x}, not {y}"


@pytest.mark.parametrize(
    "kind", ["tensor-tensor", "tensor-0d", "0d-tensor", "0d-0d", "tensor-number", "number-tensor", "0d-number"]
)
@pytest.mark.parametrize("name", OPERATORS)
def test_dtypes(name: str, kind: str) -> None:
    wrong = []
    ours, theirs = _function(mindtorch, name), _function(torch, name)
    for (label, a, b), (_, x, y) in zip(_operands(mindtorch, kind), _operands(torch, kind), strict=True):
        difference = _difference(_outcome(ours, a, b), _outcome(theirs, x, y))
        if difference is not None:
            wrong.append(f"{label}: {difference}")
    assert not wrong, f"{len(wrong)} pairs: " + "; ".join(wrong[:8])


COMPLEX = ("complex64", "complex128")
# Without those that PyTorch has no kernel of for complex32, which a float16 and a complex number promote to.
WITH_COMPLEX = (
    "add", "sub", "mul", "floor_divide", "remainder", "fmod", "maximum", "fmax", "atan2", "eq", "ne", "lt", "ge",
    "bitwise_and", "bitwise_left_shift", "rsub", "copysign", "hypot", "nextafter", "heaviside", "gcd", "igamma",
    "xlogy", "clamp_min", "special.xlog1py", "special.zeta", "special.hermite_polynomial_he", "isin", "result_type",
    "dot_add", "dot_mul", "dot_iadd", "dot_imul", "where", "div_floor", "addcmul", "stack", "clamp",
    "clamp_max of a name", "masked_fill", "index_fill", "fill_", "copy_", "isclose", "out_add", "out_eq", "add_",
    "mul_", "eq_",
)
INPLACE = (
    "add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "fmod_", "pow_", "atan2_", "copysign_", "hypot_",
    "eq_", "lt_", "bitwise_and_", "bitwise_or_", "bitwise_left_shift_", "logical_and_", "clamp_min_", "clamp_max_",
    "gcd_", "heaviside_", "nextafter_", "ldexp_", "float_power_", "xlogy_", "igamma_", "lerp_", "dot_isub",
    "dot_ifloordiv", "dot_imod", "dot_iand", "dot_ilshift", "dot_rsub", "dot_rfloordiv", "dot_rmod", "dot_rand",
    "dot_rlshift",
)


@pytest.mark.parametrize("name", INPLACE)
def test_dtypes_in_place(name: str) -> None:
    for kind in ("tensor-tensor", "tensor-0d", "0d-tensor", "0d-0d", "tensor-number", "0d-number"):
        test_dtypes(name, kind)


@pytest.mark.parametrize("name", WITH_COMPLEX)
def test_complex_dtypes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "DTYPES", ("bool", "uint8", "int64", "float16", "bfloat16", "float32",
                                                          "float64", *COMPLEX))  # fmt: skip
    monkeypatch.setattr(sys.modules[__name__], "NUMBERS", (2, 2.5, 1 + 2j))
    for kind in ("tensor-tensor", "tensor-0d", "0d-0d", "tensor-number", "0d-number"):
        test_dtypes(name, kind)


UNARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "erf", "erfc", "erfinv", "lgamma",
    "digamma", "neg", "abs", "floor", "ceil", "trunc", "frac", "sign", "sgn", "relu", "round", "isnan", "isinf",
    "isfinite", "signbit", "isposinf", "isneginf", "logical_not", "bitwise_not", "nan_to_num", "positive", "square",
    "deg2rad", "rad2deg", "frexp", "i0", "sinc", "logit", "special.i0e", "special.i1", "special.i1e", "special.entr",
    "special.erfcx", "special.ndtr", "special.ndtri", "special.log_ndtr", "special.airy_ai", "special.bessel_j0",
    "special.bessel_j1", "special.bessel_y0", "special.bessel_y1", "special.modified_bessel_i0",
    "special.modified_bessel_i1", "special.modified_bessel_k0", "special.modified_bessel_k1",
    "special.scaled_modified_bessel_k0", "special.scaled_modified_bessel_k1", "special.spherical_bessel_j0",
    "sum", "mean", "prod", "amax", "amin", "aminmax", "max", "min", "argmax", "argmin", "all", "any", "std", "var",
    "nansum", "nanmean", "count_nonzero", "norm", "trapezoid", "diff",
)  # fmt: skip


@pytest.mark.parametrize("dims", [0, 1])
@pytest.mark.parametrize("name", UNARY)
def test_dtypes_of_one_operand(name: str, dims: int) -> None:
    wrong = []
    ours, theirs = _function(mindtorch, name), _function(torch, name)
    for d in DTYPES:
        found = _outcome(lambda t, _: ours(t), _tensor(mindtorch, d, dims, False), None)
        expected = _outcome(lambda t, _: theirs(t), _tensor(torch, d, dims, False), None)
        if isinstance(expected, tuple) and isinstance(found, tuple):
            pairs = list(zip(found, expected, strict=True))
        else:
            pairs = [(found, expected)]
        wrong += [f"{d}: {difference}" for x, y in pairs if (difference := _difference(x, y)) is not None]
    assert not wrong, "; ".join(wrong)
