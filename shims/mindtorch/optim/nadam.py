"""NAdam, Adam with Nesterov's momentum (Dozat 2016; ``torch.optim.nadam``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter, check_betas, check_not_negative
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["NAdam"]


class NAdam(PerParameter):
    """Adam that looks one momentum step ahead. State: ``step``, ``mu_product``, ``exp_avg``, ``exp_avg_sq``."""

    _added = PerParameter._added | {"capturable": False, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        })  # fmt: skip

    def _counts(self) -> tuple[str, ...]:
        return ("step", "mu_product")

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        dtype = torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32
        device = param.device if group["capturable"] else None
        return {"mu_product": torch.ones((), dtype=dtype, device=device), **self._zeros(param, "exp_avg", "exp_avg_sq")}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, (beta1, beta2), step = scalar(group["lr"]), group["betas"], state["step"].item()
        exp_avg, exp_avg_sq, mu_product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        mu_product *= mu
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denom = exp_avg_sq.div(1 - beta2**step).sqrt().add(group["eps"])
        product = mu_product.item()
        param.addcdiv_(grad, denom, value=-lr * (1.0 - mu) / (1.0 - product))
        # A recorded update must not see the average that the next step changes in place.
        average = exp_avg.clone() if group["differentiable"] else exp_avg
        param.addcdiv_(average, denom, value=-lr * mu_next / (1.0 - product * mu_next))
