"""Elementwise kernels. Operands broadcast; binary ones have one common dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import ANY, BOOL, FLOAT32, FLOATS, INTEGERS, LONG, NUMBERS, direct, served

Function = Callable[..., Any]
MINT = "mindspore.mint"

direct(
    FLOATS, MINT, "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "erfc", "erfinv",
    "exp", "exp2", "expm1", "floor", "frac", "log", "log10", "log1p", "log2", "reciprocal", "round", "rsqrt", "sigmoid",
    "sin", "sinc", "sinh", "sqrt", "tan", "tanh", "trunc", "isfinite", "isinf", "isnan", "atan2", "logaddexp",
    "logaddexp2", "xlogy", "div", "pow",
)  # fmt: skip
direct(FLOATS, f"{MINT}.nn.functional", "relu", "silu", "softplus")
direct(NUMBERS, MINT, "add", "sub", "mul", "maximum", "minimum")
direct(FLOATS | LONG, MINT, "abs", "neg", "floor_divide", "fmod", "remainder", "sign", sgn="sign")
direct(ANY, MINT, "eq", "ne", "lt", "le", "gt", "ge")
direct(BOOL, MINT, "logical_not", "logical_and", "logical_or", "logical_xor")
direct(INTEGERS | BOOL, MINT, "bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor")
direct(LONG, MINT, "gcd")
direct(LONG, "mindspore.ops", "lcm")
direct(FLOAT32, "mindspore.ops", "hypot", "logit")


@served(f"{MINT}.where", dtypes=ANY, key=1)
def where(f: Function, condition: Any, x: Any, y: Any) -> Any:
    return f(condition, x, y)


@served(f"{MINT}.div", dtypes=FLOATS | LONG)
def trunc_divide(f: Function, x: Any, y: Any) -> Any:
    return f(x, y, rounding_mode="trunc")


@served(f"{MINT}.maximum", f"{MINT}.isnan", f"{MINT}.where", dtypes=FLOATS)
def fmax(extreme: Function, isnan: Function, where: Function, x: Any, y: Any) -> Any:
    """A nan loses: MindSpore documents ``ops.fmax`` for the CPU only."""
    return where(isnan(x), y, where(isnan(y), x, extreme(x, y)))


@served(f"{MINT}.minimum", f"{MINT}.isnan", f"{MINT}.where", dtypes=FLOATS)
def fmin(extreme: Function, isnan: Function, where: Function, x: Any, y: Any) -> Any:
    return where(isnan(x), y, where(isnan(y), x, extreme(x, y)))


@served(f"{MINT}.eq", f"{MINT}.gt", f"{MINT}.where", "mindspore.ops.cast", dtypes=FLOATS | LONG)
def heaviside(eq: Function, gt: Function, where: Function, cast: Function, x: Any, values: Any) -> Any:
    return where(eq(x, 0), values, cast(gt(x, 0), x.dtype))


@served(f"{MINT}.erfc", f"{MINT}.mul", dtypes=FLOATS)
def ndtr(erfc: Function, mul: Function, x: Any) -> Any:
    return mul(erfc(mul(x, -(0.5**0.5))), 0.5)


def _outside(logical_or: Function, lt: Function, ge: Function, y: Any, bits: int) -> Any:
    """Where `y` is no distance within a word."""
    return logical_or(lt(y, 0), ge(y, bits))


_COMPARE = tuple(f"{MINT}.{n}" for n in ("logical_or", "lt", "ge", "where"))


@served("mindspore.ops.bitwise_left_shift", *_COMPARE, dtypes=LONG)
def left_shift(
    shift: Function, logical_or: Function, lt: Function, ge: Function, where: Function, x: Any, y: Any
) -> Any:
    """Shifts by negative distances, or by all bits and more, give 0."""
    outside = _outside(logical_or, lt, ge, y, x.itemsize * 8)
    return where(outside, 0, shift(x, where(outside, 0, y)))


@served("mindspore.ops.bitwise_right_shift", *_COMPARE, dtypes=LONG)
def right_shift(
    shift: Function, logical_or: Function, lt: Function, ge: Function, where: Function, x: Any, y: Any
) -> Any:
    """Shifts by negative distances, or by all bits and more, leave copies of the sign bit."""
    bits = x.itemsize * 8
    return shift(x, where(_outside(logical_or, lt, ge, y, bits), bits - 1, y))
