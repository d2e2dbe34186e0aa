"""What the optimizers share that update every parameter by itself: flags, counts, checks and the loop."""

from __future__ import annotations

from typing import Any, ClassVar

import mindtorch as torch
from mindtorch.optim.optimizer import Optimizer, check_fused, new_step, run_closure, scalar, use_grad_for_differentiable

__all__ = ["PerParameter", "check_betas", "check_capturable", "check_not_negative"]


def check_not_negative(**values: Any) -> None:
    """Raise PyTorch's ValueError for a setting below zero (or NaN)."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: Any) -> None:
    """Raise PyTorch's ValueError for a decay rate outside [0, 1)."""
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_capturable(params: list[Any], group: dict[str, Any]) -> None:
    """As PyTorch: ``capturable`` is for accelerators, AssertionError for parameters in the host's memory."""
    if group.get("capturable") and any(p.device.type == "cpu" for p in params):
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            "['cuda', 'xpu', 'hpu', 'privateuseone', 'xla']."
        )


class PerParameter(Optimizer):
    """Base of optimizers that update one parameter after the other.

    A subclass gives ``_new_state`` (the tensors of the first step, without ``step``) and ``_update``. ``foreach`` and
    ``capturable`` choose no other arithmetic: there is one, in the order of PyTorch's single-tensor implementation.
    """

    # Settings that parameter groups of old checkpoints may lack.
    _added: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False, "differentiable": False}
    # Whether the base does weight decay; False where the optimizer has none or does it by itself.
    _has_weight_decay = True
    # What the message for sparse gradients recommends.
    _instead = ""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._added.items():
                group.setdefault(name, value)
            for p in group["params"]:
                p_state = self.state.get(p, {})
                # Checkpoints of old versions hold counts and factors as numbers.
                for name in self._counts():
                    if name in p_state and not torch.is_tensor(p_state[name]):
                        p_state[name] = new_step(p, group) + float(p_state[name])

    def _counts(self) -> tuple[str, ...]:
        """Names of what is a number in every parameter's state."""
        return ("step",)

    @use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One update of all parameters that have a gradient; returns the closure's loss."""
        loss = run_closure(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            self._check(params, group)
            for p in params:
                self._step_one(p, group)
        return loss

    def _check(self, params: list[Any], group: dict[str, Any]) -> None:
        """Refuse what the optimizer cannot update."""
        if any(p.grad.is_sparse for p in params):
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients{self._instead}")
        check_capturable(params, group)
        check_fused(params, group)

    def _state_of(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The parameter's state, made at its first step."""
        state = self.state[param]
        if not state:
            state["step"] = new_step(param, group)
            state.update(self._new_state(param, group))
        return state

    def _step_one(self, param: Any, group: dict[str, Any]) -> None:
        state = self._state_of(param, group)
        state["step"] += 1
        grad = -param.grad if group["maximize"] else param.grad
        if self._has_weight_decay and group["weight_decay"] != 0:
            if group.get("decoupled_weight_decay", False):
                param.mul_(1 - scalar(group["lr"]) * group["weight_decay"])
            else:
                grad = grad.add(param, alpha=group["weight_decay"])
        if torch.is_complex(param):
            # Complex numbers are updated as pairs of reals.
            param, grad = torch.view_as_real(param), torch.view_as_real(grad)
            state = {k: torch.view_as_real(v) if torch.is_complex(v) else v for k, v in state.items()}
        self._update(param, grad, state, group)

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step, but for ``step``."""
        raise NotImplementedError

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Update ``param`` and the tensors of ``state`` in place; ``state["step"]`` counts this step already."""
        raise NotImplementedError

    @staticmethod
    def _zeros(param: Any, *names: str) -> dict[str, Any]:
        return {name: torch.zeros_like(param, memory_format=torch.preserve_format) for name in names}
