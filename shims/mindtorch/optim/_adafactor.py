"""Adafactor (Shazeer & Stern 2018, without update clipping by momentum; ``torch.optim.Adafactor``)."""

from __future__ import annotations

from typing import Any, ClassVar

import mindtorch as torch
from mindtorch.optim._per_parameter import PerParameter
from mindtorch.optim.optimizer import scalar

__all__ = ["Adafactor"]


class Adafactor(PerParameter):
    """Adam's second moment as an outer product of row and column averages; no first moment.

    State: ``step``, and ``row_var`` (..., n, 1) and ``col_var`` (..., 1, m) of a matrix, ``variance`` of a vector.

    Args:
        eps: added to the squared gradient (None: the dtype's epsilon), and the least scale of a parameter.
        d: bound of an update's root mean square.
    """

    _added: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False}
    _has_weight_decay = False

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, torch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        })  # fmt: skip

    def _check(self, params: list[Any], group: dict[str, Any]) -> None:
        if any(torch.is_complex(p) for p in params):
            raise RuntimeError("Adafactor does not support complex parameters")
        super()._check(params, group)

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        grad = param.grad
        if grad.dim() < 2:
            return self._zeros(grad, "variance")
        shape = tuple(grad.shape)
        return {
            "row_var": grad.new_zeros((*shape[:-1], 1)),
            "col_var": grad.new_zeros((*shape[:-2], 1, shape[-1])),
        }

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, step = scalar(group["lr"]), state["step"].item()
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = torch.finfo(param.dtype).eps
        new_share = step ** group["beta2_decay"]
        scale = max(eps2, param.norm(2).item() / param.numel() ** 0.5)
        rate = scale * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            row_var, col_var = state["row_var"], state["col_var"]
            row_var.lerp_(self._mean_square(grad, -1), new_share)
            col_var.lerp_(self._mean_square(grad, -2), new_share)
            second = (row_var @ col_var).div_(row_var.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            state["variance"].lerp_(grad * grad, new_share)
            second = state["variance"].clone()
        update = second.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        size = update.norm(2).item() / (update.numel() ** 0.5 * group["d"])
        param.add_(update, alpha=-rate / max(1.0, size))

    @staticmethod
    def _mean_square(grad: Any, dim: int) -> Any:
        return torch.norm(grad, dim=dim, keepdim=True).square_().div_(grad.size(dim))
