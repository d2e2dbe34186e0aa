"""Elementwise kernels. Operands broadcast; binary ones have one common dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ._blocks import each_block, shared
from ._registry import kernel, register

for _name, _ufunc in {
    "abs": np.absolute, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor,
    "ceil": np.ceil, "trunc": np.trunc, "round": np.rint, "bitwise_not": np.invert,
    "atan2": np.arctan2, "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "hypot": np.hypot, "copysign": np.copysign,
    "logaddexp2": np.logaddexp2, "gcd": np.gcd, "lcm": np.lcm,
}.items():  # fmt: skip
    register(_name, _ufunc)

for _name, _ufunc in {
    "neg": np.negative, "sqrt": np.sqrt, "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide,
}.items():  # fmt: skip
    register(_name, shared(_ufunc))

for _name, _ufunc in {
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit, "eq": np.equal,
    "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "logical_not": np.logical_not, "logical_and": np.logical_and, "logical_or": np.logical_or,
    "logical_xor": np.logical_xor, "nextafter": np.nextafter,
}.items():  # fmt: skip
    register(_name, _ufunc, exact=True)


def _as(x: Any, like: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=like.dtype)


@kernel()
def rsqrt(x: np.ndarray) -> np.ndarray:
    return _as(1, x) / np.sqrt(x)


@kernel()
def reciprocal(x: np.ndarray) -> np.ndarray:
    return _as(1, x) / x


@kernel()
def sigmoid(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "c":
        return _as(1, x) / (_as(1, x) + np.exp(-x))
    return special.expit(x)


@kernel()
def erf(x: np.ndarray) -> np.ndarray:
    return _as(special.erf(x), x)


@kernel()
def erfc(x: np.ndarray) -> np.ndarray:
    return _as(special.erfc(x), x)


@kernel()
def erfinv(x: np.ndarray) -> np.ndarray:
    return _as(np.copysign(special.erfinv(x), x), x)


@kernel()
def lgamma(x: np.ndarray) -> np.ndarray:
    return _as(np.where(np.isinf(x), np.inf, special.gammaln(x)), x)


@kernel()
def digamma(x: np.ndarray) -> np.ndarray:
    # PyTorch: digamma(+-0) is -+inf, and nan at negative integers.
    return _as(np.where(x == 0, np.copysign(np.inf, -x), special.digamma(x)), x)


@kernel()
def sign(x: np.ndarray) -> np.ndarray:
    """The sign; 0 for nan, as PyTorch has it."""
    if x.dtype.kind == "f":
        return np.subtract(x > 0, x < 0, dtype=np.int8).astype(x.dtype)
    return x.copy() if x.dtype == np.bool_ else np.sign(x)


@kernel()
def frac(x: np.ndarray) -> np.ndarray:
    return x - np.trunc(x)


@kernel()
def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, _as(0, x))


@kernel()
def floor_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iub" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    if x.dtype.kind == "f":
        return np.where(y == 0, x / y, np.floor_divide(x, y))
    return np.floor_divide(x, y)


@kernel()
def trunc_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    if not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    quotient = np.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(x.dtype)


@kernel()
def remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iub" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return np.remainder(x, y)


@kernel()
def fmod(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iub" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return np.fmod(x, y)


@kernel(exact=True)
def where(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    for number, array in ((x, y), (y, x)):
        if not number.ndim and np.broadcast_shapes(array.shape, condition.shape) == array.shape != ():
            return _chosen(condition, x, y, np.empty(array.shape, array.dtype))
    return np.where(condition, x, y)


def _chosen(condition: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
    """``np.where`` of an array and a number into ``out``: takes half of its time."""
    condition, x, y = (np.broadcast_to(a, out.shape) for a in (condition, x, y))

    def compute(rows: slice) -> None:
        np.copyto(out[rows], y[rows])
        np.copyto(out[rows], x[rows], where=condition[rows])

    each_block(compute, len(out), out.size // max(len(out), 1))
    return out


@kernel(exact=True)
def heaviside(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(x == 0, values, (x > 0).astype(x.dtype))


@kernel()
def frexp(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mantissa, exponent = np.frexp(x)
    return mantissa, np.where(np.isfinite(x), exponent, 0).astype(np.int32)


@kernel(exact=True)
def isin(x: np.ndarray, among: np.ndarray, invert: bool) -> np.ndarray:
    return np.isin(x, among, invert=invert)


def _too_far(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (y < 0) | (y >= x.dtype.itemsize * 8)


@kernel(exact=True)
def left_shift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Shifts by negative distances, or by all bits and more, give 0."""
    far = _too_far(x, y)
    return np.where(far, np.zeros_like(x), np.left_shift(x, np.where(far, 0, y).astype(x.dtype)))


@kernel(exact=True)
def right_shift(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Shifts by negative distances, or by all bits and more, leave copies of the sign bit."""
    bits = x.dtype.itemsize * 8
    far = _too_far(x, y)
    if x.dtype.kind == "u":
        return np.where(far, np.zeros_like(x), np.right_shift(x, np.where(far, 0, y).astype(x.dtype)))
    return np.right_shift(x, np.where(far, bits - 1, y).astype(x.dtype))


@kernel()
def pow_(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Integers to negative powers are 0, but for 1 and -1."""
    if x.dtype.kind != "i" or not np.any(y < 0):
        return np.power(x, y)
    unit = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0))
    return np.where(y < 0, unit, np.power(x, np.maximum(y, 0))).astype(x.dtype)
