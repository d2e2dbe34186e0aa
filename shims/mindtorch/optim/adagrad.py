"""Adagrad (Duchi, Hazan & Singer 2011; ``torch.optim.adagrad``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter, check_not_negative
from mindtorch.optim.optimizer import check_flags, check_lr, new_step, scalar

__all__ = ["Adagrad"]


class Adagrad(PerParameter):
    """Step sizes divided by the root of the sum of squared gradients. State: ``step``, ``sum``."""

    _added = PerParameter._added | {"fused": None}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(
            lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        check_flags(fused, foreach, differentiable)
        # The sums exist from the start, as in PyTorch: they carry the initial value.
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update({"step": new_step(p, group), **self._new_state(p, group)})

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        first = group["initial_accumulator_value"]
        first = complex(first, first) if torch.is_complex(param) else first
        return {"sum": torch.full_like(param, first, memory_format=torch.preserve_format)}

    def share_memory(self) -> None:
        """Move the sums to shared memory."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        rate = scalar(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        state_sum = state["sum"]
        state_sum.addcmul_(grad, grad, value=1)
        std = state_sum.sqrt()
        # The square root keeps its result for the backward pass.
        std = std.add(group["eps"]) if group["differentiable"] else std.add_(group["eps"])
        param.addcdiv_(grad, std, value=-rate)
