"""Cross entropy of logits that are split over tensor parallel ranks (``transformer_engine.pytorch.cross_entropy``)."""

from __future__ import annotations

from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch import Tensor

from ..._missing import module_getattr

__all__ = ["parallel_cross_entropy"]
__getattr__ = module_getattr(__name__)


class CrossEntropyFunction(torch.autograd.Function):
    """See :func:`parallel_cross_entropy`, which is its ``apply``."""

    @staticmethod
    def forward(
        ctx: Any, _input: Tensor, target: Tensor, label_smoothing: float = 0.0, reduce_loss: bool = False,
        dist_process_group: Any = None,
    ) -> Tensor:  # fmt: skip
        parts = 1 if dist_process_group is None else dist.get_world_size(dist_process_group)
        rank = 0 if dist_process_group is None else dist.get_rank(dist_process_group)

        def total(x: Tensor, op: Any = dist.ReduceOp.SUM) -> Tensor:
            if parts > 1:
                dist.all_reduce(x, op=op, group=dist_process_group)
            return x

        logits = _input.float().reshape(-1, _input.shape[-1])
        shifted = logits - total(logits.amax(-1, keepdim=True), dist.ReduceOp.MAX)
        exps = shifted.exp()
        normalizer = total(exps.sum(-1, keepdim=True))
        local = target.reshape(-1, 1) - rank * logits.shape[-1]
        elsewhere = (local < 0) | (local >= logits.shape[-1])
        local = local.masked_fill(elsewhere, 0)
        hit = total(shifted.gather(1, local).masked_fill(elsewhere, 0.0))
        losses = normalizer.log() - hit
        vocabulary = parts * logits.shape[-1]
        if label_smoothing:
            mean = total(shifted.sum(-1, keepdim=True)) / vocabulary
            losses = (1 - label_smoothing) * losses + label_smoothing * (normalizer.log() - mean)
        ctx.save_for_backward(exps.div_(normalizer), local, elsewhere)
        ctx.label_smoothing, ctx.vocabulary, ctx.reduce_loss = label_smoothing, vocabulary, reduce_loss
        ctx.shape, ctx.dtype = _input.shape, _input.dtype
        return losses.mean() if reduce_loss else losses.reshape(target.shape)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        softmax, local, elsewhere = ctx.saved_tensors
        grad = softmax - ctx.label_smoothing / ctx.vocabulary
        grad.scatter_add_(1, local, elsewhere.to(grad.dtype).sub_(1).mul_(1 - ctx.label_smoothing))
        grad.mul_(grad_output / len(grad) if ctx.reduce_loss else grad_output.reshape(-1, 1))
        return grad.reshape(ctx.shape).to(ctx.dtype), None, None, None, None


def parallel_cross_entropy(
    _input: Tensor, target: Tensor, label_smoothing: float = 0.0, reduce_loss: bool = False,
    dist_process_group: Any = None,
) -> Tensor:  # fmt: skip
    """Cross entropy, in float32.

    Args:
        _input: logits [b, s, v], this rank's part of the vocabulary; ranks have equal parts in their order.
        target: indices into the whole vocabulary, [b, s].
        label_smoothing: the part of the probability that all words share.
        reduce_loss: the mean over all positions in the place of a loss for each.
        dist_process_group: the ranks that the vocabulary is split over; None for one.
    """
    return CrossEntropyFunction.apply(_input, target, label_smoothing, reduce_loss, dist_process_group)
