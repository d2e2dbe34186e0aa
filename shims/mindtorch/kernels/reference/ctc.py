"""Connectionist temporal classification (Graves et al., 2006): the forward and backward sums over alignments.

The labels of a sample are spread to ``blank, l1, blank, l2, ..., blank``; all samples and states of a step are done at
once, in logarithms.
"""

from __future__ import annotations

import numpy as np

from ._registry import kernel


def _spread(targets: np.ndarray, blank: int) -> np.ndarray:
    """(samples, labels) to (samples, 2 * labels + 1), blanks between."""
    states = np.full((targets.shape[0], 2 * targets.shape[1] + 1), blank, np.int64)
    states[:, 1::2] = targets
    return states


def _sum(*terms: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials, also where all are -inf."""
    return np.logaddexp.reduce(np.stack(terms))


def _shifted(a: np.ndarray, by: int) -> np.ndarray:
    out = np.full_like(a, -np.inf)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def _skips(states: np.ndarray, blank: int) -> np.ndarray:
    """Where a state may follow the one two before it: a label, another than the last."""
    skips = np.zeros(states.shape, np.bool_)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    return skips


@kernel()
def ctc_loss(
    log_probs: np.ndarray, targets: np.ndarray, input_lengths: np.ndarray, target_lengths: np.ndarray, blank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of (steps, samples, classes) and padded targets (samples, labels): the negative log likelihoods (samples), and
    the logarithms of the sums of all beginnings (steps, samples, states)."""
    steps, samples, _ = log_probs.shape
    states = _spread(targets, blank)
    rows = np.arange(samples)
    valid = np.arange(states.shape[1]) < (2 * target_lengths + 1)[:, None]
    skips = _skips(states, blank)
    alpha = np.full((steps, *states.shape), -np.inf, log_probs.dtype)
    for t in range(steps):
        at = log_probs[t][rows[:, None], states]
        if t == 0:
            alpha[0, :, :2] = at[:, :2]
        else:
            before = alpha[t - 1]
            alpha[t] = _sum(before, _shifted(before, 1), np.where(skips, _shifted(before, 2), -np.inf)) + at
        alpha[t] = np.where(valid, alpha[t], -np.inf)
    if steps:
        last = alpha[np.maximum(input_lengths - 1, 0), rows]
        end = 2 * target_lengths
        label = np.where(target_lengths > 0, last[rows, np.maximum(end - 1, 0)], -np.inf)
        loss = -np.logaddexp(last[rows, end], label)
    else:
        loss = np.zeros(samples, log_probs.dtype)
    empty = np.where(target_lengths == 0, 0.0, np.inf)  # no steps: only no labels fit
    return np.where(input_lengths > 0, loss, empty).astype(log_probs.dtype), alpha


@kernel()
def ctc_loss_grad(
    grad: np.ndarray, log_probs: np.ndarray, targets: np.ndarray, input_lengths: np.ndarray,
    target_lengths: np.ndarray, loss: np.ndarray, alpha: np.ndarray, blank: int, zero_infinity: bool,
) -> np.ndarray:  # fmt: skip
    """The gradient of `log_probs` as PyTorch defines it: that of the logits, where log_probs is their log-softmax."""
    steps, samples, _ = log_probs.shape
    states = _spread(targets, blank)
    rows = np.arange(samples)
    index = np.arange(states.shape[1])
    end = 2 * target_lengths
    valid = index < (end + 1)[:, None]
    last = valid & (index >= (end - 1)[:, None])
    skips = _skips(states, blank)
    beta = np.full(states.shape, -np.inf, log_probs.dtype)
    out = np.zeros_like(log_probs)
    for t in range(steps - 1, -1, -1):
        at = log_probs[t][rows[:, None], states]
        skipped = np.where(_shifted(skips.astype(np.float64), -2) > 0, _shifted(beta, -2), -np.inf)
        following = _sum(beta, _shifted(beta, -1), skipped)
        beta = np.where((input_lengths - 1 == t)[:, None], np.where(last, 0.0, -np.inf), following) + at
        beta = np.where(valid & (t < input_lengths)[:, None], beta, -np.inf)
        both = np.full(log_probs.shape[1:], -np.inf, log_probs.dtype)
        np.logaddexp.at(both, (rows[:, None], states), alpha[t] + beta)
        own = np.exp(log_probs[t]) - np.exp(both + loss[:, None] - log_probs[t])
        out[t] = np.where((t < input_lengths)[:, None], own * grad[:, None], 0.0)
    if zero_infinity:
        out = np.where(np.isinf(loss)[None, :, None], np.zeros((), out.dtype), out)
    return out
