"""Rotary position embeddings (Su et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import mindtorch as torch
from mindtorch import Tensor


def _rotated(x: Tensor, interleaved: bool) -> Tensor:
    """Each pair (a, b) becomes (-b, a): neighbours when interleaved, else elements half the width apart."""
    if interleaved:
        return torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def rotate(t: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    """Rotate the first ``cos.shape[-1]`` elements of the last dimension; computed in float32, the dtype stays."""
    width = cos.shape[-1]
    x = t[..., :width]
    out = (x * cos + _rotated(x, interleaved) * sin).to(t.dtype)
    return out if width == t.shape[-1] else torch.cat((out, t[..., width:]), dim=-1)


def rotate_by_angles(t: Tensor, angles: Tensor, interleaved: bool = False) -> Tensor:
    """``t``: [s, ..., d]; ``angles``: float32 [s, ..., r] with r <= d, broadcast."""
    return rotate(t, angles.cos(), angles.sin(), interleaved)


def positions_of_rank(length: int, size: int, rank: int) -> list[int]:
    """The positions, of ``length``, that a rank of context parallelism has: chunks ``rank`` and ``2 size - 1 - rank``.

    Sequences are cut in twice as many chunks as there are ranks, so that with a causal mask all have equal work.
    """
    if length % (2 * size):
        raise ValueError(f"a sequence of {length} does not divide into {2 * size} chunks for context parallelism")
    chunk = length // (2 * size)
    starts = (rank * chunk, (2 * size - 1 - rank) * chunk)
    return [start + i for start in starts for i in range(chunk)] if size > 1 else list(range(length))


def rotate_packed(
    t: Tensor, cu_seqlens: Tensor, angles: Tensor, interleaved: bool = False, cp_size: int = 1, cp_rank: int = 0
) -> Tensor:
    """``t``: [tokens, h, d], sequences one after another; every sequence starts at the first angle.

    With context parallelism ``cu_seqlens`` counts the whole sequences, and ``t`` holds this rank's parts of them.
    """
    ends: Sequence[int] = cu_seqlens.tolist()
    lengths = [end - start for start, end in pairwise(ends)]
    where = [p for length in lengths for p in positions_of_rank(length, cp_size, cp_rank)]
    # Tokens behind the last sequence are padding; their angle is of no account.
    where += [0] * (t.shape[0] - len(where))
    chosen = angles.reshape(angles.shape[0], 1, angles.shape[-1])[torch.tensor(where, device=angles.device)]
    return rotate_by_angles(t, chosen, interleaved)
