"""Rotary position embeddings (``transformer_engine.pytorch.dot_product_attention.rope``)."""

from __future__ import annotations

from mindtorch import Tensor

from ...._kernels import rotary
from ...._missing import module_getattr, unsupported

__all__ = ["apply_rotary_pos_emb"]
__getattr__ = module_getattr(__name__)


def apply_rotary_pos_emb(
    t: Tensor, freqs: Tensor, tensor_format: str = "sbhd", interleaved: bool = False, fused: bool = False,
    cu_seqlens: Tensor | None = None, cp_size: int = 1, cp_rank: int = 0,
) -> Tensor:  # fmt: skip
    """Rotate ``t`` by the angles ``freqs``; computed in float32, the dtype stays.

    Args:
        t: [s, b, h, d] ("sbhd"), [b, s, h, d] ("bshd") or packed sequences [tokens, h, d] ("thd").
        freqs: [max_s, 1, 1, r], r <= d; sequences begin at its first row.
        interleaved: pairs are neighbours, not half the width apart.
        fused: has no use.
        cu_seqlens: the ends of packed sequences, [n + 1].
        cp_size, cp_rank: for packed sequences that are cut over ranks; ``cu_seqlens`` counts whole sequences then.
    """
    if tensor_format == "thd":
        if cu_seqlens is None:
            raise ValueError("tensor_format 'thd' needs cu_seqlens")
        return rotary.rotate_packed(t, cu_seqlens, freqs, interleaved, cp_size, cp_rank)
    if tensor_format not in ("sbhd", "bshd"):
        raise ValueError(f"tensor_format is sbhd, bshd or thd, not {tensor_format}")
    if cp_size > 1:
        raise unsupported(f"apply_rotary_pos_emb(tensor_format={tensor_format!r}, cp_size={cp_size})")
    length = t.shape[0 if tensor_format == "sbhd" else 1]
    if length > freqs.shape[0]:
        raise ValueError(f"freqs has {freqs.shape[0]} rows, the sequences have {length}")
    angles = freqs[:length]
    return rotary.rotate_by_angles(t, angles if tensor_format == "sbhd" else angles.transpose(0, 1), interleaved)
