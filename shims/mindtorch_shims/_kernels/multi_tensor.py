"""Operations on lists of tensors, as apex's ``amp_C`` and TransformerEngine have them.

Every function takes ``(chunk_size, noop_flag, tensor_lists, ...)``: lists of the same length, one for each operand,
whose tensors of one index belong together. The chunk size is CUDA's business and is not looked at. ``noop_flag`` is an
integer tensor of one element that becomes 1 where an input is not finite; functions that do not say so leave it alone.
Arithmetic is in float32 (float64 for float64), and results are rounded to the tensor that they are written to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mindtorch as torch
from mindtorch import Tensor

Lists = Sequence[Sequence[Tensor]]

L2_MODE, DECOUPLED_MODE = 0, 1


class MultiTensorApply:
    """Calls an operation on lists of tensors: ``multi_tensor_applier(op, noop_flag, tensor_lists, *arguments)``."""

    available = True
    warned = False

    def __init__(self, chunk_size: int) -> None:
        self.chunk_size = chunk_size

    def __call__(self, op: Callable[..., Any], noop_flag_buffer: Tensor, tensor_lists: Lists, *args: Any) -> Any:
        return op(self.chunk_size, noop_flag_buffer, tensor_lists, *args)


multi_tensor_applier = MultiTensorApply(2048 * 32)


def _wide(tensor: Tensor) -> Tensor:
    """The tensor in the dtype of the arithmetic; itself where it has it."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def _flag_non_finite(noop_flag: Tensor, tensor: Tensor) -> None:
    if tensor.numel() and not bool(tensor.isfinite().all()):
        noop_flag.fill_(1)


@torch.no_grad()
def multi_tensor_scale(chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, scale: Any) -> None:
    """``[inputs, outputs]``: write ``input * scale`` to each output. An input that is not finite sets the flag."""
    for source, target in zip(*tensor_lists, strict=True):
        _flag_non_finite(noop_flag, source)
        if scale == 1.0:
            target.copy_(source)
        elif source is target:
            target.mul_(scale)
        else:
            target.copy_(_wide(source) * scale)


@torch.no_grad()
def multi_tensor_axpby(
    chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, a: float, b: float, arg_to_check: int
) -> None:
    """``[xs, ys, outputs]``: write ``a * x + b * y``. The flag is set by x (``arg_to_check`` 0), y (1) or both (-1)."""
    for x, y, target in zip(*tensor_lists, strict=True):
        for index, operand in enumerate((x, y)):
            if arg_to_check in (index, -1):
                _flag_non_finite(noop_flag, operand)
        target.copy_(_wide(x) * a + _wide(y) * b)


@torch.no_grad()
def multi_tensor_l2norm(
    chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, per_tensor: bool = False
) -> tuple[Tensor, Tensor]:
    """``[tensors]``: the 2-norm of all elements, [1], and with ``per_tensor`` that of each, [n]; float32."""
    (tensors,) = tensor_lists
    device = tensors[0].device if tensors else noop_flag.device
    if not tensors:
        return torch.zeros(1, device=device), torch.zeros(0, device=device)
    norms = torch.stack(list(torch._foreach_norm([_wide(t) for t in tensors], 2))).float()
    return norms.norm(2).reshape(1), norms if per_tensor else torch.zeros(0, device=device)


@torch.no_grad()
def multi_tensor_unscale_l2norm(
    chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, inv_scale: Tensor, per_tensor: bool = False
) -> tuple[Tensor, Tensor]:
    """As :func:`multi_tensor_l2norm`, of the tensors times ``inv_scale`` (shape [1]); they are not written to."""
    total, each = multi_tensor_l2norm(chunk_size, noop_flag, tensor_lists, per_tensor)
    factor = inv_scale.abs()
    return total * factor, each * factor if per_tensor else each


@torch.no_grad()
def multi_tensor_adam(
    chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, lr: Any, beta1: float, beta2: float, eps: float,
    step: int, mode: int, bias_correction: bool, weight_decay: float,
) -> None:  # fmt: skip
    """``[gradients, parameters, first moments, second moments]`` and optionally ``masters``: one step of Adam in place.

    ``mode`` 0 adds the weight decay to the gradient, 1 decouples it (AdamW). With master weights these are updated and
    the parameters are rounded copies of them. Kingma & Ba 2015, in the order of PyTorch's ``torch.optim.AdamW``.
    """
    correction1 = 1 - beta1**step if bias_correction else 1.0
    correction2 = 1 - beta2**step if bias_correction else 1.0
    for grad, param, exp_avg, exp_avg_sq, *master in zip(*tensor_lists, strict=True):
        gradient, target = _wide(grad), master[0] if master else _wide(param)
        first, second = _wide(exp_avg), _wide(exp_avg_sq)
        if weight_decay:
            if mode == DECOUPLED_MODE:
                target.mul_(1 - lr * weight_decay)
            else:
                gradient = gradient.add(target, alpha=weight_decay)
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        denominator = (second.sqrt() / correction2**0.5).add_(eps)
        target.addcdiv_(first, denominator, value=-(lr / correction1))
        for given, computed in ((exp_avg, first), (exp_avg_sq, second), (param, target)):
            if given is not computed:
                given.copy_(computed)


@torch.no_grad()
def multi_tensor_sgd(
    chunk_size: int, noop_flag: Tensor, tensor_lists: Lists, weight_decay: float, momentum: float, dampening: float,
    lr: float, nesterov: bool, first_run: bool, wd_after_momentum: bool, scale: float,
) -> None:  # fmt: skip
    """``[gradients, parameters, momenta]`` and optionally ``copies`` of the parameters: one step of SGD in place.

    Gradients are multiplied by ``scale``. In the ``first_run`` the momenta are the gradients themselves.
    """
    for grad, param, buffer, *copy in zip(*tensor_lists, strict=True):
        target = _wide(param)
        change = _wide(grad) * scale
        if weight_decay and not wd_after_momentum:
            change.add_(target, alpha=weight_decay)
        if momentum:
            if first_run:
                buffer.copy_(change)
            else:
                buffer.mul_(momentum).add_(change, alpha=1 - dampening)
            change = change.add(buffer, alpha=momentum) if nesterov else _wide(buffer)
        if weight_decay and wd_after_momentum:
            change = change.add(target, alpha=weight_decay)
        target.add_(change, alpha=-lr)
        for other in (*([] if target is param else [param]), *copy):
            other.copy_(target)
