"""Elementwise operators of one operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._array import Array
from .._dtype import BOOL, COMPLEX, INTEGRAL
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._promote import cast, float_type
from ._registry import op

_SQRT_PI = math.sqrt(math.pi)


def _no_complex(name: str, a: Array) -> None:
    if a.dtype.category == COMPLEX:
        raise NotImplementedError(f"{name} of complex tensors is not supported by mindtorch yet")


def _unary(
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
) -> None:
    """Declare ``name(input)``. `grad(ctx, g)` is the backward; `save` says whether it needs the input or the result."""

    def forward(a: Array) -> Array:
        _no_complex(name, a)
        d = float_type(a.dtype) if to_float else a.dtype
        if integers_unchanged and d.category <= INTEGRAL:
            return a.clone()
        return call(name, cast(a, d))

    prim = Prim(
        name,
        forward,
        None if grad is None else lambda ctx, g: (grad(ctx, g),),
        save=(0,) if save == "input" else (),
        save_out=(0,) if save == "result" else (),
        node_name=node_name,
    )

    @op(name, out=True, inplace=True, aliases=aliases, module=module, dunder=dunder, method=module == "")
    def declared(input: Tensor) -> Tensor:
        return prim((input,))


def _no_trigamma() -> Tensor:
    raise NotImplementedError("the gradient of torch.digamma is not supported by mindtorch yet")


_unary("exp", lambda c, g: g * c.result(), save="result")
_unary("exp2", lambda c, g: g * c.result() * math.log(2), save="result")
_unary("expm1", lambda c, g: g * (c.result() + 1), save="result")
_unary("log", lambda c, g: g / c.input(0))
_unary("log2", lambda c, g: g / (c.input(0) * math.log(2)))
_unary("log10", lambda c, g: g / (c.input(0) * math.log(10)))
_unary("log1p", lambda c, g: g / (c.input(0) + 1))
_unary("sqrt", lambda c, g: g / (c.result() * 2), save="result")
_unary("rsqrt", lambda c, g: g * -0.5 * c.result().pow(3), save="result")
_unary("reciprocal", lambda c, g: -g * c.result() * c.result(), save="result")
_unary("sin", lambda c, g: g * c.input(0).cos())
_unary("cos", lambda c, g: g * -c.input(0).sin())
_unary("tan", lambda c, g: g * (1 + c.result().pow(2)), save="result")
_unary("asin", lambda c, g: g * (1 - c.input(0) * c.input(0)).rsqrt(), aliases=("arcsin",))
_unary("acos", lambda c, g: g * -(1 - c.input(0) * c.input(0)).rsqrt(), aliases=("arccos",))
_unary("atan", lambda c, g: g / (c.input(0) * c.input(0) + 1), aliases=("arctan",))
_unary("sinh", lambda c, g: g * c.input(0).cosh())
_unary("cosh", lambda c, g: g * c.input(0).sinh())
_unary("tanh", lambda c, g: g * (1 - c.result() * c.result()), save="result")
_unary("asinh", lambda c, g: g * (c.input(0).pow(2) + 1).rsqrt(), aliases=("arcsinh",))
_unary("acosh", lambda c, g: g * (c.input(0).pow(2) - 1).rsqrt(), aliases=("arccosh",))
_unary("atanh", lambda c, g: g / (1 - c.input(0).pow(2)), aliases=("arctanh",))
_unary("sigmoid", lambda c, g: g * (1 - c.result()) * c.result(), save="result")
_unary("erf", lambda c, g: g * (2 / _SQRT_PI) * (-(c.input(0) * c.input(0))).exp())
_unary("erfc", lambda c, g: g * (-2 / _SQRT_PI) * (-(c.input(0) * c.input(0))).exp())
_unary("erfinv", lambda c, g: g * (_SQRT_PI / 2) * c.result().pow(2).exp(), save="result")
_unary("lgamma", lambda c, g: g * c.input(0).digamma())
_unary("digamma", lambda c, g: _no_trigamma())
_unary("neg", lambda c, g: -g, to_float=False, save="", aliases=("negative",), dunder=("__neg__",))
_unary("abs", lambda c, g: g * c.input(0).sign(), to_float=False, aliases=("absolute",), dunder=("__abs__",))
_unary("floor", lambda c, g: g.new_zeros(g.shape), to_float=False, save="", integers_unchanged=True)
_unary("ceil", lambda c, g: g.new_zeros(g.shape), to_float=False, save="", integers_unchanged=True)
_unary("trunc", lambda c, g: g.new_zeros(g.shape), to_float=False, save="", integers_unchanged=True, aliases=("fix",))
_unary("frac", lambda c, g: g, to_float=False, save="")
_unary("sign", lambda c, g: g.new_zeros(g.shape), to_float=False, save="", aliases=("sgn",))
_unary("relu", lambda c, g: g * (c.result() > 0), to_float=False, save="result")


_round = Prim("round", lambda a: a.clone() if a.dtype.category <= INTEGRAL else call("round", a),
              lambda c, g: (g.new_zeros(g.shape),))  # fmt: skip


@op(out=True, inplace=True)
def round_(input: Tensor, *, decimals: int = 0) -> Tensor:
    if decimals:
        factor = 10.0 ** abs(decimals)
        return _round((input * factor,)) / factor if decimals > 0 else _round((input / factor,)) * factor
    return _round((input,))


def _test(name: str, inplace: bool = False) -> None:
    """Declare an elementwise test: bool result, no gradient."""
    prim = Prim(name, lambda a: call(name, a))

    @op(name, inplace=inplace, out=inplace)
    def declared(input: Tensor) -> Tensor:
        return prim((input,))


for _name in ("isnan", "isinf", "isfinite", "signbit"):
    _test(_name)
_test("logical_not", inplace=True)


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
