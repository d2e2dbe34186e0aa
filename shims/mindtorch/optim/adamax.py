"""Adamax, Adam with the infinity norm (Kingma & Ba 2015, section 7; ``torch.optim.adamax``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter, check_betas, check_not_negative
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["Adamax"]


class Adamax(PerParameter):
    """Steps divided by the largest recent gradient. State: ``step``, ``exp_avg``, ``exp_inf``."""

    _added = PerParameter._added | {"capturable": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        return self._zeros(param, "exp_avg", "exp_inf")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        exp_avg, exp_inf = state["exp_avg"], state["exp_inf"]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_inf.copy_(torch.maximum(exp_inf * beta2, grad.abs().add_(group["eps"])))
        rate = scalar(group["lr"]) / (1 - beta1 ** state["step"].item())
        if group["differentiable"]:
            # The next step changes the averages in place: the recorded update keeps its own.
            exp_avg, exp_inf = exp_avg.clone(), exp_inf.clone()
        param.addcdiv_(exp_avg, exp_inf, value=-rate)
