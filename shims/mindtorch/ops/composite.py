"""Selection and fused elementwise operators: where, clamp, masked_fill, addcmul, lerp and friends."""

from __future__ import annotations

from typing import Any

from .._array import Array
from .._dtype import BOOL, FLOATING, INTEGRAL, dtype, float32, int64
from .._dtype import bool as bool_
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._promote import cast, check_sizes, check_value, result_type, to_array
from ._registry import invalid_operands, op, type_name


def _where_grad(c: Any, m: Any, g: Tensor) -> tuple[Any, Any, Any]:
    return None, (where(m, g, 0) if c.needs[1] else None), (where(m, 0, g) if c.needs[2] else None)


def _where_array(m: Array, a: Array, b: Array, d: dtype) -> Array:
    try:
        return call("where", cast(m, bool_), cast(a, d), cast(b, d))
    except ValueError:
        check_sizes(m.shape, a.shape)
        check_sizes(m.shape, b.shape)
        check_sizes(a.shape, b.shape)
        raise


_where = Prim("where", _where_array, lambda c, g: _where_grad(c, c.input(0), g), save=(0,))


@op(method=False, out=True)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Tensor):
        raise invalid_operands("where", (condition, input, other))
    d = result_type(input, other)
    return _where((condition, to_array(input, d), to_array(other, d)), d)


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    return where(condition, self, other)


op("where", module=None)(_where_method)


def _masked_fill_array(a: Array, mask: Array, value: Array) -> Array:
    try:
        return call("where", mask, cast(value, a.dtype), a)
    except ValueError:
        check_sizes(mask.shape, a.shape)
        raise


_masked_fill = Prim(
    "masked_fill", _masked_fill_array,
    lambda c, g: (
        g.masked_fill(c.input(1), 0) if c.needs[0] else None,
        None,
        where(c.input(1), g, 0).sum() if c.needs[2] else None,
    ),
    save=(1,),
)  # fmt: skip


@op(inplace="constant")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    if mask.dtype is not bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if isinstance(value, Tensor):
        if value.dim():
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.dim()} dimension(s)."
            )
        if value.is_complex() and not input.is_complex():
            check_value(value.item(), input.dtype)
    else:
        check_value(value, input.dtype)
    return _masked_fill((input, mask, to_array(value, input.dtype)))


def _clamp_scalar(x: Tensor, low: Any, high: Any) -> Tensor:
    if low is not None and high is not None and not isinstance(low, Tensor) and low > high:
        low = high
    return _clamp((x, to_array(low, x.dtype) if low is not None else None,
                   to_array(high, x.dtype) if high is not None else None))  # fmt: skip


def _clamp_array(a: Array, low: Array | None, high: Array | None) -> Array:
    out = a
    try:
        if low is not None:
            out = call("maximum", out, cast(low, a.dtype))
        return out if high is None else call("minimum", out, cast(high, a.dtype))
    except ValueError:
        for bound in (low, high):
            if bound is not None:
                check_sizes(a.shape, bound.shape)
        raise


def _clamp_grad(c: Any, g: Tensor) -> tuple[Any, Any, Any]:
    x = c.input(0)
    low = c.input(1) if 1 in c.saved else None
    high = c.input(2) if 2 in c.saved else None
    below = x < low if low is not None else None
    above = x > high if high is not None else None
    inside = None
    for outside in (below, above):
        if outside is not None:
            inside = ~outside if inside is None else inside & ~outside
    g_low = g_high = None
    if c.needs[1] and low is not None:
        g_low = where(below if high is None else below & (low < high), g, 0)
    if c.needs[2] and high is not None:
        g_high = where(above if low is None else above | (low > high), g, 0)
    return (where(inside, g, 0) if c.needs[0] else None), g_low, g_high


_clamp = Prim("clamp", _clamp_array, _clamp_grad, save=(0, 1, 2))


@op(inplace=True, out=True, aliases=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if not isinstance(input, Tensor):
        raise invalid_operands("clamp", (input, min, max))
    bounds = [b for b in (min, max) if b is not None]
    if any(isinstance(b, complex) for b in bounds):
        raise NotImplementedError("clamp is not supported for complex types")
    d = result_type(input, *bounds)
    if d.category == BOOL and (len(bounds) == 2 or not isinstance(bounds[0], Tensor)):
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'")
    return _clamp_scalar(input if d is input.dtype else input.to(d), min, max)


@op(inplace=True, out=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    if not isinstance(input, Tensor) or min is None:
        raise invalid_operands("clamp_min", (input, min))
    return clamp(input, min=min)


@op(inplace=True, out=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    if not isinstance(input, Tensor) or max is None:
        raise invalid_operands("clamp_max", (input, max))
    return clamp(input, max=max)


def _three(name: str, input: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[dtype, Any, list[Tensor]]:
    """The common dtype, the factor, and the operands: in float32 for low precision, for one rounding, at the end."""
    for i, (what, t) in enumerate((("input", input), ("tensor1", tensor1), ("tensor2", tensor2)), 1):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): argument '{what}' (position {i}) must be Tensor, not {type(t).__name__}")
    d = result_type(input, tensor1, tensor2)
    if isinstance(value, Tensor):
        if value.dim():
            raise TypeError(f"{name}(): argument 'value' must be Number, not Tensor")
        value = value.item()
    if d.category == BOOL:
        raise NotImplementedError(f"\"{name}_cpu_out\" not implemented for 'Bool'")
    check_value(value, d)
    if not d.is_complex:
        value = int(value.real) if d.category == INTEGRAL else value.real
    wide = float32 if d.is_low else d
    return d, value, [t if t.dtype is wide else t.to(wide) for t in (input, tensor1, tensor2)]


@op(inplace=True, out=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    d, value, (x, a, b) = _three("addcmul", input, tensor1, tensor2, value)
    product = a * b
    out = x + (product if value == 1 else product * value)
    return out.to(d) if d.is_low else out


@op(inplace=True, out=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    integers = [t.dtype.category < FLOATING for t in (tensor1, tensor2) if isinstance(t, Tensor)]
    if len(integers) == 2 and all(integers):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value "
            "* torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes."
        )
    d, value, (x, a, b) = _three("addcdiv", input, tensor1, tensor2, value)
    out = x + (a if value == 1 else a * value) / b
    return out.to(d) if d.is_low else out


@op(inplace=True, out=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    if not isinstance(input, Tensor) or not isinstance(end, Tensor):
        raise invalid_operands("lerp", (input, end, weight))
    if isinstance(weight, Tensor) and weight.dim() == 0:  # promotes as it does in arithmetic
        d = result_type(input, end, weight)
        if input.dtype is end.dtype and (d is not input.dtype or weight.dtype is not d):
            input, end, weight = input.to(d), end.to(d), weight.to(d)
    others = (("end", end), ("weight", weight)) if isinstance(weight, Tensor) else (("end", end),)
    for what, t in others:
        if t.dtype is not input.dtype:
            raise RuntimeError(f"expected dtype {input.dtype} for `{what}` but got dtype {t.dtype}")
    if not isinstance(weight, Tensor):
        check_value(weight, input.dtype)
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"lerp_kernel\" not implemented for '{type_name(input.dtype)}'")
    # PyTorch's form: accurate at both ends.
    difference = end - input
    if not isinstance(weight, Tensor):
        return input + difference * weight if abs(weight) < 0.5 else end - difference * (1 - weight)
    return where(weight.abs() < 0.5, input + weight * difference, end - difference * (1 - weight))


@op()
def equal(input: Tensor, other: Tensor) -> bool:
    if input.is_meta:
        raise NotImplementedError("aten::equal: meta tensors have no values that could be equal")
    return input.shape == other.shape and bool((input.detach() == other.detach()).all())


@op()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    for what, t in (("input", input), ("other", other)):
        if not isinstance(t, Tensor):
            raise TypeError(f"isclose(): argument '{what}' must be Tensor, not {type(t).__name__}")
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{type_name(input.dtype)} did not match {type_name(other.dtype)}")
    for what, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise RuntimeError(f"{what} must be greater than or equal to zero, but got {tolerance}")
    same = input == other
    if equal_nan and input.dtype.category >= FLOATING:
        same = same | (input.isnan() & other.isnan())
    if (rtol == 0 and atol == 0) or input.dtype is bool_:
        return same
    allowed = atol + (rtol * other).abs()
    return same | ((input - other).abs().isfinite() & ((input - other).abs() <= allowed))


@op()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    return bool(isclose(input.detach(), other.detach(), rtol, atol, equal_nan).all())


@op(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    from .shape import broadcast_tensors

    if mask.dtype is not bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {type_name(input.dtype)} and "
            f"{type_name(source.dtype)}"
        )
    input, mask = broadcast_tensors(input, mask)
    if mask.is_meta:
        where_ = mask.new_empty((min(mask.numel(), source.numel()),), dtype=int64)
    else:
        where_ = mask.reshape(-1).nonzero().view(-1)
        if source.numel() < where_.numel():
            raise RuntimeError("Number of elements of source < number of ones in mask")
    return input.reshape(-1).index_put((where_,), source.reshape(-1)[: where_.numel()]).view(input.shape)


@op("result_type", method=False)
def _result_type(tensor1: Any, tensor2: Any) -> Any:
    return result_type(tensor1, tensor2)
