"""Rotary position embeddings (``apex.transformer.functional``)."""

from __future__ import annotations

from mindtorch import Tensor

from ...._kernels import rotary
from ...._missing import module_getattr

__all__ = ["fused_apply_rotary_pos_emb", "fused_apply_rotary_pos_emb_cached", "fused_apply_rotary_pos_emb_thd"]
__getattr__ = module_getattr(__name__)


def _in_memory(out: Tensor, transpose: bool) -> Tensor:
    return out.transpose(0, 1).contiguous().transpose(0, 1) if transpose else out


def fused_apply_rotary_pos_emb(t: Tensor, freqs: Tensor, transpose_output_memory: bool = False) -> Tensor:
    """Rotate ``t`` [s, b, h, d] by the angles ``freqs`` [s, 1, 1, r], r <= d.

    With ``transpose_output_memory`` the result, of the same shape, lies in memory as [b, s, h, d].
    """
    return _in_memory(rotary.rotate_by_angles(t, freqs), transpose_output_memory)


def fused_apply_rotary_pos_emb_cached(
    t: Tensor, cos_: Tensor, sin_: Tensor, transpose_output_memory: bool = False
) -> Tensor:
    """The same with cosines and sines, each [s, 1, 1, r], in the place of angles."""
    return _in_memory(rotary.rotate(t, cos_.float(), sin_.float()), transpose_output_memory)


def fused_apply_rotary_pos_emb_thd(t: Tensor, cu_seqlens: Tensor, freqs: Tensor) -> Tensor:
    """Rotate packed sequences ``t`` [tokens, h, d] with ends ``cu_seqlens`` [n + 1]; ``freqs``: [max_s, 1, 1, r]."""
    return rotary.rotate_packed(t, cu_seqlens, freqs)
