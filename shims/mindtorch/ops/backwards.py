"""Backwards of layers that PyTorch has under names of their own, and dropout that returns its mask."""

from __future__ import annotations

from typing import Any

from .._dtype import bool as bool_
from .._tensor import Tensor
from ..tape.grad_mode import no_grad
from ._registry import op
from .aten import register
from .random import _empty_like
from .softmax import log_softmax_backward, softmax_backward


@op(method=False)
def native_dropout(input: Tensor, p: float, train: bool | None = True) -> tuple[Tensor, Tensor]:
    """The result and the mask of what is kept, drawn element by element in memory order."""
    if not input.numel():
        return input, input.new_empty(tuple(input.shape), dtype=bool_)
    if train is not None and not train:
        return input.clone(), input.new_ones(tuple(input.shape), dtype=bool_)
    with no_grad():
        mask = _empty_like(input, bool_).bernoulli_(1 - p)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


def native_dropout_backward(grad_output: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The gradient of ``native_dropout``'s input; `scale` is 1 / (1 - p)."""
    return grad_output * (mask.to(grad_output.dtype) * scale)


def _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any) -> Tensor:
    return softmax_backward(grad_output, output, dim).to(input_dtype)


def _log_softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any) -> Tensor:
    return log_softmax_backward(grad_output, output, dim).to(input_dtype)


register("native_dropout", default=native_dropout)
register("native_dropout_backward", default=native_dropout_backward)
register("_softmax_backward_data", default=_softmax_backward_data)
register("_log_softmax_backward_data", default=_log_softmax_backward_data)
op("_softmax_backward_data", method=False)(_softmax_backward_data)
op("_log_softmax_backward_data", method=False)(_log_softmax_backward_data)
