"""Attention (``transformer_engine.pytorch.attention``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor
from mindtorch.utils.checkpoint import checkpoint

from ..._missing import module_getattr, unsupported
from .distributed import forked, get_distributed_world_size, set_all_rng_states
from .dot_product_attention import context_parallel, masks, packed
from .dot_product_attention.core import Bias, attend
from .dot_product_attention.rope import apply_rotary_pos_emb
from .module.base import TransformerEngineBaseModule

__all__ = ["DotProductAttention", "apply_rotary_pos_emb"]
__getattr__ = module_getattr(__name__)

# How the dimensions of a format become [batch, heads, sequence, width].
_TO_BHSD = {"sbhd": (1, 2, 0, 3), "bshd": (0, 2, 1, 3)}
_FROM_BHSD = {"sbhd": (2, 0, 1, 3), "bshd": (0, 2, 1, 3)}


class _SplitAlongDim:
    """``torch.split``, called as the function of TransformerEngine is: ``_SplitAlongDim.apply(...)``."""

    @staticmethod
    def apply(
        mixed_x_layer: Tensor, split_dim: int, split_size_or_sections: int | list[int], squeeze: bool = False
    ) -> tuple[Tensor, ...]:
        """The parts along ``split_dim``; with ``squeeze`` that dimension, then of size 1, is left out."""
        parts = torch.split(mixed_x_layer, split_size_or_sections, dim=split_dim)
        return tuple(part.squeeze(split_dim) if squeeze else part for part in parts)


class DotProductAttention(TransformerEngineBaseModule):
    """Softmax attention with masks, biases, dropout, grouped queries and context parallelism.

    Args:
        num_attention_heads: of all tensor parallel ranks.
        kv_channels: width of a head, or (of queries and keys, of values).
        num_gqa_groups: heads of keys and values, of all ranks; None for as many as queries have.
        qkv_format: "sbhd", "bshd" or "thd" (packed sequences, [tokens, h, d]).
        attn_mask_type: "no_mask", "causal", "padding", "padding_causal", their "..._bottom_right", or "arbitrary".
        window_size: how many positions before and behind are seen; -1 for all.
        softmax_scale: None for ``1 / sqrt(kv_channels)``.
        cp_group: the ranks that sequences are cut over, each having chunks r and 2n-1-r of 2n (see
            :mod:`.dot_product_attention.context_parallel`). ``cp_comm_type`` "p2p", "all_gather" and "a2a" give the
            same result and are computed the same way; "a2a+p2p" is not supported. ``cp_stream`` has no use.
    """

    def __init__(
        self,
        num_attention_heads: int,
        kv_channels: int | tuple[int, int],
        num_gqa_groups: int | None = None,
        attention_dropout: float = 0.0,
        qkv_format: str = "sbhd",
        attn_mask_type: str = "causal",
        window_size: tuple[int, int] | None = None,
        sequence_parallel: bool = False,
        tp_size: int = 1,
        get_rng_state_tracker: Callable[[], Any] | None = None,
        tp_group: Any = None,
        layer_number: int | None = None,
        attention_type: str = "self",
        cp_group: Any = None,
        cp_global_ranks: list[int] | None = None,
        cp_stream: Any = None,
        cp_comm_type: str = "p2p",
        softmax_scale: float | None = None,
    ) -> None:
        super().__init__()
        assert attention_type in ("self", "cross"), f"attention_type {attention_type} not supported"
        assert qkv_format in ("sbhd", "bshd", "thd"), f"qkv_format {qkv_format} not supported"
        self.tp_size = tp_size if tp_group is None else get_distributed_world_size(tp_group)
        self.set_tensor_parallel_group(tp_group)
        self.num_attention_heads = num_attention_heads
        self.num_gqa_groups = num_attention_heads if num_gqa_groups is None else num_gqa_groups
        if num_attention_heads % self.num_gqa_groups or self.num_gqa_groups % self.tp_size:
            raise ValueError(
                f"{num_attention_heads} heads, {self.num_gqa_groups} groups and {self.tp_size} tensor parallel ranks: "
                "each must divide the one before"
            )
        self.num_gqa_groups_per_partition = self.num_gqa_groups // self.tp_size
        widths = (kv_channels, kv_channels) if isinstance(kv_channels, int) else tuple(kv_channels)
        self.hidden_size_per_attention_head_k, self.hidden_size_per_attention_head_v = widths
        self.attention_dropout = attention_dropout
        self.qkv_format = qkv_format
        self.attn_mask_type = masks.normalized(attn_mask_type)
        self.window_size = window_size
        self.layer_number = layer_number
        self.attention_type = attention_type
        self.softmax_scale = widths[0] ** -0.5 if softmax_scale is None else softmax_scale
        # With sequence parallelism all ranks drop the same; without, each its own.
        self._get_tracker = None if sequence_parallel else get_rng_state_tracker
        if self._get_tracker is not None:
            set_all_rng_states(self._get_tracker().get_states())
        self.set_context_parallel_group(cp_group, cp_global_ranks, cp_stream, cp_comm_type)
        self.register_load_state_dict_post_hook(_without_extra_state)

    def set_context_parallel_group(
        self, cp_group: Any, cp_global_ranks: list[int] | None, cp_stream: Any, cp_comm_type: str = "p2p"
    ) -> None:
        """Set the ranks that sequences are cut over."""
        if isinstance(cp_group, (list, tuple)) or cp_comm_type == "a2a+p2p":
            raise unsupported("transformer_engine.pytorch.DotProductAttention(cp_comm_type='a2a+p2p')")
        assert cp_comm_type in ("p2p", "all_gather", "a2a"), f"cp_comm_type {cp_comm_type} not supported"
        self.cp_group = cp_group
        self.cp_global_ranks = cp_global_ranks
        self.cp_stream = cp_stream
        self.cp_comm_type = cp_comm_type

    def forward(
        self,
        query_layer: Tensor,
        key_layer: Tensor,
        value_layer: Tensor,
        attention_mask: Tensor | tuple[Tensor, Tensor] | None = None,
        qkv_format: str | None = None,
        cu_seqlens_q: Tensor | None = None,
        cu_seqlens_kv: Tensor | None = None,
        cu_seqlens_q_padded: Tensor | None = None,
        cu_seqlens_kv_padded: Tensor | None = None,
        max_seqlen_q: int | None = None,
        max_seqlen_kv: int | None = None,
        attn_mask_type: str | None = None,
        window_size: tuple[int, int] | None = None,
        checkpoint_core_attention: bool = False,
        core_attention_bias_type: str = "no_bias",
        core_attention_bias: Tensor | None = None,
        alibi_slopes: Tensor | None = None,
        fast_zero_fill: bool = True,
        inference_params: Any = None,
        pad_between_seqs: bool | None = None,
    ) -> Tensor:
        """Queries [s, b, h, d] (or in another format), keys and values with their heads, to [s, b, h * d].

        Masks are True where nothing is to be seen: [b, 1, 1, s] for padding (a pair of them for cross attention), what
        broadcasts to [b, h, sq, skv] for "arbitrary"; other mask types do not look at them. Padding may be given by
        ``cu_seqlens_q`` and ``cu_seqlens_kv`` [b + 1], too; packed sequences need these, and the ``..._padded`` ones
        where there are gaps. Padded queries give zeros. ``max_seqlen_...`` and ``fast_zero_fill`` have no use.
        """
        if inference_params is not None:
            raise unsupported("transformer_engine.pytorch.DotProductAttention(inference_params=...)")
        if not query_layer.dtype == key_layer.dtype == value_layer.dtype:
            raise TypeError("Queries, keys and values must have the same dtype")
        groups = self.num_gqa_groups_per_partition
        if key_layer.shape[-2] != groups or value_layer.shape[-2] != groups:
            raise ValueError(f"Keys and values must have num_gqa_groups = {groups} heads, not {key_layer.shape[-2]}")
        mask_type = self.attn_mask_type if attn_mask_type is None else masks.normalized(attn_mask_type)
        window = masks.window(self.window_size if window_size is None else window_size, mask_type)
        bias = Bias(core_attention_bias_type, core_attention_bias, alibi_slopes)
        layout = self.qkv_format if qkv_format is None else qkv_format
        parallel = get_distributed_world_size(self.cp_group) if self.cp_group is not None else 1

        def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            if layout == "thd":
                sequences = packed.Sequences(cu_seqlens_q, cu_seqlens_kv, cu_seqlens_q_padded, cu_seqlens_kv_padded)
                group = self.cp_group if parallel > 1 else None
                return packed.attention(query, key, value, sequences, mask_type, window, bias, self._core, group)
            query, key, value = (x.permute(_TO_BHSD[layout]) for x in (query, key, value))
            if parallel > 1:
                out = context_parallel.attention(
                    query, key, value, self.cp_group, mask_type, window, bias, self._core
                )
            else:
                seen = masks.seen(
                    mask_type, window, query, key, attention_mask, cu_seqlens_q, cu_seqlens_kv
                )
                out = self._core(query, key, value, seen, bias)
            return out.permute(_FROM_BHSD[layout]).flatten(-2)

        if checkpoint_core_attention:
            return checkpoint(attention, query_layer, key_layer, value_layer, use_reentrant=False)
        return attention(query_layer, key_layer, value_layer)

    def _core(self, query: Tensor, key: Tensor, value: Tensor, seen: Any, bias: Bias) -> Tensor:
        dropout = self.attention_dropout if self.training else 0.0
        return attend(query, key, value, seen, bias, self.softmax_scale, dropout, lambda: forked(self._get_tracker))


def _without_extra_state(module: DotProductAttention, incompatible_keys: Any) -> None:
    """Checkpoints of attention that has no ``_extra_state`` are complete."""
    missing = incompatible_keys.missing_keys
    missing[:] = [key for key in missing if not key.endswith("core_attention._extra_state")]
