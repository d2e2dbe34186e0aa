"""Operators on lists of tensors, and the gradient scaler's fused check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._tensor import Tensor
from ..tape.grad_mode import no_grad
from ._registry import op


def _pairwise(name: str, method: str) -> None:
    @op(f"_foreach_{name}", method=False)
    def declared(self: Sequence[Tensor], other: Any = None, **kwargs: Any) -> tuple[Tensor, ...]:
        return tuple(
            getattr(t, method)(o, **kwargs) for t, o in zip(self, _each(other, len(self)), strict=True)
        )

    @op(f"_foreach_{name}_", method=False)
    def written(self: Sequence[Tensor], other: Any = None, **kwargs: Any) -> None:
        for t, o in zip(self, _each(other, len(self)), strict=True):
            getattr(t, method + "_")(o, **kwargs)


def _each(x: Any, n: int) -> Any:
    return x if isinstance(x, (list, tuple)) else [x] * n


for _name in ("add", "sub", "mul", "div", "pow"):
    _pairwise(_name, _name)


def _elementwise(name: str) -> None:
    @op(f"_foreach_{name}", method=False)
    def declared(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(getattr(t, name)() for t in self)

    @op(f"_foreach_{name}_", method=False)
    def written(self: Sequence[Tensor]) -> None:
        for t in self:
            getattr(t, name + "_")()


for _name in ("sqrt", "neg", "abs", "exp", "reciprocal"):
    _elementwise(_name)


@op("_foreach_zero_", method=False)
def foreach_zero_(self: Sequence[Tensor]) -> None:
    for t in self:
        t.zero_()


@op("_foreach_norm", method=False)
def foreach_norm(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    from .reduce import vector_norm

    return tuple(vector_norm(t, ord, dtype=dtype) for t in self)


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
