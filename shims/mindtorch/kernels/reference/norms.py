"""Kernels of batch normalisation."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


@kernel()
def batch_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, mean: np.ndarray | None, var: np.ndarray | None,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(N, C, *) normalised by channel: output, mean (C), 1 / sqrt(var + eps) (C), biased variance (C).

    `mean` and `var` are taken from `x` where they are None.
    """
    axes = (0, *range(2, x.ndim))
    spread = (1, -1, *(1,) * (x.ndim - 2))
    if mean is None or var is None:
        mean = x.mean(axes)
        centred = x - mean.reshape(spread)
        var = np.square(centred).mean(axes)
    else:
        centred = x - mean.astype(x.dtype).reshape(spread)
    rstd = (1 / np.sqrt(var + np.asarray(eps, var.dtype))).astype(x.dtype)
    out = centred * (rstd if weight is None else rstd * weight).reshape(spread)
    if bias is not None:
        out += bias.reshape(spread)
    return out, mean, rstd, var
