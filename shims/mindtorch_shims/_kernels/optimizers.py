"""What apex's and TransformerEngine's Adam and SGD share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor
from mindtorch.optim import Optimizer

from .multi_tensor import DECOUPLED_MODE, L2_MODE, multi_tensor_adam, multi_tensor_applier, multi_tensor_sgd


def called(closure: Callable[[], Any] | None) -> Any:
    """The closure's loss, computed with gradients."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


class AdamBase(Optimizer):
    """Adam whose moments are float32 whatever the parameters are, and whose step is counted by group.

    State a parameter: ``exp_avg``, ``exp_avg_sq``. ``group["step"]`` is an int from the first step on.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any], adam_w_mode: bool) -> None:
        super().__init__(params, defaults)
        self.adam_w_mode = DECOUPLED_MODE if adam_w_mode else L2_MODE
        device = next((p.device for group in self.param_groups for p in group["params"]), torch.device("cpu"))
        self._dummy_overflow_buf = torch.zeros(1, dtype=torch.int, device=device)

    def gradient_of(self, param: Tensor) -> Tensor | None:
        """What the step goes along; None leaves the parameter alone."""
        return param.grad

    def buffers_of(self, param: Tensor) -> list[Tensor]:
        """First moment, second moment and, where there is one, master weight; made at the first step."""
        state = self.state[param]
        if not state:
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = torch.zeros_like(param, dtype=moments_dtype(param))
        return [state["exp_avg"], state["exp_avg_sq"]]

    def written(self, param: Tensor, buffers: list[Tensor]) -> None:
        """Called with what :meth:`buffers_of` gave, after the step."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; returns the closure's loss."""
        loss = called(closure)
        for group in self.param_groups:
            if not group["params"]:
                continue
            group["step"] = group.get("step", 0) + 1
            beta1, beta2 = group["betas"]
            for param in group["params"]:
                grad = self.gradient_of(param)
                if grad is None:
                    continue
                if grad.is_sparse:
                    raise RuntimeError("FusedAdam does not support sparse gradients")
                buffers = self.buffers_of(param)
                multi_tensor_applier(
                    multi_tensor_adam, self._dummy_overflow_buf, [[grad], [param], *([b] for b in buffers)],
                    group["lr"], beta1, beta2, group["eps"], group["step"], self.adam_w_mode,
                    group["bias_correction"], group["weight_decay"],
                )  # fmt: skip
                self.written(param, buffers)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As every optimizer, but the state keeps the dtypes that it was saved in. AdamW's will do, too."""
        super().load_state_dict(state_dict)
        saved = state_dict["state"]
        ids = [i for group in state_dict["param_groups"] for i in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        for index, param in zip(ids, params, strict=True):
            for name, value in saved.get(index, {}).items():
                if isinstance(value, Tensor):
                    self.state[param][name] = value.detach().clone().to(param.device)
        for group in self.param_groups:
            self._adopt(group)

    def _adopt(self, group: dict[str, Any]) -> None:
        """Make a loaded group this optimizer's own: ``torch.optim`` counts steps by parameter, and has other options.

        Raises:
            RuntimeError: options that this optimizer does not have are on, or the group's parameters differ in steps.
        """
        on = [name for name in ("amsgrad", "maximize") if group.get(name)]
        if on:
            raise RuntimeError(f"FusedAdam does not support the loaded group's {' and '.join(on)}")
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        states = [self.state[param] for param in group["params"] if param in self.state]
        steps = {int(state.pop("step")) for state in states if "step" in state}
        if "step" in group:
            steps = {int(group["step"])}
        if len(steps) > 1:
            raise RuntimeError(f"FusedAdam counts the steps of a group, and the loaded parameters have {sorted(steps)}")
        if steps:
            group["step"] = steps.pop()


def moments_dtype(param: Tensor) -> torch.dtype:
    """float64 for float64 parameters, else float32."""
    return torch.float64 if param.dtype == torch.float64 else torch.float32


class SGDBase(Optimizer):
    """SGD with momentum. State a parameter: ``momentum_buffer``, from the first step with momentum on."""

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float, dampening: float, weight_decay: float,
        nesterov: bool, wd_after_momentum: bool,
    ) -> None:  # fmt: skip
        for name, value in (("learning rate", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"Invalid {name} value: {value}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov,
        })  # fmt: skip
        self.wd_after_momentum = wd_after_momentum
        device = next((p.device for group in self.param_groups for p in group["params"]), torch.device("cpu"))
        self._dummy_overflow_buf = torch.zeros(1, dtype=torch.int, device=device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; returns the closure's loss."""
        loss = called(closure)
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.grad.is_sparse:
                    raise RuntimeError("FusedSGD does not support sparse gradients")
                # Without momentum the operation does not look at a buffer.
                first, buffer = False, param
                if group["momentum"]:
                    state = self.state[param]
                    first = state.get("momentum_buffer") is None
                    if first:
                        state["momentum_buffer"] = torch.zeros_like(param)
                    buffer = state["momentum_buffer"]
                multi_tensor_applier(
                    multi_tensor_sgd, self._dummy_overflow_buf,
                    [[param.grad], [param], [buffer]],
                    group["weight_decay"], group["momentum"], group["dampening"], group["lr"], group["nesterov"],
                    first, self.wd_after_momentum, 1.0,
                )  # fmt: skip
        return loss


def checked_zero_grad(set_to_none: bool | None, configured: bool | None) -> bool:
    """Which of the two ways of clearing gradients is meant; they must not contradict each other."""
    if set_to_none is not None and configured is not None and set_to_none != configured:
        raise ValueError(f"zero_grad(set_to_none={set_to_none}) on an optimizer made with set_grad_none={configured}")
    return next((value for value in (set_to_none, configured) if value is not None), True)
