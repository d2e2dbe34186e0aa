"""Averaged stochastic gradient descent (Polyak & Juditsky 1992; ``torch.optim.asgd``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter, check_not_negative
from mindtorch.optim.optimizer import check_lr, scalar

__all__ = ["ASGD"]


class ASGD(PerParameter):
    """Gradient descent with a decaying rate, and the average of the parameters from step ``t0`` on.

    State: ``step``, ``eta`` (the rate), ``mu`` (how far the average moves), ``ax`` (the average).
    """

    _added = PerParameter._added | {"capturable": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _counts(self) -> tuple[str, ...]:
        return ("step", "eta", "mu")

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        dtype = torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32
        eta = torch.tensor(scalar(group["lr"]), device=param.device, dtype=dtype)
        mu = torch.ones((), device=param.device, dtype=dtype)
        return {"eta": eta, "mu": mu, **self._zeros(param, "ax")}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, lambd, step = scalar(group["lr"]), group["lambd"], state["step"].item()
        eta, mu, ax = state["eta"], state["mu"], state["ax"]
        param.mul_(1 - lambd * eta.item())
        param.add_(grad, alpha=-eta.item())
        if mu.item() != 1:
            ax.add_(param.sub(ax).mul_(mu))
        else:
            ax.copy_(param)
        eta.copy_(torch.as_tensor(lr / ((1 + lambd * lr * step) ** group["alpha"])))
        mu.copy_(torch.as_tensor(1 / max(1, step - group["t0"])))
