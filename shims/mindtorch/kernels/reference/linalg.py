"""Matrix products."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


@kernel()
def matmul(a: np.ndarray, b: np.ndarray, a_swapped: bool = False, b_swapped: bool = False) -> np.ndarray:
    """``[..., n, k] @ [..., k, m]`` with equal batch dimensions; ``swapped``: given with the last two exchanged."""
    return np.matmul(a.swapaxes(-1, -2) if a_swapped else a, b.swapaxes(-1, -2) if b_swapped else b)
