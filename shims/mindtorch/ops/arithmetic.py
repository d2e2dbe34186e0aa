"""Further elementwise operators of two operands: fmax, copysign, hypot, logaddexp, gcd and friends."""

from __future__ import annotations

from typing import Any

from .._dtype import BOOL, COMPLEX, FLOATING, INTEGRAL, complex128, float64, int64
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._promote import cast, float_type, to_array
from ._registry import op, type_name
from .binary import _common, _prim, _run
from .composite import where


def _float_operands(name: str, a: Any, b: Any) -> Any:
    d = _common(a, b, name, "both")
    if d.category != FLOATING and not (d.is_complex and name == "logaddexp"):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")
    return d


def _other_extreme(name: str, loses: str) -> None:
    """fmax and fmin: a nan loses; at equal operands the first one takes the gradient."""

    def grad(c: Any, g: Tensor) -> tuple[Any, Any]:
        a, b = c.input(0), c.input(1)
        second = ~(getattr(b, loses)(a) | b.isnan())
        return (g.masked_fill(second, 0) if c.needs[0] else None, g.masked_fill(~second, 0) if c.needs[1] else None)

    prim = _prim(name, grad, save=(0, 1))

    @op(name, out=True)
    def declared(input: Tensor, other: Tensor) -> Tensor:
        return _run(prim, input, other, _common(input, other, name, "both"))


_other_extreme("fmax", "le")
_other_extreme("fmin", "ge")


def _copysign_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    x, y = c.input(0), c.input(1)
    zero = x == 0
    ratio = where(zero, 0.0, copysign(x, y) / where(zero, 1.0, x)) if c.needs[0] else None
    return (g * ratio if c.needs[0] else None, g.new_zeros(g.shape) if c.needs[1] else None)


_copysign = _prim("copysign", _copysign_grad, save=(0, 1))


@op(inplace=True, out=True)
def copysign(input: Tensor, other: Any) -> Tensor:
    return _run(_copysign, input, other, float_type(_common(input, other, "copysign", "first")))


def _hypot_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    return tuple(g * (c.input(i) / c.result()) if c.needs[i] else None for i in (0, 1))  # type: ignore[return-value]


_hypot = Prim("hypot", lambda a, b, d: call("hypot", cast(a, d), cast(b, d)), _hypot_grad, save=(0, 1), save_out=(0,))


@op(inplace=True, out=True)
def hypot(input: Tensor, other: Tensor) -> Tensor:
    return _run(_hypot, input, other, _float_operands("hypot", input, other))


def _log_sum(name: str, exponential: str) -> None:
    """logaddexp to a base: the gradient of each operand is its share of the sum."""

    def grad(c: Any, g: Tensor) -> tuple[Any, Any]:
        a, b = c.input(0), c.input(1)
        difference = where((a == b) & a.isinf(), 0.0, b - a)
        share = 1 / (1 + getattr(difference, exponential)())
        other = 1 / (1 + getattr(-difference, exponential)())
        return (g * share if c.needs[0] else None, g * other if c.needs[1] else None)

    prim = _prim(name, grad, save=(0, 1))

    @op(name, out=True)
    def declared(input: Tensor, other: Tensor) -> Tensor:
        return _run(prim, input, other, _float_operands(name, input, other))


_log_sum("logaddexp", "exp")
_log_sum("logaddexp2", "exp2")


def _nextafter_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    """A step to the neighbouring number moves with the first operand, except where it is there already."""
    first = g.masked_fill(c.input(0) == c.input(1), 0) if c.needs[0] else None
    return first, g.new_zeros(g.shape) if c.needs[1] else None


_nextafter = _prim("nextafter", _nextafter_grad, save=(0, 1))
_heaviside = _prim("heaviside", None)


@op(inplace=True, out=True)
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    return _run(_nextafter, input, other, _float_operands("nextafter", input, other))


@op(inplace=True, out=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above it, `values` at it. Raises RuntimeError for operands of two dtypes."""
    _common(input, values, "heaviside", "both")
    if COMPLEX in (input.dtype.category, values.dtype.category):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return _run(_heaviside, input, values, input.dtype)


def _on_integers(name: str) -> None:
    prim = _prim(name, None)

    @op(name, inplace=True, out=True)
    def declared(input: Tensor, other: Tensor) -> Tensor:
        d = _common(input, other, name, "both")
        if d.category != INTEGRAL:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")
        return _run(prim, input, other, d)


_on_integers("gcd")
_on_integers("lcm")


@op(inplace=True, out=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2**other."""
    d = _common(input, other, "ldexp", "both")
    if input.dtype.category == FLOATING and other.dtype.category < FLOATING:
        if other.dtype.category == BOOL:
            raise NotImplementedError("\"ldexp_cpu_exp\" not implemented for 'Bool'")
        return (input.to(float64) * 2.0 ** other.to(float64)).to(d)
    return input * (2.0**other)


@op(method=False, out=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """Power in float64 (complex128 for complex operands)."""
    _common(input, exponent, "float_power", "either")
    operands = [x for x in (input, exponent) if isinstance(x, Tensor)]
    wide = any(t.dtype.category == COMPLEX for t in operands) or any(isinstance(x, complex) for x in (input, exponent))
    d = complex128 if wide else float64

    def widened(x: Any) -> Any:
        return x.to(d) if isinstance(x, Tensor) else complex(x) if wide else float(x)

    base, power = widened(input), widened(exponent)
    return base**power


@op("float_power", module=None)
def _float_power_method(input: Tensor, exponent: Any) -> Tensor:
    return float_power(input, exponent)


@op("float_power_", module=None)
def float_power_(input: Tensor, exponent: Any) -> Tensor:
    """In place; raises RuntimeError unless the tensor is float64 (complex128) itself."""
    wide = input.dtype.category == COMPLEX or isinstance(exponent, complex) or (
        isinstance(exponent, Tensor) and exponent.dtype.category == COMPLEX
    )
    d = complex128 if wide else float64
    if input.dtype is not d:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {type_name(input.dtype)} but the operation's result requires "
            f"dtype {type_name(d)}"
        )
    return input.pow_(exponent.to(d) if isinstance(exponent, Tensor) else exponent)


_isin = Prim("isin", lambda a, b, d, invert: call("isin", cast(a, d), cast(b, d), invert))


@op(method=False, out=True)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """For each of `elements`, whether it is among `test_elements` (with `invert`: whether it is not)."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin() expects at least one of its arguments to be a tensor")
    for x in (elements, test_elements):
        if isinstance(x, (bool, complex)) or (isinstance(x, Tensor) and x.dtype.category in (BOOL, COMPLEX)):
            kind = type_name(x.dtype) if isinstance(x, Tensor) else "Bool" if isinstance(x, bool) else "ComplexDouble"
            raise RuntimeError(f"Unsupported input type encountered for isin(): {kind}")
    d = _common(elements, test_elements)
    return _isin((to_array(elements, d), to_array(test_elements, d)), d, bool(invert))


_hash = Prim("hash_tensor", lambda a, dims, keepdim: call("hash_tensor", a, dims, keepdim))


@op(out=True)
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The exclusive or of the elements' bits, each widened to 64 bits, as uint64 (`mode` 0, the only one)."""
    from .reduce import _dims

    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input.dtype.category == COMPLEX:
        raise NotImplementedError("torch.hash_tensor of complex tensors is not supported by mindtorch yet")
    d = float64 if input.dtype.is_floating_point else int64
    return _hash((input.detach().to(d),), _dims(input, dim), bool(keepdim))
