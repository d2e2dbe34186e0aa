"""Matrix products."""

from __future__ import annotations

import numpy as np

from ._registry import kernel


@kernel()
def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``[..., n, k] @ [..., k, m]`` with equal batch dimensions."""
    return np.matmul(a, b)
