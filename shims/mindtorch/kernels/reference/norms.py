"""Kernels of batch normalisation."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


@kernel(exact=True)
def batch_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, mean: np.ndarray | None, var: np.ndarray | None,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(N, C, *) normalised by channel: output, mean (C), 1 / sqrt(var + eps) (C), biased variance (C).

    `mean` and `var` are taken from `x` where they are None. An `x` of low precision is computed in float32, with
    statistics of the weight's dtype: PyTorch rounds them before it normalises.
    """
    axes = (0, *range(2, x.ndim))
    spread = (1, -1, *(1,) * (x.ndim - 2))
    dtype, kept = x.dtype, x.dtype if weight is None else weight.dtype
    low = dtype.itemsize == 2
    wide = np.dtype(np.float32) if low else dtype
    x = x.astype(wide, copy=False)
    if mean is None or var is None:
        mean = x.mean(axes)
        centred = x - mean.reshape(spread)
        var = np.square(centred).mean(axes)
        if low and kept != wide:
            mean = mean.astype(kept)
            centred = x - mean.astype(wide).reshape(spread)
    else:
        centred = x - mean.astype(wide).reshape(spread)
    wide_var = var.astype(wide, copy=False)
    rstd = (1 / np.sqrt(wide_var + np.asarray(eps, wide))).astype(kept if low else wide)
    scale = rstd.astype(wide, copy=False)
    if weight is not None:
        scale = scale * weight.astype(wide, copy=False)
    out = centred * scale.reshape(spread)
    if bias is not None:
        out += bias.astype(wide, copy=False).reshape(spread)
    return out.astype(dtype, copy=False), mean, rstd, var
