"""Sorting of tokens by expert (``transformer_engine.pytorch.permutation``)."""

from __future__ import annotations

from collections.abc import Sequence

import mindtorch as torch
from mindtorch import Tensor

from ..._missing import module_getattr, unsupported

__all__ = ["moe_permute", "moe_sort_chunks_by_index", "moe_unpermute"]
__getattr__ = module_getattr(__name__)


def _places(routing_map: Tensor, num_out_tokens: int | None) -> tuple[Tensor, Tensor, Tensor, int]:
    """Of each routed pair, expert by expert: its expert and its token; the table of places; rows of padding."""
    experts, tokens = routing_map.bool().t().nonzero(as_tuple=True)
    total = len(tokens)
    wanted = total if num_out_tokens is None or num_out_tokens < 0 else num_out_tokens
    if wanted < total:
        raise ValueError(f"num_out_tokens is {wanted}, but {total} pairs of token and expert are routed")
    table = torch.full((routing_map.shape[1], routing_map.shape[0]), -1, dtype=torch.int32, device=routing_map.device)
    table[experts, tokens] = torch.arange(total, dtype=torch.int32, device=routing_map.device)
    return experts, tokens, table, wanted - total


def _padded(rows: Tensor, more: int) -> Tensor:
    return torch.cat((rows, rows.new_zeros((more, *rows.shape[1:])))) if more else rows


def moe_permute(
    inp: Tensor, routing_map: Tensor, num_out_tokens: int | None = -1, max_token_num: int = -1, map_type: str = "mask"
) -> tuple[Tensor, Tensor]:
    """Copy each token to every expert that it is routed to, expert by expert.

    Args:
        inp: [tokens, hidden].
        routing_map: [tokens, experts], 1 or True where a token goes to an expert.
        num_out_tokens: rows of the result; -1 or None for as many as are routed, more are filled with zeros.
    Returns: [rows, hidden], and the table [experts, tokens] of int32 that tells each pair's row, -1 for none.
    """
    if map_type != "mask":
        raise unsupported(f"transformer_engine.pytorch.moe_permute(map_type={map_type!r})")
    _, tokens, table, more = _places(routing_map, num_out_tokens)
    return _padded(inp.index_select(0, tokens), more), table


def moe_permute_with_probs(
    inp: Tensor, probs: Tensor, routing_map: Tensor, num_out_tokens: int | None = -1
) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`moe_permute`; the second result is each row's probability, [rows], from ``probs`` [tokens, experts]."""
    experts, tokens, table, more = _places(routing_map, num_out_tokens)
    return _padded(inp.index_select(0, tokens), more), _padded(probs[tokens, experts], more), table


def moe_unpermute(
    inp: Tensor, row_id_map: Tensor, merging_probs: Tensor | None = None, restore_shape: Sequence[int] | None = None,
    map_type: str = "mask", probs: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Add the rows of each token, times ``merging_probs`` [tokens, experts] if given: the way back of permuting.

    Args:
        inp: [rows, hidden].
        row_id_map: the table that permuting gave.
        restore_shape: (tokens, hidden), the shape of the result.
        probs: the old name of ``merging_probs``.
    """
    if map_type != "mask":
        raise unsupported(f"transformer_engine.pytorch.moe_unpermute(map_type={map_type!r})")
    if probs is not None:
        if merging_probs is not None:
            raise ValueError("give merging_probs, or probs, its old name")
        merging_probs = probs
    shape = (row_id_map.shape[1], inp.shape[1]) if restore_shape is None else tuple(restore_shape)
    experts, tokens = (row_id_map >= 0).nonzero(as_tuple=True)
    rows = inp.index_select(0, row_id_map[experts, tokens].long()).float()
    if merging_probs is not None:
        rows = rows * merging_probs[tokens, experts].float().unsqueeze(-1)
    return rows.new_zeros(shape).index_add(0, tokens, rows).to(inp.dtype)


def _sorted(x: Tensor, sizes: list[int], order: list[int]) -> Tensor:
    chunks = x.split(sizes)
    return torch.cat([chunks[i] for i in order])


def moe_sort_chunks_by_index(inp: Tensor, split_sizes: Tensor, sorted_index: Tensor) -> Tensor:
    """Cut the rows into chunks of ``split_sizes`` and put them in the order of ``sorted_index``."""
    return _sorted(inp, split_sizes.tolist(), sorted_index.tolist())


def moe_sort_chunks_by_index_with_probs(
    inp: Tensor, probs: Tensor, split_sizes: Tensor, sorted_index: Tensor
) -> tuple[Tensor, Tensor]:
    """The same for the rows and for a probability of each row."""
    sizes, order = split_sizes.tolist(), sorted_index.tolist()
    return _sorted(inp, sizes, order), _sorted(probs, sizes, order)
