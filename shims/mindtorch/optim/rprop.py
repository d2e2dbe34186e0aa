"""Resilient backpropagation (Riedmiller & Braun 1993; ``torch.optim.rprop``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["Rprop"]


class Rprop(PerParameter):
    """Steps by the gradient's sign, longer while it stays and shorter when it changes. State: ``step``, ``prev``,
    ``step_size``."""

    _added = PerParameter._added | {"capturable": False}
    _has_weight_decay = False

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        lr = scalar(group["lr"])
        first = complex(lr, lr) if torch.is_complex(param) else lr
        return {**self._zeros(param, "prev"), "step_size": torch.full_like(param.grad, first)}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        shorter, longer = group["etas"]
        prev, step_size = state["prev"], state["step_size"]
        agreement = grad * (prev.clone() if group["differentiable"] else prev)
        ones = torch.ones_like(grad)
        factor = torch.where(agreement > 0, ones * longer, torch.where(agreement < 0, ones * shorter, ones))
        step_size.mul_(factor).clamp_(*group["step_sizes"])
        # After a change of sign: no step, and none to compare the next one with.
        grad = torch.where(agreement < 0, torch.zeros_like(grad), grad)
        size = step_size.clone() if group["differentiable"] else step_size
        param.addcmul_(grad.sign(), size, value=-1)
        prev.copy_(grad)
