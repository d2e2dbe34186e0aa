"""What is built on the distributions: dropout masks and sampling of categories, as PyTorch's CPU kernels draw them."""

from __future__ import annotations

import numpy as np

from .continuous import exponential, standard_uniform64
from .discrete import bernoulli
from .dtypes import DOUBLE, FLOAT, FLOATING, DTypeLike, as_dtype
from .engine import MT19937Engine

__all__ = ["dropout_mask", "dropout_noise", "multinomial"]


def dropout_mask(engine: MT19937Engine, count: int, p: float) -> np.ndarray:
    """True where dropout with probability ``p`` keeps the element: shape (count,), bool.

    As ``F.dropout`` draws it. PyTorch draws nothing when ``p`` is 0 or 1, nothing is to be trained, or the input is
    empty; for 0 and 1 nothing is drawn here either. Raises ValueError unless ``0 <= p <= 1``.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p in (0.0, 1.0):
        return np.full(count, p == 0.0)
    return bernoulli(engine, count, 1.0 - p, "bool")


def dropout_noise(engine: MT19937Engine, count: int, p: float, dtype: DTypeLike = "float32") -> np.ndarray:
    """The factor that ``F.dropout`` multiplies its input by: 0 where it drops, elsewhere 1 / (1 - p) in ``dtype``."""
    dtype = as_dtype(dtype, FLOATING, "dropout")
    keep = dropout_mask(engine, count, p)
    if p == 1.0:
        return np.zeros(count, dtype)
    # One division in the dtype's arithmetic type, as div_ by a Python number does.
    compute = DOUBLE if dtype == DOUBLE else FLOAT
    factor = (compute.type(1) / compute.type(1.0 - p)).astype(dtype)
    return np.where(keep, factor, dtype.type(0))


def multinomial(
    engine: MT19937Engine, probabilities: np.ndarray, num_samples: int, replacement: bool = False
) -> np.ndarray:
    """``torch.multinomial``: indices of categories drawn with the given weights, int64.

    ``probabilities`` has shape (categories,) or (rows, categories) and any floating dtype; weights need not sum to 1.
    Returns shape (num_samples,) or (rows, num_samples). One sample, or several without replacement: the largest
    quotients of weight and an exponential (equal quotients, which 16-bit weights have, in order of index; PyTorch
    leaves their order open). With replacement: a search in the cumulative sums.
    Raises RuntimeError for weights that are negative or not finite, a row without weight, or too many samples.
    """
    weights = np.ascontiguousarray(probabilities)
    dtype = as_dtype(weights.dtype, FLOATING, "multinomial")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    rows = weights.reshape(-1, weights.shape[-1]) if weights.ndim == 2 else weights[np.newaxis]
    if not replacement and num_samples > rows.shape[1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    _check_weights(rows)
    if replacement and num_samples > 1:
        samples = _with_replacement(engine, rows, num_samples)
    else:
        scores = _divide(rows, exponential(engine, rows.size, 1.0, dtype).reshape(rows.shape))
        samples = _largest_first(scores, num_samples)
    return samples if weights.ndim == 2 else samples[0]


def _check_weights(rows: np.ndarray) -> None:
    values = rows if rows.dtype == DOUBLE else rows.astype(FLOAT)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (values.sum(axis=1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def _divide(weights: np.ndarray, exponentials: np.ndarray) -> np.ndarray:
    """The quotient rounded to the weights' dtype; a draw of exactly 0 gives infinity (or NaN for no weight)."""
    compute = DOUBLE if weights.dtype == DOUBLE else FLOAT
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = weights.astype(compute) / exponentials.astype(compute)
        return quotient.astype(weights.dtype).astype(compute)


def _largest_first(scores: np.ndarray, count: int) -> np.ndarray:
    if count == 1:
        return np.argmax(scores, axis=1)[:, np.newaxis]
    # NaN counts as the largest, as in torch.topk.
    descending = np.where(np.isnan(scores), -np.inf, -scores)
    return np.argsort(descending, axis=1, kind="stable")[:, :count]


def _with_replacement(engine: MT19937Engine, rows: np.ndarray, count: int) -> np.ndarray:
    compute = DOUBLE if rows.dtype == DOUBLE else FLOAT
    out = np.empty((rows.shape[0], count), np.int64)
    for row, weights in enumerate(rows):
        cumulative = np.cumsum(weights.astype(compute), dtype=compute)
        cumulative /= cumulative[-1]
        cumulative[-1] = 1
        out[row] = np.searchsorted(cumulative.astype(DOUBLE), standard_uniform64(engine, count), side="left")
    return out
