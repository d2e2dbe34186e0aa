"""Elementwise operators of two operands, either of which may be a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._array import Array
from .._dtype import BOOL, FLOATING, INTEGRAL, dtype
from .._dtype import bool as bool_
from .._tensor import Tensor
from ..kernels import call
from ._fused import product
from ._prim import Prim
from ._promote import cast, check_sizes, float_type, result_type, scalar_dtype, to_array
from ._registry import FUNCTIONS, invalid_operands, op, type_name


def _common(a: Any, b: Any, name: str = "", tensors: str = "") -> dtype:
    """The dtype that two operands are computed in. `tensors` says which of them must be tensors ("first", "both",
    "either", or "" for none): TypeError otherwise."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a._arr.dtype is b._arr.dtype:
            return a._arr.dtype
    elif tensors:
        _check_tensors(name, tensors, a, b)
    return result_type(a, b)


def _check_tensors(name: str, tensors: str, a: Any, b: Any) -> None:
    if tensors == "both":
        which, position = (b, "'other' (position 2)") if isinstance(a, Tensor) else (a, "'input' (position 1)")
        raise TypeError(f"{name}(): argument {position} must be Tensor, not {type(which).__name__}")
    if not isinstance(a, Tensor) and (tensors == "first" or not isinstance(b, Tensor)):
        raise invalid_operands(name, (a, b))


def _prim(name: str, grad: Callable[..., tuple[Any, Any]] | None, save: Any = (), kernel: str | None = None) -> Prim:
    kernel = kernel or name

    def forward(a: Array, b: Array, d: dtype) -> Array:
        try:
            return call(kernel, cast(a, d), cast(b, d))
        except ValueError:
            check_sizes(a.shape, b.shape)
            raise

    return Prim(name, forward, grad, save=save)


def _run(prim: Prim, a: Any, b: Any, d: dtype) -> Tensor:
    return prim((to_array(a, d), to_array(b, d)), d)


def _logical_prim(name: str) -> Prim:
    forward = _prim(name, None).forward
    return Prim(name, lambda a, b: forward(a, b, bool_))


_LOGICAL = {name: _logical_prim(name) for name in ("logical_and", "logical_or", "logical_xor")}

_add = _prim("add", lambda c, g: (g, g))
_sub = _prim("sub", lambda c, g: (g, -g if c.needs[1] else None))
_mul = _prim(
    "mul",
    lambda c, g: (product(g, c.input(1)) if c.needs[0] else None, product(g, c.input(0)) if c.needs[1] else None),
    save={0: (1,), 1: (0,)},
)


def _div_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    b = c.input(1)
    return (
        g / b if c.needs[0] else None,
        -g * ((c.input(0) / b) / b) if c.needs[1] else None,
    )


_div = _prim("div", _div_grad, save={0: (1,), 1: ()})


def _check_number(x: Any) -> bool:
    return isinstance(x, (Tensor, int, float, complex)) or hasattr(x, "dtype")


def _scaled(other: Any, alpha: Any, d: dtype) -> Any:
    if alpha == 1 and not isinstance(alpha, bool):
        return other
    if isinstance(alpha, float) and d.category <= INTEGRAL:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other * alpha


@op(inplace=True, out=True, dunder=("__add__", "__radd__"))
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    if not _check_number(other):
        return NotImplemented
    d = _common(input, other)
    other = _scaled(other, alpha, d)
    if d.category == BOOL:
        return _LOGICAL["logical_or"]((to_array(input, d), to_array(other, d)))
    return _run(_add, input, other, d)


@op(inplace=True, out=True, aliases=("subtract",), dunder=("__sub__",))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    if not _check_number(other):
        return NotImplemented
    d = _common(input, other)
    if BOOL in (_category(input), _category(other)):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return _run(_sub, input, _scaled(other, alpha, d), d)


def _category(x: Any) -> int:
    return x._arr.dtype.category if isinstance(x, Tensor) else scalar_dtype(x).category


@op(dunder=("__rsub__",))
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    if not _check_number(other):
        return NotImplemented
    if not isinstance(input, Tensor):
        raise invalid_operands("rsub", (input, other))
    return sub(other, input, alpha=alpha)


@op(inplace=True, out=True, aliases=("multiply",), dunder=("__mul__", "__rmul__"))
def mul(input: Any, other: Any) -> Any:
    if not _check_number(other):
        return NotImplemented
    d = _common(input, other)
    if d.category == BOOL:
        return _LOGICAL["logical_and"]((to_array(input, d), to_array(other, d)))
    return _run(_mul, input, other, d)


_floor_div = _prim("div", lambda c, g: (g.new_zeros(g.shape),) * 2, kernel="floor_divide")


def _trunc_divided(a: Array, b: Array, d: dtype) -> Array:
    if d.is_low:  # the quotient is rounded before the fraction is cut off
        return call("trunc", call("div", cast(a, d), cast(b, d)))
    return call("trunc_divide", cast(a, d), cast(b, d))


_trunc_div = Prim("div", _trunc_divided, lambda c, g: (g.new_zeros(g.shape),) * 2)


@op(inplace=True, out=True, aliases=("divide",))
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '" + str(rounding_mode) + "'"
        )
    d = _integral_not_bool(_common(input, other), "div")
    return _run(_floor_div if rounding_mode == "floor" else _trunc_div, input, other, d)


def _integral_not_bool(d: dtype, name: str) -> dtype:
    if d.category == BOOL:
        raise RuntimeError(f"\"{name}\" not implemented for 'Bool'")
    return d


@op(inplace=True, out=True, dunder=("__truediv__",))
def true_divide(input: Any, other: Any) -> Any:
    if not _check_number(other):
        return NotImplemented
    return _run(_div, input, other, float_type(_common(input, other)))


@op("__rtruediv__", module=None, aliases=("__rdiv__",))
def rtruediv(input: Tensor, other: Any) -> Any:
    if not isinstance(input, Tensor):
        raise invalid_operands("__rtruediv__", (input, other))
    return input.reciprocal() * other if _check_number(other) else NotImplemented


@op(inplace=True, out=True, dunder=("__floordiv__",))
def floor_divide(input: Any, other: Any) -> Any:
    if not _check_number(other):
        return NotImplemented
    return _run(_floor_div, input, other, _integral_not_bool(_common(input, other), "floor_divide"))


@op("__rfloordiv__", module=None)
def rfloordiv(input: Tensor, other: Any) -> Any:
    return floor_divide(other, input) if _check_number(other) else NotImplemented


_remainder = _prim(
    "remainder",
    lambda c, g: (g, -g * (c.input(0) / c.input(1)).floor() if c.needs[1] else None),
    save={0: (1,), 1: (1,)},
)
_fmod = _prim(
    "fmod", lambda c, g: (g, -g * (c.input(0) / c.input(1)).trunc() if c.needs[1] else None), save={0: (1,), 1: (1,)}
)


@op(inplace=True, out=True, dunder=("__mod__",))
def remainder(input: Any, other: Any) -> Any:
    if not _check_number(other):
        return NotImplemented
    return _run(_remainder, input, other, _integral_not_bool(_common(input, other, "remainder", "either"), "remainder"))


@op("__rmod__", module=None)
def rmod(input: Tensor, other: Any) -> Any:
    return remainder(other, input) if _check_number(other) else NotImplemented


@op(inplace=True, out=True)
def fmod(input: Any, other: Any) -> Any:
    return _run(_fmod, input, other, _integral_not_bool(_common(input, other, "fmod", "first"), "fmod"))


def _pow_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    from .composite import where

    a, b = c.input(0), c.input(1)
    ga = gb = None
    if c.needs[0]:
        # b * a**(b - 1), and 0 where the exponent is 0 even if the power is not finite
        ga = where(b == 0, 0.0, g * (b * a.pow(b - 1)))
    if c.needs[1]:
        zero = (a == 0) & (b.real >= 0)
        gb = g * where(zero, 0.0, c.result() * where(zero, 1.0, a).log())
    return ga, gb


_pow = Prim("pow", _prim("pow", None).forward, _pow_grad, save=(0, 1), save_out=(0,))


def _square_grad(c: Any, g: Tensor) -> tuple[Any]:
    return (g * (c.input(0) * 2),)


_square = Prim("pow", lambda a: call("mul", a, a), _square_grad, save=(0,))


@op(inplace=True, out=True, dunder=("__pow__",))
def pow(input: Any, exponent: Any) -> Any:
    if not _check_number(exponent):
        return NotImplemented
    d = _common(input, exponent, "pow", "either")
    if isinstance(exponent, (int, float)):
        if d.category <= INTEGRAL and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if exponent == 2 and d.category >= INTEGRAL and input._arr.dtype is d:
            return _square((input,))
        if exponent == 1 and input._arr.dtype is d:
            return input.clone()
        if exponent == 0.5 and d.category == FLOATING and input._arr.dtype is d:
            return input.sqrt()
    if d.category == BOOL:
        if exponent is False:
            return input.logical_or(~input)
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    return _run(_pow, input, exponent, d)


@op("square", inplace=True, out=True)
def square(input: Tensor) -> Tensor:
    return pow(input, 2)


@op("__rpow__", module=None)
def rpow(input: Tensor, other: Any) -> Any:
    return pow(other, input) if _check_number(other) else NotImplemented


def _extreme(name: str, wins: str) -> None:
    """maximum and minimum: at equal operands the gradient is shared."""

    def grad(c: Any, g: Tensor) -> tuple[Any, Any]:
        a, b = c.input(0), c.input(1)
        half = (a == b) * 0.5
        first = getattr(a, wins)(b) | a.isnan()
        second = getattr(b, wins)(a) | b.isnan()
        return (
            g * (first + half) if c.needs[0] else None,
            g * (second + half) if c.needs[1] else None,
        )

    prim = _prim(name, grad, save=(0, 1))

    @op(name, out=True)
    def declared(input: Tensor, other: Tensor) -> Tensor:
        return _run(prim, input, other, _common(input, other, name, "both"))


_extreme("maximum", "gt")
_extreme("minimum", "lt")


def _atan2_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    a, b = c.input(0), c.input(1)
    r = g / (a * a + b * b)
    return (r * b if c.needs[0] else None, -r * a if c.needs[1] else None)


_atan2 = _prim("atan2", _atan2_grad, save=(0, 1))


@op(inplace=True, out=True, aliases=("arctan2",))
def atan2(input: Tensor, other: Tensor) -> Tensor:
    return _run(_atan2, input, other, float_type(_common(input, other, "atan2", "both")))


def _comparison(name: str, symbol: str, aliases: tuple[str, ...] = ()) -> None:
    """Comparisons: operands are promoted, the result is bool and has no gradient."""
    prim = _prim(name, None)

    def declared(input: Any, other: Any) -> Any:
        if not _check_number(other):
            return NotImplemented
        return _run(prim, input, other, _common(input, other, name, "first"))

    declared.__name__ = name
    op(name, inplace=True, out=True, aliases=aliases, dunder=(symbol,))(declared)


_comparison("eq", "__eq__")
_comparison("ne", "__ne__", ("not_equal",))
_comparison("lt", "__lt__", ("less",))
_comparison("le", "__le__", ("less_equal",))
_comparison("gt", "__gt__", ("greater",))
_comparison("ge", "__ge__", ("greater_equal",))


def _logical(name: str) -> None:
    prim = _LOGICAL[name]

    @op(name, inplace=True, out=True)
    def declared(input: Tensor, other: Tensor) -> Tensor:
        if not isinstance(input, Tensor) or not isinstance(other, Tensor):
            _check_tensors(name, "both", input, other)
        return prim((input, other))


for _name in _LOGICAL:
    _logical(_name)


def _bitwise(name: str, on_bools: str, dunders: tuple[str, ...]) -> None:
    of_integers, of_bools = _prim(name, None).forward, _prim(on_bools, None).forward
    prim = Prim(name, lambda a, b, d: (of_bools if d.category == BOOL else of_integers)(a, b, d))

    @op(name, inplace=True, out=True, dunder=dunders)
    def declared(input: Any, other: Any) -> Any:
        if not _check_number(other):
            return NotImplemented
        d = _common(input, other, name, "either")
        if d.category > INTEGRAL:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")
        return _run(prim, input, other, d)


_bitwise("bitwise_and", "logical_and", ("__and__", "__rand__"))
_bitwise("bitwise_or", "logical_or", ("__or__", "__ror__"))
_bitwise("bitwise_xor", "logical_xor", ("__xor__", "__rxor__"))


def _shift(name: str, kernel: str, dunder: str) -> None:
    prim = _prim(name, None, kernel=kernel)

    @op(name, inplace=True, out=True, dunder=(dunder,))
    def declared(input: Any, other: Any) -> Any:
        if not _check_number(other):
            return NotImplemented
        d = _common(input, other, name, "either")
        if d.category != INTEGRAL:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")
        return _run(prim, input, other, d)


_shift("bitwise_left_shift", "left_shift", "__lshift__")
_shift("bitwise_right_shift", "right_shift", "__rshift__")


def _reflected_shift(dunder: str, name: str) -> None:
    @op(dunder, module=None)
    def declared(input: Tensor, other: Any) -> Any:
        return FUNCTIONS[""][name](other, input) if _check_number(other) else NotImplemented


_reflected_shift("__rlshift__", "bitwise_left_shift")
_reflected_shift("__rrshift__", "bitwise_right_shift")


def _augmented(dunder: str, method: str) -> None:
    """``+=`` and friends write in place."""

    def augmented(self: Tensor, other: Any) -> Any:
        return getattr(self, method)(other)

    augmented.__name__ = augmented.__qualname__ = dunder
    setattr(Tensor, dunder, augmented)


for _dunder, _method in {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ifloordiv__":
    "floor_divide_", "__imod__": "remainder_", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_", "__ilshift__": "bitwise_left_shift_", "__irshift__": "bitwise_right_shift_",
    "__ipow__": "pow_",
}.items():  # fmt: skip
    _augmented(_dunder, _method)
