"""Losses with margins, and the distances that they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ._checks import anywhere
from ._promote import check_sizes
from ._registry import op
from .activation import logsigmoid
from .composite import where
from .loss import check_reduction, legacy_reduction, reduced
from .shape import broadcast_tensors

F = "nn.functional"


# ------------------------------------------------------------------ distances
@op(method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    if not (x1.dtype.is_floating_point and x2.dtype.is_floating_point):
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {x1.dtype}")
    x1, x2 = broadcast_tensors(x1, x2)
    return ((x1 / _length(x1, dim, eps)) * (x2 / _length(x2, dim, eps))).sum(dim)


def _length(x: Tensor, dim: int, eps: float) -> Tensor:
    """The norm along `dim`, at least `eps`; where the bound holds the gradient is that of the norm, 0 at 0."""
    squares = (x * x).sum(dim, keepdim=True)
    norm = where(squares > 0, where(squares > 0, squares, 1.0).sqrt(), squares)
    return norm + (norm.detach().clamp_min(eps) - norm.detach())


op("cosine_similarity", module=F, method=False)(cosine_similarity)


@op(method=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    return (x1 - x2 + eps).norm(p, -1, keepdim)


op("pairwise_distance", module=F, method=False)(pairwise_distance)


@op(method=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    from .creation import tensor

    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.shape[0]
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    if not pairs or not input.shape[1]:
        return input.new_zeros((len(pairs),)) + input.sum() * 0
    rows = tensor(pairs, device=input.device)
    return _p_norm(input[rows[:, 0]] - input[rows[:, 1]], p)


op("pdist", module=F, method=False)(pdist)


def _p_norm(d: Tensor, p: float) -> Tensor:
    """The p-norm of the rows, with gradient 0 where a row is 0."""
    if p == 0:
        return (d != 0).to(d.dtype).sum(-1) + (d * 0).sum(-1)
    if p == math.inf:
        return d.abs().amax(-1)
    total = d.abs().sum(-1) if p == 1 else (d * d if p == 2 else d.abs() ** p).sum(-1)
    if p == 1:
        return total
    safe = where(total > 0, total, 1.0)
    return where(total > 0, safe.sqrt() if p == 2 else safe ** (1 / p), total * 0)


# ------------------------------------------------------------------ two inputs, a label of -1 or 1
@op(module=F, method=False)
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_sizes(input._arr.shape, target._arr.shape)
    return reduced((-target * input).exp().log1p(), reduction)


@op(module=F, method=False)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@op(module=F, method=False)
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    apart = where(target != 1, (margin - input).clamp_min(0), 0.0)
    return reduced(apart + where(target != -1, input, 0.0), reduction)


@op(module=F, method=False)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if target.dim() not in (0, 1):
        raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported, got {target.dim()}D")
    wanted = target.dim() + 1
    if input1.dim() != wanted or input2.dim() != wanted:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {wanted}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    dim = target.dim()
    product = (input1 * input2).sum(dim)
    magnitudes = ((input1 * input1).sum(dim) + 1e-12) * ((input2 * input2).sum(dim) + 1e-12)
    cosine = product / magnitudes.sqrt()
    alike = where(target == 1, 1 - cosine, 0.0)
    return reduced(alike + where(target == -1, (cosine - margin).clamp_min(0), 0.0), reduction)


# ------------------------------------------------------------------ classes
@op(module=F, method=False)
def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    if not (input.dim() == 2 and input.shape[1]) and not (input.dim() == 1 and input.shape[0]) and input.dim():
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: " f"{list(input.shape)}"
        )
    single = input.dim() < 2
    x = input.reshape(1, -1) if single else input
    y = target.reshape(-1)
    if y.shape[0] != x.shape[0]:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{x.shape[0]}], but got {list(target.shape)}. Input has shape "
            f"{list(input.shape)}."
        )
    if anywhere((y < 0) | (y >= x.shape[1])):
        raise RuntimeError("target out of range")
    excess = (margin - x.gather(1, y.unsqueeze(1)) + x).clamp_min(0)
    if p == 2:
        excess = excess * excess
    if weight is not None:
        excess = excess * weight[y].unsqueeze(1)
    own = x.new_zeros(tuple(x.shape)).scatter(1, y.unsqueeze(1), 1) > 0
    loss = where(own, 0.0, excess).sum(1) / x.shape[1]
    if single and (target.dim() == 0 or input.dim() == 0):
        loss = loss.reshape(())
    return reduced(loss, reduction)


@op(module=F, method=False)
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if input.shape != target.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    classes = input.shape[-1] if input.dim() else 1
    x, y = input.reshape(-1, classes), target.reshape(-1, classes)
    listed = ((y < 0).long().cumsum(1) == 0)  # the labels before the first -1
    if anywhere((y >= classes) | (y < -1)):
        raise RuntimeError("target out of range")
    index = y.masked_fill(~listed, 0)
    is_label = x.detach().new_zeros(tuple(x.shape)).scatter_add(1, index, listed.to(x.dtype)) > 0
    own = x.gather(1, index)
    excess = (1 - own.unsqueeze(2) + x.unsqueeze(1)).clamp_min(0)  # sample, label, class
    counted = listed.unsqueeze(2) & ~is_label.unsqueeze(1)
    loss = where(counted, excess, 0.0).sum((1, 2)) / classes
    return reduced(loss.reshape(tuple(input.shape[:-1])), reduction)


@op(module=F, method=False)
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / (input.shape[-1] if input.dim() else 1), reduction)


# ------------------------------------------------------------------ triplets
@op(module=F, method=False)
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@op(module=F, method=False)
def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable[[Tensor, Tensor], Tensor], margin: float,
    swap: bool, reduction: str,
) -> Tensor:  # fmt: skip
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
