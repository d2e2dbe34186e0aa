"""The Bernoulli draws of a PyTorch with MKL on an Intel processor.

There ``bernoulli_(p)``, and dropout with it, takes one word from the CPU generator as the seed of MKL's MCG31m1
generator (a multiplicative congruential generator modulo 2**31 - 1, documented in Intel's "Notes for oneMKL Vector
Statistics"), and an element is one where that generator's uniform is below ``p``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["bernoulli"]

_MODULUS = (1 << 31) - 1
_MULTIPLIER = 1132489760
_BLOCK = 1 << 15


@lru_cache(maxsize=1)
def _powers() -> np.ndarray:
    """multiplier**k modulo 2**31 - 1 for k in [0, _BLOCK), as uint64; a product of two residues fits in 62 bits."""
    powers = np.ones(_BLOCK, np.uint64)
    filled, step = 1, _MULTIPLIER
    while filled < _BLOCK:
        powers[filled : 2 * filled] = powers[:filled] * np.uint64(step) % np.uint64(_MODULUS)
        filled, step = 2 * filled, step * step % _MODULUS
    powers.flags.writeable = False
    return powers


def bernoulli(seed: int, count: int, p: float) -> np.ndarray:
    """``count`` draws of the MCG31m1 stream of ``seed`` (unsigned, 32 bits) with probability ``p``: bool, (count,)."""
    state = seed % _MODULUS or 1
    out = np.empty(count, np.bool_)
    for start in range(0, count, _BLOCK):
        draws = _powers()[: count - start] * np.uint64(state) % np.uint64(_MODULUS)
        out[start : start + _BLOCK] = draws / _MODULUS < p
        state = state * pow(_MULTIPLIER, _BLOCK, _MODULUS) % _MODULUS
    return out
