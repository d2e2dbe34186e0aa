"""Muon (Jordan et al. 2024; ``torch.optim.Muon``): momentum whose matrices are made orthogonal."""

from __future__ import annotations

from typing import Any, ClassVar

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter
from mindtorch.optim.optimizer import scalar

__all__ = ["Muon"]

_ADJUSTMENTS = ("original", "match_rms_adamw")


class Muon(PerParameter):
    """For the weight matrices of hidden layers; other parameters want another optimizer. State: ``momentum_buffer``.

    Args:
        ns_coefficients: of the polynomial of one Newton-Schulz step.
        ns_steps: number of Newton-Schulz steps.
        adjust_lr_fn: how the rate depends on the matrix's shape, ``"original"`` or ``"match_rms_adamw"``.
    """

    _added: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for name, value in (("learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not value >= 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn is not None and adjust_lr_fn not in _ADJUSTMENTS:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _check(self, params: list[Any], group: dict[str, Any]) -> None:
        if any(torch.is_complex(p) for p in params):
            raise RuntimeError("Muon does not support complex parameters")
        super()._check(params, group)

    def _step_one(self, param: Any, group: dict[str, Any]) -> None:
        grad, momentum = param.grad, group["momentum"]
        state = self.state[param]
        if not state:
            state.update(self._zeros(grad, "momentum_buffer"))
        buffer = state["momentum_buffer"]
        buffer.lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        lr = scalar(group["lr"])
        rows, columns = param.shape
        if group["adjust_lr_fn"] in (None, "original"):
            ratio = max(1, rows / columns) ** 0.5
        else:
            ratio = 0.2 * max(rows, columns) ** 0.5
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * ratio)


def orthogonalized(grad: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The nearest matrix with singular values about 1, by Newton-Schulz steps in bfloat16; the input's dtype is kept
    out of it: the result is bfloat16.

    Raises:
        ValueError: 100 steps or more, not a matrix, not three coefficients.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if grad.ndim != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = grad.bfloat16()
    tall = grad.size(0) > grad.size(1)
    if tall:
        x = x.T
    # Singular values of at most 1 are what the polynomial converges from.
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.addmm(x, polynomial, x, beta=a)
    return x.T if tall else x
