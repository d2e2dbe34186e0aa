"""Which key positions a query position sees."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor

TYPES = (
    "no_mask", "causal", "causal_bottom_right", "padding", "padding_causal", "padding_causal_bottom_right", "arbitrary",
)  # fmt: skip
Window = tuple[int, int]
EVERYTHING: Window = (-1, -1)


class Causal:
    """Square, and every position sees those up to itself: no mask has to be made."""


CAUSAL = Causal()
# A bool tensor that broadcasts to [b, h, sq, skv], True for what is seen; or CAUSAL; or None for everything.
Seen = Tensor | Causal | None


def normalized(mask_type: str) -> str:
    """The one spelling of a mask type: "causal,padding" is "padding_causal"."""
    name = mask_type.replace(",", "_")
    if name == "causal_padding":
        name = "padding_causal"
    assert name in TYPES, f"attn_mask_type {mask_type} not supported"
    return name


def window(window_size: Window | None, mask_type: str) -> Window:
    """How far is seen, before and behind; a causal mask sees nothing behind."""
    left, right = EVERYTHING if window_size is None else tuple(window_size)
    return (left, 0) if "causal" in mask_type else (left, right)


def in_window(query_positions: Tensor, key_positions: Tensor, window: Window) -> Tensor | None:
    """[..., sq, skv] from positions [..., sq] and [..., skv]; None for everything."""
    left, right = window
    distance = key_positions.unsqueeze(-2) - query_positions.unsqueeze(-1)
    seen = None
    if right >= 0:
        seen = distance <= right
    if left >= 0:
        seen = distance >= -left if seen is None else seen & (distance >= -left)
    return seen


def _lengths(cu_seqlens: Tensor | None) -> Tensor | None:
    return None if cu_seqlens is None else cu_seqlens[1:] - cu_seqlens[:-1]


def _valid(
    mask: Tensor | tuple[Tensor, Tensor] | None, cu_q: Tensor | None, cu_kv: Tensor | None, sq: int, skv: int
) -> tuple[Tensor, Tensor]:
    """Which queries [b, sq] and which keys [b, skv] are no padding."""
    if mask is None:
        lengths = (_lengths(cu_q), _lengths(cu_kv))
        if lengths[0] is None or lengths[1] is None:
            raise ValueError("a padding mask needs attention_mask, or cu_seqlens_q and cu_seqlens_kv")
        first, second = lengths
        return (
            torch.arange(sq, device=first.device).unsqueeze(0) < first.unsqueeze(1),
            torch.arange(skv, device=second.device).unsqueeze(0) < second.unsqueeze(1),
        )
    if isinstance(mask, Tensor):
        if mask.dim() != 4 or mask.shape[1] != 1 or mask.shape[2] != 1 or sq != skv:
            raise ValueError(
                f"a padding mask is [b, 1, 1, s], two of them where queries and keys differ, not {list(mask.shape)}"
            )
        mask = (mask, mask)
    queries, keys = (~part.reshape(part.shape[0], -1).bool() for part in mask)
    if queries.shape[1] != sq or keys.shape[1] != skv:
        raise ValueError(f"padding masks of {queries.shape[1]} and {keys.shape[1]} for sequences of {sq} and {skv}")
    return queries, keys


def seen(
    mask_type: str, window: Window, query: Tensor, key: Tensor, mask: Tensor | tuple[Tensor, Tensor] | None,
    cu_seqlens_q: Tensor | None, cu_seqlens_kv: Tensor | None,
) -> Seen:  # fmt: skip
    """What queries [b, h, sq, d] see of keys [b, h, skv, d].

    Windows, and causal masks called bottom right, count positions from the ends of the sequences; plain causal masks
    from their beginnings.
    """
    sq, skv = query.shape[-2], key.shape[-2]
    if mask_type == "causal" and window == (-1, 0) and sq == skv:
        return CAUSAL
    where_q = torch.arange(sq, device=query.device)
    where_k = torch.arange(skv, device=query.device)
    aligned_left = mask_type in ("causal", "padding_causal")
    if mask_type.startswith("padding"):
        valid_q, valid_k = _valid(mask, cu_seqlens_q, cu_seqlens_kv, sq, skv)
        if not aligned_left:
            where_q = where_q + (valid_k.sum(1) - valid_q.sum(1)).unsqueeze(1)
        near = in_window(where_q, where_k, window)
        allowed = (valid_q.unsqueeze(-1) & valid_k.unsqueeze(-2)).unsqueeze(1)
        if near is None:
            return allowed
        return allowed & (near if near.dim() == 2 else near.unsqueeze(1))
    near = in_window(where_q if aligned_left else where_q + (skv - sq), where_k, window)
    if mask_type != "arbitrary":
        return near
    if not isinstance(mask, Tensor):
        raise ValueError("attn_mask_type 'arbitrary' needs attention_mask")
    return ~mask.bool() if near is None else near & ~mask.bool()
