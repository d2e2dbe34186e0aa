"""Adadelta (Zeiler 2012; ``torch.optim.adadelta``)."""

from __future__ import annotations

from typing import Any

from mindtorch.optim._per_parameter import PerParameter, check_not_negative
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["Adadelta"]


class Adadelta(PerParameter):
    """Steps as large as the running root mean square of the last ones. State: ``step``, ``square_avg``,
    ``acc_delta``."""

    _added = PerParameter._added | {"capturable": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(epsilon=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        return self._zeros(param, "square_avg", "acc_delta")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        square_avg, acc_delta = state["square_avg"], state["acc_delta"]
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        std = square_avg.add(eps).sqrt_()
        delta = acc_delta.add(eps).sqrt_()
        if group["differentiable"]:
            # The square root keeps its result for the backward pass.
            delta = delta.clone()
        delta.div_(std).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-scalar(group["lr"]))
