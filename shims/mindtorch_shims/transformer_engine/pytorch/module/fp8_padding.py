"""Rows for FP8 products (``transformer_engine.pytorch.Fp8Padding``)."""

from __future__ import annotations

from collections.abc import Sequence

import mindtorch as torch
import mindtorch.nn.functional as F
from mindtorch import Tensor, nn

__all__ = ["Fp8Padding"]

# What FP8 products want the number of rows to be a multiple of.
ALIGNMENT = 16


def padded(m_splits: Sequence[int]) -> list[int]:
    """Each number rounded up."""
    return [-(-m // ALIGNMENT) * ALIGNMENT for m in m_splits]


class Fp8Padding(nn.Module):
    """Add rows of zeros to each group, up to a multiple of 16."""

    def __init__(self, num_gemms: int) -> None:
        super().__init__()
        self.num_gemms = num_gemms

    def forward(self, inp: Tensor, m_splits: Sequence[int]) -> tuple[Tensor, list[int]]:
        """[tokens, n] to [padded tokens, n], and how many rows each group has now."""
        assert len(m_splits) == self.num_gemms, "Number of splits should match number of GEMMs."
        sizes = padded(m_splits)
        parts = inp.split(list(m_splits))
        return torch.cat([F.pad(p, (0, 0, 0, n - len(p))) for p, n in zip(parts, sizes, strict=True)]), sizes
