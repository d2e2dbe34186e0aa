"""Adam (Kingma & Ba 2015) and its AMSGrad variant (``torch.optim.adam``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch.optim import _adam_on_host
from mindtorch.optim._per_parameter import PerParameter, check_betas, check_not_negative
from mindtorch.optim.optimizer import (
    check_flags,
    check_lr,
    run_closure,
    scalar,
    use_grad_for_differentiable,
)

__all__ = ["Adam", "adam"]


class Adam(PerParameter):
    """Adam. ``decoupled_weight_decay`` makes it AdamW.

    State a parameter: ``step`` (float tensor), ``exp_avg``, ``exp_avg_sq`` and with ``amsgrad`` ``max_exp_avg_sq``.
    ``foreach``, ``fused`` and ``capturable`` are accepted: there is one implementation, with the order of operations
    of PyTorch's single-tensor one. With ``differentiable`` a rate or decay that is a tensor takes part in the graph.
    """

    _added = PerParameter._added | {
        "amsgrad": False, "capturable": False, "decoupled_weight_decay": False, "fused": None,
    }  # fmt: skip
    _instead = ", please consider SparseAdam instead"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, torch.Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        self._check_tensor_betas(betas, foreach, capturable)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip
        check_flags(fused, foreach, differentiable)

    @staticmethod
    def _check_tensor_betas(betas: tuple[Any, Any], foreach: Any, capturable: bool) -> None:
        tensors = [isinstance(beta, torch.Tensor) for beta in betas]
        if any(tensors) and not all(tensors):
            raise ValueError("betas must be either both floats or both Tensors")
        for index, beta in enumerate(betas if any(tensors) else ()):
            if foreach and not capturable:
                raise ValueError(
                    f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True"
                )
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{index}] must be 1-element")

    def _new_state(self, param: Any, group: dict[str, Any]) -> dict[str, Any]:
        return self._zeros(param, "exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))

    @use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One update of all parameters that have a gradient; returns the closure's loss."""
        loss = run_closure(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            self._check(params, group)
            states = [self._state_of(p, group) for p in params]
            beta1, beta2 = group["betas"]
            adam(
                params,
                [p.grad for p in params],
                [s["exp_avg"] for s in states],
                [s["exp_avg_sq"] for s in states],
                [s["max_exp_avg_sq"] for s in states] if group["amsgrad"] else [],
                [s["step"] for s in states],
                amsgrad=group["amsgrad"],
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=group["maximize"],
                foreach=group["foreach"],
                capturable=group["capturable"],
                differentiable=group["differentiable"],
                fused=group["fused"],
                grad_scale=getattr(self, "grad_scale", None),
                found_inf=getattr(self, "found_inf", None),
                decoupled_weight_decay=group["decoupled_weight_decay"],
            )
        return loss


def adam(
    params: list[Any],
    grads: list[Any],
    exp_avgs: list[Any],
    exp_avg_sqs: list[Any],
    max_exp_avg_sqs: list[Any],
    state_steps: list[Any],
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: bool,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One Adam update of each of ``params``, in place; all lists run parallel to it.

    The arithmetic is done in PyTorch's order, so that float32 results agree to rounding.
    """
    if not all(isinstance(t, torch.Tensor) for t in state_steps):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")
    if found_inf is not None and scalar(found_inf):
        return
    if not differentiable:
        lr, beta1, beta2 = scalar(lr), scalar(beta1), scalar(beta2)
    numbers = not (differentiable or amsgrad)
    for i, param in enumerate(params):
        grad = grads[i]
        if grad_scale is not None:
            grad = grad / grad_scale.to(grad.device)
        exp_avg, exp_avg_sq, step_t = exp_avgs[i], exp_avg_sqs[i], state_steps[i]
        step_t += 1
        if numbers and _adam_on_host.can_update(param, grad, exp_avg, exp_avg_sq):
            _adam_on_host.update(
                param, grad, exp_avg, exp_avg_sq, step=step_t.item(), lr=lr, beta1=beta1, beta2=beta2, eps=eps,
                weight_decay=weight_decay, decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
            )  # fmt: skip
            continue
        if maximize:
            grad = -grad
        if weight_decay != 0:
            if decoupled_weight_decay:
                param.mul_(1 - lr * weight_decay)
            else:
                grad = grad.add(param, alpha=weight_decay)
        if torch.is_complex(param):
            param, grad = torch.view_as_real(param), torch.view_as_real(grad)
            exp_avg, exp_avg_sq = torch.view_as_real(exp_avg), torch.view_as_real(exp_avg_sq)
        exp_avg.lerp_(grad, _as(grad, 1 - beta1))
        if isinstance(beta2, torch.Tensor):
            exp_avg_sq.mul_(beta2).add_(grad * grad * (1 - beta2))
        else:
            exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        step = step_t.item()
        step_size = lr / (1 - beta1**step)
        bias_correction2_sqrt = (1 - beta2**step) ** 0.5
        if amsgrad:
            max_exp_avg_sq = max_exp_avg_sqs[i]
            if torch.is_complex(max_exp_avg_sq):
                max_exp_avg_sq = torch.view_as_real(max_exp_avg_sq)
            # The recorded maximum keeps its operands, which are written to.
            operands = (max_exp_avg_sq, exp_avg_sq)
            largest = torch.maximum(*(t.clone() for t in operands)) if differentiable else torch.maximum(*operands)
            max_exp_avg_sq.copy_(largest)
            second = max_exp_avg_sq
        else:
            second = exp_avg_sq
        denom = (second.sqrt() / bias_correction2_sqrt).add_(eps)
        if isinstance(step_size, torch.Tensor):
            param.add_(exp_avg / denom * -step_size)
        else:
            # A recorded update must not see the average that the next step changes in place.
            param.addcdiv_(exp_avg.clone() if differentiable else exp_avg, denom, value=-step_size)


def _as(tensor: Any, weight: Any) -> Any:
    """A weight that is a tensor, in the dtype of another one."""
    return weight.to(tensor.dtype) if isinstance(weight, torch.Tensor) else weight
