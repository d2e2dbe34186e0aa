"""Operators on lists of tensors, and the gradient scaler's fused check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._tensor import Tensor
from ..tape.grad_mode import no_grad
from . import binary, composite  # noqa: F401 - whose functions are applied to lists here
from ._registry import FUNCTIONS, op


def _checked(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    if len(tensors) == 0:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return tensors


def _each(x: Any, tensors: Sequence[Tensor]) -> Sequence[Any]:
    """The second operands, one for each tensor: a list of as many, or one for all."""
    n = len(_checked(tensors))
    if not isinstance(x, (list, tuple)):
        return [x] * n
    if len(x) != n:
        if x and isinstance(x[0], Tensor):
            raise RuntimeError(f"Tensor lists must have the same number of tensors, got {n} and {len(x)}")
        raise RuntimeError(f"Tensor list must have same number of elements as scalar list, got {n} and {len(x)}.")
    return x


def _operand(given: Any, named: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The operand, by position or by one of its overloads' names."""
    for name in names:
        if name in named:
            given = named.pop(name)
    if given is None:
        raise TypeError(f"missing an operand: one of {', '.join(names)}")
    return given


_SECOND = ("other", "scalar", "scalars", "exponent")


def _pairwise(name: str) -> None:
    @op(f"_foreach_{name}", method=False)
    def declared(self: Any, other: Any = None, **kwargs: Any) -> tuple[Tensor, ...]:
        other = _operand(other, kwargs, _SECOND)
        if isinstance(self, (int, float, complex)):  # a number to the power of each tensor
            return tuple(FUNCTIONS[""][name](self, o) for o in _checked(other))
        return tuple(FUNCTIONS[""][name](t, o, **kwargs) for t, o in zip(self, _each(other, self), strict=True))

    @op(f"_foreach_{name}_", method=False)
    def written(self: Sequence[Tensor], other: Any = None, **kwargs: Any) -> None:
        other = _operand(other, kwargs, _SECOND)
        for t, o in zip(self, _each(other, self), strict=True):
            getattr(t, name + "_")(o, **kwargs)


for _name in ("add", "sub", "mul", "div", "pow", "clamp_min", "clamp_max"):
    _pairwise(_name)


def _extreme(name: str, clamp: str) -> None:
    """maximum and minimum: the same as clamping from one side."""
    for suffix in ("", "_"):
        op(f"_foreach_{name}{suffix}", method=False)(FUNCTIONS[""][f"_foreach_{clamp}{suffix}"])


_extreme("maximum", "clamp_min")
_extreme("minimum", "clamp_max")


def _elementwise(name: str) -> None:
    @op(f"_foreach_{name}", method=False)
    def declared(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(getattr(t, name)() for t in _checked(self))

    @op(f"_foreach_{name}_", method=False)
    def written(self: Sequence[Tensor]) -> None:
        for t in _checked(self):
            getattr(t, name + "_")()


for _name in (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma",
    "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc",
):  # fmt: skip
    _elementwise(_name)


def _pointwise(name: str) -> None:
    """addcmul and addcdiv: a factor for all (`value`), or one for each (`scalars`, a list or a tensor)."""

    def factors(tensors: Sequence[Tensor], scalars: Any, value: Any) -> Sequence[Any]:
        if isinstance(scalars, Tensor):
            if scalars.dim() != 1:
                raise RuntimeError(
                    "Expected packed scalar Tensor to be of dimension 1. Got " + str(scalars.dim()) + " instead."
                )
            scalars = scalars.tolist()
        return _each(value if scalars is None else scalars, tensors)

    @op(f"_foreach_{name}", method=False)
    def declared(
        self: Sequence[Tensor], tensor1: Sequence[Tensor], tensor2: Sequence[Tensor], scalars: Any = None, *,
        value: Any = 1,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        rows = zip(self, _each(tensor1, self), _each(tensor2, self), factors(self, scalars, value), strict=True)
        return tuple(getattr(t, name)(a, b, value=v) for t, a, b, v in rows)

    @op(f"_foreach_{name}_", method=False)
    def written(
        self: Sequence[Tensor], tensor1: Sequence[Tensor], tensor2: Sequence[Tensor], scalars: Any = None, *,
        value: Any = 1,
    ) -> None:  # fmt: skip
        rows = zip(self, _each(tensor1, self), _each(tensor2, self), factors(self, scalars, value), strict=True)
        for t, a, b, v in rows:
            getattr(t, name + "_")(a, b, value=v)


_pointwise("addcmul")
_pointwise("addcdiv")


@op("_foreach_lerp", method=False)
def foreach_lerp(self: Sequence[Tensor], tensors1: Sequence[Tensor], weights: Any = None, **named: Any) -> Any:
    weights = _operand(weights, named, ("weight", "scalars"))
    return tuple(
        t.lerp(e, w) for t, e, w in zip(self, _each(tensors1, self), _each(weights, self), strict=True)
    )


@op("_foreach_lerp_", method=False)
def foreach_lerp_(self: Sequence[Tensor], tensors1: Sequence[Tensor], weights: Any = None, **named: Any) -> None:
    weights = _operand(weights, named, ("weight", "scalars"))
    for t, e, w in zip(self, _each(tensors1, self), _each(weights, self), strict=True):
        t.lerp_(e, w)


@op("_foreach_clone", method=False)
def foreach_clone(self: Sequence[Tensor], *, memory_format: Any = None) -> tuple[Tensor, ...]:
    named = {} if memory_format is None else {"memory_format": memory_format}
    return tuple(t.clone(**named) for t in _checked(self))


@op("_foreach_copy_", method=False)
def foreach_copy_(self: Sequence[Tensor], src: Sequence[Tensor], non_blocking: bool = False) -> None:
    for t, s in zip(self, _each(src, self), strict=True):
        t.copy_(s, non_blocking=non_blocking)


@op("_foreach_mm", method=False)
def foreach_mm(self: Sequence[Tensor], mat2: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(t.mm(m) for t, m in zip(self, _each(mat2, self), strict=True))


@op("_foreach_max", method=False)
def foreach_max(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(t.max() for t in _checked(self))


@op("_foreach_powsum", method=False)
def foreach_powsum(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    return tuple((t if dtype is None else t.to(dtype)).abs().pow(ord).sum() for t in _checked(self))


@op("_foreach_zero_", method=False)
def foreach_zero_(self: Sequence[Tensor]) -> None:
    for t in _checked(self):
        t.zero_()


@op("_foreach_norm", method=False)
def foreach_norm(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    from .linalg_norms import vector_norm

    return tuple(vector_norm(t, ord, dtype=dtype) for t in _checked(self))


@op("_amp_foreach_non_finite_check_and_unscale_", method=False)
def amp_foreach_non_finite_check_and_unscale_(self: Sequence[Tensor], found_inf: Tensor, inv_scale: Tensor) -> None:
    """Multiply each gradient by `inv_scale` in place; `found_inf` becomes 1 when one of them is not finite."""
    with no_grad():
        scale = inv_scale.item()
        for g in self:
            if not bool(g.isfinite().all()):
                found_inf.fill_(1.0)
            if scale != 1.0:
                g.mul_(scale)


@op("_amp_update_scale_", method=False)
def amp_update_scale_(
    self: Tensor, growth_tracker: Tensor, found_inf: Tensor, growth_factor: float, backoff_factor: float,
    growth_interval: int,
) -> Tensor:  # fmt: skip
    """Back the loss scale off after an overflow, let it grow after `growth_interval` steps without one."""
    with no_grad():
        if found_inf.item():
            self.mul_(backoff_factor)
            growth_tracker.fill_(0)
        else:
            steps = int(growth_tracker.item()) + 1
            if steps == growth_interval:
                self.mul_(growth_factor)
                steps = 0
            growth_tracker.fill_(steps)
    return self
