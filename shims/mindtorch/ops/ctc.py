"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array
from .._tensor import Tensor, wrap
from ..kernels import call
from ._prim import Prim
from ._registry import op
from .composite import where
from .loss import reduced

_ctc_grad = Prim(
    "_ctc_loss_backward", lambda *a: call("ctc_loss_grad", *a), lambda c, *g: _no_second_derivative(),
)  # fmt: skip


def _no_second_derivative() -> Any:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


def _grad(c: Any, g: Tensor, _: Any) -> tuple[Any, ...]:
    given = [c.input(i) for i in range(4)]
    return _ctc_grad((g, *given, c.result(0).detach(), c.result(1).detach()), *c.params), None, None, None


_ctc = Prim(
    "_ctc_loss",
    lambda log_probs, targets, inputs, lengths, blank, _: call("ctc_loss", log_probs, targets, inputs, lengths, blank),
    _grad, save=(0, 1, 2, 3), save_out=(0, 1),
)  # fmt: skip


def _lengths(given: Any, name: str, samples: int) -> np.ndarray:
    a = np.asarray(given._arr.np if isinstance(given, Tensor) else given).reshape(-1)
    if a.dtype.kind not in "iu":
        raise RuntimeError(f"{name} must be integral")
    if a.size != samples:
        raise RuntimeError(f"{name} must be of size batch_size")
    if (a < 0).any():
        raise RuntimeError(f"{name} must not be negative")
    return a.astype(np.int64)


def _values(targets: Tensor) -> np.ndarray:
    """The labels; on the meta device any will do for what is computed there."""
    return np.zeros(targets._arr.shape, np.int64) if targets.is_meta else np.asarray(targets._arr.np)


def _padded(targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Targets as (samples, longest), whether they come that way or one after another."""
    longest = int(lengths.max(initial=0))
    out = np.zeros((lengths.size, longest), np.int64)
    starts = np.cumsum(lengths) - lengths
    if targets.ndim == 1 and int(lengths.sum()) > targets.size:
        raise RuntimeError("Expected targets to hold the sum of target_lengths")
    if targets.ndim == 2 and targets.shape[1] < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for "
            "argument #2 'targets' (while checking arguments for ctc_loss_cpu)"
        )
    for n, length in enumerate(lengths):
        out[n, :length] = targets[n, :length] if targets.ndim == 2 else targets[starts[n] : starts[n] + length]
    return out


@op(module="nn.functional", method=False)
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    steps, samples, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if targets.dtype.is_floating_point:
        raise RuntimeError("targets must be integral")
    inputs = _lengths(input_lengths, "input_lengths", samples)
    lengths = _lengths(target_lengths, "target_lengths", samples)
    if inputs.max(initial=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {inputs.max()} (while checking "
            "arguments for ctc_loss_cpu)"
        )
    device = log_probs.device
    labels, inputs_t, lengths_t = (
        wrap(Array(a, device)) for a in (_padded(_values(targets), lengths), inputs, lengths)
    )
    loss = _ctc((log_probs, labels, inputs_t, lengths_t), blank, zero_infinity)[0]
    if zero_infinity:
        loss = where(loss == float("inf"), 0.0, loss)
    if reduction == "mean":
        loss = loss / lengths_t.clamp(min=1).to(loss.dtype)
    loss = reduced(loss, reduction)
    return loss.squeeze(0) if reduction == "none" and not batched else loss
