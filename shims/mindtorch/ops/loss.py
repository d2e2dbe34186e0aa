"""Losses of classification and regression; those of embeddings and margins are in ``margin_loss``."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .._dtype import int64, uint8
from .._tensor import Tensor
from ._checks import anywhere
from ._registry import FUNCTIONS, op, type_name
from .activation import logsigmoid
from .composite import where
from .shape import broadcast_tensors
from .softmax import log_softmax

F = "nn.functional"


def legacy_reduction(size_average: Any, reduce: Any, reduction: str, warn: bool = True) -> str:
    """The reduction that is meant, where the two flags that it replaced may be given."""
    if size_average is None and reduce is None:
        return reduction
    means = size_average is None or size_average
    meant = ("mean" if means else "sum") if reduce is None or reduce else "none"
    if warn:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.", stacklevel=4
        )
    return meant


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """`loss` reduced as 'none', 'mean' or 'sum' says. Raises ValueError for another word."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise _invalid(reduction)


def check_reduction(reduction: str) -> None:
    """Raises ValueError for another word than `reduced` knows: what PyTorch asks before it looks at the rest."""
    if reduction not in ("none", "mean", "sum"):
        raise _invalid(reduction)


def _invalid(reduction: str) -> ValueError:
    return ValueError(f"{reduction} is not a valid value for reduction")


# ------------------------------------------------------------------ classes
def _check_nll(input: Tensor, target: Tensor, weight: Tensor | None, classes: int) -> None:
    if input.dim() == 0:
        raise ValueError(f"Expected 1 or more dimensions (got {input.dim()})")
    if input.dim() > 1 and (not target.dim() or input.shape[0] != target.shape[0]):
        batch = target.shape[0] if target.dim() else 0
        if target.dim() != 0 or input.dim() != 1:
            raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({batch}).")
    if input.dim() <= 2 and target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dtype not in (int64, uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {type_name(target.dtype)}")
    if input.dim() > 2 and target.shape != (input.shape[0], *input.shape[2:]):
        raise RuntimeError(
            f"size mismatch (got input: {list(input.shape)} , target: {list(target.shape)}"
            if input.dim() == 4
            else f"Expected target size {[input.shape[0], *input.shape[2:]]}, got {list(target.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {type_name(input.dtype)} but found {type_name(weight.dtype)}")
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            f"of shape: {list(weight.shape)}"
        )


@op(module=F, method=False)
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    dim = 0 if input.dim() == 1 else 1
    classes = input.shape[dim] if input.dim() else 0
    _check_nll(input, target, weight, classes)
    if target.dtype is uint8:
        target = target.long()
    ignored = target == ignore_index
    outside = ((target < 0) | (target >= classes)) & ~ignored
    if anywhere(outside):
        bad = int(target.reshape(-1)[outside.reshape(-1)][0])
        raise IndexError(f"Target {bad} is out of bounds.")
    index = target.masked_fill(ignored, 0)
    picked = -input.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    factor = None if weight is None else weight[index]
    if factor is not None:
        picked = picked * factor
    any_ignored = anywhere(ignored)
    if any_ignored:
        picked = where(ignored, 0.0, picked)
    if reduction != "mean":
        return reduced(picked, reduction)
    if factor is None:
        return picked.sum() / (~ignored).sum() if any_ignored else picked.mean()
    return picked.sum() / (where(ignored, 0.0, factor).sum())


@op(module=F, method=False)
def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = 0 if input.dim() == 1 else 1
    if target.shape == input.shape and not target.dtype.is_floating_point and input.dim():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {type_name(target.dtype)}"
        )
    log_p = log_softmax(input, dim)
    if target.dtype.is_floating_point and target.shape == input.shape:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_target_loss(log_p, target, weight, reduction, label_smoothing, dim)
    loss = nll_loss(log_p, target, weight, None, ignore_index, None, reduction)
    if label_smoothing == 0:
        return loss
    classes = input.shape[dim]
    shape = [1] * input.dim()
    shape[dim] = classes
    smooth = -(log_p if weight is None else log_p * weight.view(shape)).sum(dim)
    ignored = target == ignore_index
    smooth = where(ignored, 0.0, smooth)
    if reduction == "mean":
        if weight is None:
            smooth = smooth.sum() / (~ignored).sum()
        else:
            smooth = smooth.sum() / where(ignored, 0.0, weight[target.masked_fill(ignored, 0)]).sum()
    else:
        smooth = reduced(smooth, reduction)
    return (1 - label_smoothing) * loss + smooth * (label_smoothing / classes)


def _soft_target_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int
) -> Tensor:
    classes = log_p.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        shape = [1] * log_p.dim()
        shape[dim] = classes
        log_p = log_p * weight.view(shape)
    loss = -(log_p * target).sum(dim)
    if reduction == "mean":
        return loss.sum() / (loss.numel() if loss.numel() else math.nan)
    return reduced(loss, reduction)


@op(module=F, method=False)
def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """Cross entropy of a linear map's result. `options` (of chunks) change PyTorch's memory use, never the value."""
    classes = tuple(linear_weight.shape[:-1])
    _check_linear(input, linear_weight, linear_bias, classes)
    logits = input.matmul(linear_weight.reshape(-1, linear_weight.shape[-1]).t())
    if linear_bias is not None:
        logits = logits + linear_bias.reshape(-1)
    if input.dim() > 1 or len(classes) > 1:
        logits = logits.reshape((*input.shape[:-1], *classes))
    index = -100 if ignore_index is None else ignore_index
    return cross_entropy(logits, target, weight, None, index, None, reduction, label_smoothing)


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None, classes: tuple[int, ...]) -> None:
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if not classes:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {input.shape[-1]} and "
            f"{weight.shape[-1]}, respectively"
        )
    if input.dim() == 1 and len(classes) > 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, "
            f"(N, {input.shape[-1]}), got unbatched input with shape {tuple(input.shape)}"
        )
    if bias is not None and tuple(bias.shape) != classes:
        raise RuntimeError(f"expected linear_bias shape {classes}, got {tuple(bias.shape)}")


# ------------------------------------------------------------------ probabilities
@op(module=F, method=False)
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    log_weight = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input - log_weight * logsigmoid(input)
    return reduced(loss if weight is None else loss * weight, reduction)


@op(module=F, method=False)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {type_name(target.dtype)} but expected {type_name(input.dtype)}")
    if anywhere((input < 0) | (input > 1)):
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = -(target * _bounded_log(input) + (1 - target) * _bounded_log(1 - input))
    return reduced(loss if weight is None else loss * weight, reduction)


def _bounded_log(x: Tensor) -> Tensor:
    return x.log().clamp(min=-100)


@op(module=F, method=False)
def kl_div(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the "
            "same as 'batchmean' in the next major release.",
            stacklevel=3,
        )
    entropy = target.exp() * target if log_target else FUNCTIONS[""]["xlogy"](target, target)
    loss = entropy - (target.exp() if log_target else target) * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.dim() else loss.sum()
    return reduced(loss, reduction)


@op(module=F, method=False)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Any = None,
    eps: float = 1e-8, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + where(target <= 1, 0.0, stirling)
    return reduced(loss, reduction)


@op(module=F, method=False)
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(tuple(input.shape), var)
    elif anywhere(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:  # one variance for all outputs of a sample
            var = var.unsqueeze(-1)
        elif not (
            input.dim() == var.dim() and sum(y != x for x, y in zip(input.shape, var.shape, strict=True)) == 1
            and any(y == 1 and x != 1 for x, y in zip(input.shape, var.shape, strict=True))
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    # The bound holds for the value, and the gradient passes as if there were none.
    var = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


# ------------------------------------------------------------------ distances
def _mind_sizes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=4,
        )


def _elementwise(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """`loss` weighted, and reduced: the mean is that of the weights' total."""
    if weight is None:
        return reduced(loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError("Inputs and weight must have the same size.")
    if reduction != "mean":
        return reduced(loss * weight, reduction)
    return (loss * weight).sum() / weight.sum()


@op(module=F, method=False)
def mse_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    _mind_sizes(input, target)
    d = input - target
    return _elementwise(d * d, weight, legacy_reduction(size_average, reduce, reduction))


@op(module=F, method=False)
def l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    _mind_sizes(input, target)
    return _elementwise((input - target).abs(), weight, legacy_reduction(size_average, reduce, reduction))


@op(module=F, method=False)
def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:  # fmt: skip
    reduction = legacy_reduction(size_average, reduce, reduction)
    _mind_sizes(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta == 0:
        return reduced(distance, reduction)
    return reduced(where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta), reduction)


@op(module=F, method=False)
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    if isinstance(delta, bool) or not isinstance(delta, (int, float)):
        raise TypeError(f"delta must be a float or int, got: {type(delta)}")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _mind_sizes(input, target)
    input, target = broadcast_tensors(input, target)
    distance = (input - target).abs()
    loss = where(distance <= delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))
    return _elementwise(loss, weight, reduction)
