"""Attention on sequences of different lengths that lie one behind the other, [tokens, h, d]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch import Tensor

from ...._missing import unsupported
from .context_parallel import Core, gathered, order_of
from .core import Bias
from .masks import Window, in_window, seen


@dataclass(frozen=True)
class Sequences:
    """Where the sequences of queries and of keys begin, [n + 1] each; ``..._padded`` where gaps are counted, too."""

    queries: Tensor | None
    keys: Tensor | None
    queries_padded: Tensor | None = None
    keys_padded: Tensor | None = None

    def spans(self) -> Iterator[tuple[int, int, int, int]]:
        """Of each sequence: where its queries begin, how many they are; the same for keys."""
        if self.queries is None or self.keys is None:
            raise ValueError("qkv_format 'thd' needs cu_seqlens_q and cu_seqlens_kv")
        ends_q, ends_k = self.queries.tolist(), self.keys.tolist()
        starts_q = (self.queries if self.queries_padded is None else self.queries_padded).tolist()
        starts_k = (self.keys if self.keys_padded is None else self.keys_padded).tolist()
        for i in range(len(ends_q) - 1):
            yield starts_q[i], ends_q[i + 1] - ends_q[i], starts_k[i], ends_k[i + 1] - ends_k[i]


def _part(x: Tensor, start: int, length: int) -> Tensor:
    """One sequence as [1, h, s, d]."""
    return x[start : start + length].transpose(0, 1).unsqueeze(0)


def attention(
    query: Tensor, key: Tensor, value: Tensor, sequences: Sequences, mask_type: str, window: Window, bias: Bias,
    core: Core, group: object,
) -> Tensor:  # fmt: skip
    """[tokens, h * d]; zeros in the gaps. Each sequence sees itself only. ``group``: see :mod:`.context_parallel`."""
    if mask_type == "arbitrary":
        raise unsupported("attn_mask_type 'arbitrary' for packed sequences")
    if bias.kind.endswith("scale_bias"):
        raise unsupported(f"core_attention_bias_type {bias.kind!r} for packed sequences")
    if group is not None:
        return _cut(query, key, value, sequences, mask_type, window, bias, core, group)
    mask_type = {"padding": "no_mask"}.get(mask_type, mask_type.removeprefix("padding_"))
    rows: list[Tensor] = []
    done = 0
    for start_q, n_q, start_k, n_k in sequences.spans():
        q, k, v = _part(query, start_q, n_q), _part(key, start_k, n_k), _part(value, start_k, n_k)
        if start_q > done:
            rows.append(_gap(query, value, start_q - done))
        out = core(q, k, v, seen(mask_type, window, q, k, None, None, None), bias)
        rows.append(out.squeeze(0).transpose(0, 1).flatten(1))
        done = start_q + n_q
    if query.shape[0] > done:
        rows.append(_gap(query, value, query.shape[0] - done))
    return torch.cat(rows)


def _gap(query: Tensor, value: Tensor, length: int) -> Tensor:
    return query.new_zeros(length, query.shape[1] * value.shape[2])


def _cut(
    query: Tensor, key: Tensor, value: Tensor, sequences: Sequences, mask_type: str, window: Window, bias: Bias,
    core: Core, group: object,
) -> Tensor:  # fmt: skip
    """With context parallelism each sequence, padding counted, is cut; this rank has its parts one behind the other."""
    if bias.kind != "no_bias":
        raise unsupported(f"core_attention_bias_type {bias.kind!r} with context parallelism")
    if "bottom_right" in mask_type:
        raise unsupported(f"attn_mask_type {mask_type!r} with context parallelism")
    size, rank = dist.get_world_size(group), dist.get_rank(group)
    whole = sequences.queries_padded if sequences.queries_padded is not None else sequences.queries
    spans = list(sequences.spans())
    if any((sq, nq) != (sk, nk) for sq, nq, sk, nk in spans):
        raise unsupported("cross attention with context parallelism")
    ends = whole.tolist()
    tokens = query.shape[0]
    key, value = (gathered(x, 0, group).reshape(size, tokens, *x.shape[1:]) for x in (key, value))
    rows = []
    for (start, length, _, _), end in zip(spans, ends[1:], strict=True):
        ranks = order_of(end - start, size)
        first, count = start // size, (end - start) // size
        q = _part(query, first, count)
        k, v = (
            x[:, first : first + count].flatten(0, 1).transpose(0, 1).unsqueeze(0) for x in (key, value)
        )
        where_q = torch.tensor(ranks[rank], device=query.device)
        where_k = torch.tensor([p for positions in ranks for p in positions], device=query.device)
        allowed = (where_k < length) & (where_q < length).unsqueeze(1)
        near = in_window(where_q, where_k, window)
        out = core(q, k, v, allowed if near is None else allowed & near, bias)
        rows.append(out.squeeze(0).transpose(0, 1).flatten(1))
    done = ends[-1] // size
    if tokens > done:
        rows.append(_gap(query, value[0], tokens - done))
    return torch.cat(rows)
