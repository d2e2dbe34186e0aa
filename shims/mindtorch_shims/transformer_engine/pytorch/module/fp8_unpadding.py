"""The way back (``transformer_engine.pytorch.Fp8Unpadding``)."""

from __future__ import annotations

from collections.abc import Sequence

import mindtorch as torch
from mindtorch import Tensor, nn

from .fp8_padding import padded

__all__ = ["Fp8Unpadding"]


class Fp8Unpadding(nn.Module):
    """Remove the rows that :class:`Fp8Padding` added."""

    def __init__(self, num_gemms: int) -> None:
        super().__init__()
        self.num_gemms = num_gemms

    def forward(self, inp: Tensor, m_splits: Sequence[int]) -> Tensor:
        """[padded tokens, n] to [tokens, n]; ``m_splits`` are the numbers before padding."""
        assert len(m_splits) == self.num_gemms, "Number of splits should match number of GEMMs."
        parts = inp.split(padded(m_splits))
        return torch.cat([part[:m] for part, m in zip(parts, m_splits, strict=True)])
