"""A linear layer of which each tensor parallel rank has a part, with its own gradient."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
import mindtorch.nn.functional as F
from mindtorch import Tensor

from ...._kernels.weight_gradient import accumulate
from ..distributed import allreduce, gather_along_first_dim, reduce_scatter_along_first_dim


class _Linear(torch.autograd.Function):
    """``inp @ weight^T``, gathered before (column) or reduced after (row) as the parallel mode asks.

    Only this rank's part of the input is kept; it is gathered again for the weight gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, inp: Tensor, weight: Tensor, bias: Tensor | None, group: Any, mode: str | None,
        sequence_parallel: bool, fuse_wgrad_accumulation: bool,
    ) -> Tensor:  # fmt: skip
        ctx.group, ctx.mode, ctx.sequence_parallel = group, mode, sequence_parallel
        ctx.fuse = fuse_wgrad_accumulation
        ctx.has_bias = bias is not None
        # The parameter itself, which has main_grad; saved tensors come back as other objects.
        ctx.weight = weight if fuse_wgrad_accumulation else None
        ctx.save_for_backward(inp, weight)
        total = gather_along_first_dim(inp, group)[0] if mode == "column" and sequence_parallel else inp
        out = F.linear(total, weight.to(inp.dtype), None if bias is None else bias.to(inp.dtype))
        if mode == "row":
            reduce = reduce_scatter_along_first_dim if sequence_parallel else allreduce
            out = reduce(out, group)[0]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inp, weight = ctx.saved_tensors
        wants_input, wants_weight, wants_bias, *_ = ctx.needs_input_grad
        if ctx.mode == "row" and ctx.sequence_parallel:
            grad = gather_along_first_dim(grad, ctx.group)[0]
        grad_input = grad_weight = grad_bias = None
        if wants_input:
            grad_input = grad @ weight.to(grad.dtype)
            if ctx.mode == "column":
                reduce = reduce_scatter_along_first_dim if ctx.sequence_parallel else allreduce
                grad_input = reduce(grad_input, ctx.group)[0]
        if wants_weight:
            gathered = ctx.mode == "column" and ctx.sequence_parallel
            total = gather_along_first_dim(inp, ctx.group)[0] if gathered else inp
            grad_weight = _weight_gradient(ctx, total, grad, weight)
        if wants_bias and ctx.has_bias:
            grad_bias = grad.reshape(-1, grad.shape[-1]).sum(0)
        return grad_input, grad_weight, grad_bias, None, None, None, None


def _weight_gradient(ctx: Any, inp: Tensor, grad: Tensor, weight: Tensor) -> Tensor | None:
    if not ctx.fuse:
        return grad.reshape(-1, grad.shape[-1]).t() @ inp.reshape(-1, inp.shape[-1])
    accumulate(inp, grad, ctx.weight.main_grad)
    if not hasattr(ctx.weight, "grad_added_to_main_grad"):
        return None
    # A gradient has to arrive, for hooks that wait for one; the flag says that it does not count.
    ctx.weight.grad_added_to_main_grad = True
    return torch.zeros_like(weight)


def linear(
    inp: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, group: Any, mode: str | None, size: int,
    sequence_parallel: bool, fuse_wgrad_accumulation: bool,
) -> Tensor:  # fmt: skip
    """A linear layer in ``dtype``.

    Args:
        inp: [..., in]; with sequence parallelism in column mode this rank's part of the first dimension.
        weight: [out, in], this rank's part.
        bias: [out], or None. In row mode it is added once, after the sum over the ranks.
        fuse_wgrad_accumulation: add the weight gradient to ``weight.main_grad`` in the place of ``weight.grad``.
    Returns: [..., out]; with sequence parallelism in row mode this rank's part of the first dimension.
    """
    with torch.autocast(inp.device.type, enabled=False):
        inp = inp.to(dtype)
        if size == 1 and not fuse_wgrad_accumulation:
            return F.linear(inp, weight.to(dtype), None if bias is None else bias.to(dtype))
        after = bias if mode == "row" and size > 1 else None
        mode = mode if size > 1 else None
        out = _Linear.apply(
            inp, weight, None if after is not None else bias, group, mode, sequence_parallel, fuse_wgrad_accumulation
        )
        return out if after is None else out + after.to(dtype)
