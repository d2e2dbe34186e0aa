"""Elementwise operators of one operand."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from .._array import Array
from .._dtype import BOOL, FLOATING, INTEGRAL, dtype
from .._tensor import Tensor
from ..kernels import call
from ._fused import fused, product, usable
from ._prim import Prim
from ._promote import cast, float_type
from ._registry import op, type_name

_NO_BOOL = {
    "neg": "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
    "`~` or `logical_not()` operator instead.",
    "relu": "Boolean inputs not supported for relu",
}
_SQRT_PI = math.sqrt(math.pi)


def _refused(d: dtype, takes: str) -> bool:
    return d.is_low if takes == "wide" else d.category < (INTEGRAL if takes == "numbers" else FLOATING)


def _not_implemented(name: str, d: dtype) -> RuntimeError:
    if d.category == BOOL and name in _NO_BOOL:
        return RuntimeError(_NO_BOOL[name])
    return NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")


def unary(
    name: str,
    grad: Callable[[Any, Tensor], Tensor] | None,
    *,
    to_float: bool = True,
    save: str = "input",
    aliases: tuple[str, ...] = (),
    module: str = "",
    dunder: tuple[str, ...] = (),
    integers_unchanged: bool = False,
    node_name: str | None = None,
    kernel: str | None = None,
    takes: str = "",
) -> None:
    """Declare ``name(input)``.

    `grad(ctx, g)` is the backward (None: not differentiable); `save` says whether it needs the "input", the "result",
    "both" or neither (""). `takes`: "numbers" (no bools), "floats", "wide" (no float16 and
    bfloat16), or all dtypes (""). Functions of other modules than ``torch`` are no methods.
    """

    def forward(a: Array) -> Array:
        d = float_type(a.dtype) if to_float else a.dtype
        if takes and _refused(d, takes):
            raise _not_implemented(name, d)
        if integers_unchanged and d.category <= INTEGRAL:
            return a.clone()
        return call(kernel or name, cast(a, d))

    prim = Prim(
        name,
        forward,
        None if grad is None else lambda ctx, g: (grad(ctx, g),),
        save=(0,) if save in ("input", "both") else (),
        save_out=(0,) if save in ("result", "both") else (),
        node_name=node_name,
    )

    in_torch = module == ""

    @op(name, out=True, inplace=in_torch, aliases=aliases, module=module, dunder=dunder, method=in_torch)
    def declared(input: Tensor) -> Tensor:
        return prim((input,))


def _from_result(kernel: str, formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """A gradient that is made from the result, by one kernel where the formula is not to be differentiated."""

    def grad(c: Any, g: Tensor) -> Tensor:
        y = c.result()
        return fused(kernel, g, y) if usable(g) else formula(g, y)

    return grad


unary("exp", lambda c, g: product(g, c.result()), save="result")
unary("exp2", lambda c, g: g * c.result() * math.log(2), save="result")
unary("expm1", lambda c, g: g * (c.result() + 1), save="result")
unary("log", lambda c, g: g / c.input(0))
unary("log2", lambda c, g: g / (c.input(0) * math.log(2)))
unary("log10", lambda c, g: g / (c.input(0) * math.log(10)))
unary("log1p", lambda c, g: g / (c.input(0) + 1))
unary("sqrt", lambda c, g: g / (c.result() * 2), save="result")
unary("rsqrt", lambda c, g: g * -0.5 * c.result().pow(3), save="result")
unary("reciprocal", lambda c, g: -g * c.result() * c.result(), save="result")
unary("sin", lambda c, g: g * c.input(0).cos())
unary("cos", lambda c, g: g * -c.input(0).sin())
unary("tan", lambda c, g: g * (1 + c.result().pow(2)), save="result")
unary("asin", lambda c, g: g * (1 - c.input(0) * c.input(0)).rsqrt(), aliases=("arcsin",))
unary("acos", lambda c, g: g * -(1 - c.input(0) * c.input(0)).rsqrt(), aliases=("arccos",))
unary("atan", lambda c, g: g / (c.input(0) * c.input(0) + 1), aliases=("arctan",))
unary("sinh", lambda c, g: g * c.input(0).cosh())
unary("cosh", lambda c, g: g * c.input(0).sinh())
unary("tanh", _from_result("tanh_backward", lambda g, y: g * (1 - y * y)), save="result")
unary("asinh", lambda c, g: g * (c.input(0).pow(2) + 1).rsqrt(), aliases=("arcsinh",))
unary("acosh", lambda c, g: g * (c.input(0) - 1).rsqrt() * (c.input(0) + 1).rsqrt(), aliases=("arccosh",))
unary("atanh", lambda c, g: g / (1 - c.input(0).pow(2)), aliases=("arctanh",))
unary("sigmoid", _from_result("sigmoid_backward", lambda g, y: g * (1 - y) * y), save="result")
unary("erf", lambda c, g: g * (2 / _SQRT_PI) * (-(c.input(0) * c.input(0))).exp())
unary("erfc", lambda c, g: g * (-2 / _SQRT_PI) * (-(c.input(0) * c.input(0))).exp())
unary("erfinv", lambda c, g: g * (_SQRT_PI / 2) * c.result().pow(2).exp(), save="result")
unary("lgamma", lambda c, g: g * c.input(0).digamma())
unary("digamma", lambda c, g: g * c.input(0).polygamma(1))
unary("neg", lambda c, g: -g, to_float=False, takes="numbers", save="", aliases=("negative",), dunder=("__neg__",))
unary("abs", lambda c, g: g * c.input(0).sgn(),
      to_float=False, takes="numbers", aliases=("absolute",), dunder=("__abs__",))  # fmt: skip
unary("floor", lambda c, g: g.new_zeros(g.shape), to_float=False, takes="numbers", save="", integers_unchanged=True)
unary("ceil", lambda c, g: g.new_zeros(g.shape), to_float=False, takes="numbers", save="", integers_unchanged=True)
unary("trunc", lambda c, g: g.new_zeros(g.shape),
      to_float=False, takes="numbers", save="", integers_unchanged=True, aliases=("fix",))  # fmt: skip
unary("frac", lambda c, g: g, to_float=False, takes="floats", save="")
unary("sign", lambda c, g: g.new_zeros(g.shape), to_float=False, save="")
unary(
    "relu", _from_result("relu_backward", lambda g, y: g.masked_fill(y <= 0, 0)), to_float=False, takes="numbers",
    save="result",
)  # fmt: skip


_round = Prim("round", lambda a: a.clone() if a.dtype.category <= INTEGRAL else call("round", a),
              lambda c, g: (g.new_zeros(g.shape),))  # fmt: skip


@op(out=True, inplace=True)
def round_(input: Tensor, *, decimals: int = 0) -> Tensor:
    if input.dtype.category == BOOL:
        raise _not_implemented("round", input.dtype)
    if decimals:
        factor = 10.0 ** abs(decimals)
        return _round((input * factor,)) / factor if decimals > 0 else _round((input / factor,)) * factor
    return _round((input,))


def _test(name: str, inplace: bool = False, out: bool = False) -> None:
    """Declare an elementwise test: bool result, no gradient."""
    prim = Prim(name, lambda a: call(name, a))

    @op(name, inplace=inplace, out=out)
    def declared(input: Tensor) -> Tensor:
        return prim((input,))


for _name in ("isnan", "isinf", "isfinite"):
    _test(_name)
_test("signbit", out=True)
_test("logical_not", inplace=True, out=True)


def _bitwise_not(a: Array) -> Array:
    if a.dtype.category > INTEGRAL:
        raise RuntimeError(f'"bitwise_not_cpu" not implemented for \'{a.dtype.name.capitalize()}\'')
    return call("logical_not" if a.dtype.category == BOOL else "bitwise_not", a)


_not = Prim("bitwise_not", _bitwise_not)


@op("bitwise_not", inplace=True, out=True, dunder=("__invert__",))
def bitwise_not(input: Tensor) -> Tensor:
    return _not((input,))


@op(inplace=True, out=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    from .._dtype import finfo
    from .composite import where

    if input.dtype.category <= INTEGRAL:
        return input.clone()
    info = finfo(input.dtype)
    x = where(input.isnan(), 0.0 if nan is None else nan, input)
    x = where(input == math.inf, info.max if posinf is None else posinf, x)
    return where(input == -math.inf, info.min if neginf is None else neginf, x)


@op(dunder=("__pos__",))
def positive(input: Tensor) -> Tensor:
    if input.dtype.category == BOOL:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def _signed_infinity(name: str, value: float) -> None:
    @op(name, out=True)
    def declared(input: Tensor) -> Tensor:
        return input.detach() == value


_signed_infinity("isposinf", math.inf)
_signed_infinity("isneginf", -math.inf)


@op(inplace=True, out=True)
def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians."""
    return input * (math.pi / 180)


@op(inplace=True, out=True)
def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees."""
    return input * (180 / math.pi)


_frexp = Prim(
    "frexp", lambda a: call("frexp", a), lambda c, g, _=None: (None if g is None else g / c.result(1).exp2(),),
    save_out=(1,),
)  # fmt: skip
_Frexp = namedtuple("frexp", ("mantissa", "exponent"))


@op("frexp", out=True)
def frexp(input: Tensor) -> Any:
    """(mantissa, exponent) with input = mantissa * 2**exponent, abs(mantissa) in [0.5, 1); the exponent is int32."""
    if not input.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return _Frexp(*_frexp((input,)))
