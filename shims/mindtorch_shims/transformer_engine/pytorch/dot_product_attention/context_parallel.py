"""Attention on sequences that are cut over ranks.

A sequence is cut into twice as many chunks as there are ranks, n; rank r has chunks r and 2n-1-r, one behind the other,
so that with a causal mask all have equal work. Every rank gathers all keys and values and computes the rows of its own
queries. This is what TransformerEngine calls "all_gather"; its other ways to communicate compute the same.
"""

from __future__ import annotations

from collections.abc import Callable

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch import Tensor

from ...._kernels.rotary import positions_of_rank
from ...._missing import unsupported
from ..distributed import GatherAlongFirstDim
from .core import Bias
from .masks import Seen, Window, in_window

Core = Callable[[Tensor, Tensor, Tensor, Seen, Bias], Tensor]


def gathered(x: Tensor, dim: int, group: object) -> Tensor:
    """All ranks' parts, in the order of the ranks, along ``dim``; differentiable."""
    return GatherAlongFirstDim.apply(x.transpose(0, dim).contiguous(), group).transpose(0, dim)


def order_of(length: int, size: int) -> list[list[int]]:
    """For each rank the positions, of the whole sequence, that it has."""
    return [positions_of_rank(length, size, rank) for rank in range(size)]


def attention(
    query: Tensor, key: Tensor, value: Tensor, group: object, mask_type: str, window: Window, bias: Bias, core: Core
) -> Tensor:
    """[b, h, s / n, d] of this rank from what this rank has; masks are "causal" or "no_mask"."""
    if mask_type not in ("causal", "no_mask"):
        raise unsupported(f"attn_mask_type {mask_type!r} with context parallelism")
    if bias.kind != "no_bias":
        raise unsupported(f"core_attention_bias_type {bias.kind!r} with context parallelism")
    size, rank = dist.get_world_size(group), dist.get_rank(group)
    if query.shape[2] != key.shape[2]:
        raise unsupported("cross attention with context parallelism")
    ranks = order_of(query.shape[2] * size, size)
    where_k = torch.tensor([p for positions in ranks for p in positions], device=query.device)
    where_q = torch.tensor(ranks[rank], device=query.device)
    key, value = gathered(key, 2, group), gathered(value, 2, group)
    return core(query, key, value, in_window(where_q, where_k, window), bias)
