"""RAdam, Adam with a rectified variance (Liu et al. 2020; ``torch.optim.radam``)."""

from __future__ import annotations

from typing import Any

from mindtorch.optim._per_parameter import PerParameter, check_betas, check_not_negative
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["RAdam"]


class RAdam(PerParameter):
    """Adam that divides by the second moment only once its variance is known. State: ``step``, ``exp_avg``,
    ``exp_avg_sq``."""

    _added = PerParameter._added | {"capturable": False, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        return self._zeros(param, "exp_avg", "exp_avg_sq")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, (beta1, beta2), step = scalar(group["lr"]), group["betas"], state["step"].item()
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        bias_correction2 = 1 - beta2**step
        update = exp_avg / (1 - beta1**step) * lr
        # Length of the simple moving average that the exponential one stands for, now and in the end.
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / bias_correction2
        if length > 5.0:
            adapted = bias_correction2**0.5 / exp_avg_sq.sqrt().add(group["eps"])
            rectified = (
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            ) ** 0.5
            update = update * adapted * rectified
        param.add_(update, alpha=-1.0)
