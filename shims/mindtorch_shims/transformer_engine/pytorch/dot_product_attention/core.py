"""Softmax attention on [b, h, s, d]."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import mindtorch as torch
import mindtorch.nn.functional as F
from mindtorch import Tensor

from .masks import CAUSAL, Seen


@dataclass(frozen=True)
class Bias:
    """What is added to the scores.

    ``kind`` "pre_scale_bias" adds before the softmax scale, "post_scale_bias" behind it: ``values``, which broadcast to
    [b, h, sq, skv]. "alibi" (Press et al. 2022) subtracts the distance times a slope of each head, ``slopes`` [h] or
    [b, h].
    """

    kind: str = "no_bias"
    values: Tensor | None = None
    slopes: Tensor | None = None

    def __post_init__(self) -> None:
        assert self.kind in ("no_bias", "pre_scale_bias", "post_scale_bias", "alibi"), f"{self.kind} not supported"
        if self.kind.endswith("scale_bias") and self.values is None:
            raise ValueError(f"core_attention_bias_type {self.kind} needs core_attention_bias")

    def added(self, query: Tensor, key: Tensor, scale: float) -> Tensor | None:
        """What is added to the scaled scores, float32; None for nothing."""
        if self.kind == "no_bias":
            return None
        if self.kind == "alibi":
            sq, skv = query.shape[-2], key.shape[-2]
            slopes = alibi_slopes(query.shape[1], query.device) if self.slopes is None else self.slopes
            where_q = torch.arange(sq, device=query.device).unsqueeze(1) + (skv - sq)
            distance = (where_q - torch.arange(skv, device=query.device)).abs()
            return -slopes.float().reshape(*([1] if slopes.dim() == 1 else []), *slopes.shape, 1, 1) * distance
        assert self.values is not None
        return self.values.float() * scale if self.kind == "pre_scale_bias" else self.values.float()


def alibi_slopes(heads: int, device: Any) -> Tensor:
    """The slopes of Press et al. 2022: powers of ``2^(-8/n)``, n the power of two below; the rest from 2n."""
    n = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / n) for i in range(n)]
    slopes += [2 ** (-4 * (2 * i + 1) / n) for i in range(heads - n)]
    return torch.tensor(slopes, device=device)


def attend(
    query: Tensor, key: Tensor, value: Tensor, seen: Seen, bias: Bias, scale: float, dropout: float,
    random_states: Callable[[], AbstractContextManager[Any]],
) -> Tensor:  # fmt: skip
    """[b, h, sq, d] from keys [b, g, skv, d] and values [b, g, skv, dv], where g divides h.

    A query that sees nothing gives zeros. With ``dropout`` numbers are drawn for [b, h, sq, skv], inside the context
    that ``random_states`` makes.
    """
    added = bias.added(query, key, scale)
    if not dropout:
        mask: Tensor | None = None if seen is CAUSAL else seen
        if added is not None:
            keep = _triangle(query, key) if seen is CAUSAL else mask
            mask = (added if keep is None else added.masked_fill(~keep, -math.inf)).to(query.dtype)
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None and seen is CAUSAL, scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
        )  # fmt: skip
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = (x.repeat_interleave(repeats, 1) for x in (key, value))
    scores = (query @ key.transpose(-2, -1)).float() * scale
    if added is not None:
        scores = scores + added
    keep = _triangle(query, key) if seen is CAUSAL else seen
    if keep is not None:
        scores = scores.masked_fill(~keep, -math.inf)
    weights = torch.softmax(scores, -1)
    if keep is not None and seen is not CAUSAL:
        weights = weights.masked_fill(~keep.any(-1, keepdim=True), 0.0)
    with random_states():
        weights = F.dropout(weights.to(query.dtype), dropout)
    return weights @ value


def _triangle(query: Tensor, key: Tensor) -> Tensor:
    return torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
