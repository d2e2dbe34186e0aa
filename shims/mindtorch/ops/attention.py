"""Attention: scaled dot products, and the function behind ``nn.MultiheadAttention``."""

from __future__ import annotations

import math
from typing import Any

from .._dtype import bool as bool_
from .._tensor import Tensor
from ._checks import anywhere
from ._registry import op
from ._widen import in_float32
from .composite import where
from .creation import ones
from .nn import dropout, linear
from .shape import cat
from .softmax import softmax

F = "nn.functional"


@op(module=F, method=False)
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    _check_attention(query, key, value, attn_mask, is_causal, dropout_p)
    return _attended(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


@in_float32
def _attended(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, dropout_p: float, is_causal: bool,
    scale: float | None, enable_gqa: bool,
) -> Tensor:  # fmt: skip
    if enable_gqa:
        key, value = _repeated(query, key), _repeated(query, value)
    root = math.sqrt(1 / math.sqrt(query.shape[-1]) if scale is None else abs(scale))
    sign = -1 if scale is not None and scale < 0 else 1
    scores = (query * (root * sign)) @ (key * root).transpose(-2, -1)
    if is_causal:
        scores = scores.masked_fill(~ones(*scores.shape[-2:], dtype=bool_, device=query.device).tril(), -math.inf)
    if attn_mask is not None:
        masked = attn_mask.dtype is bool_
        scores = scores.masked_fill(~attn_mask, -math.inf) if masked else scores + attn_mask
    weights = softmax(scores, -1)
    if attn_mask is not None:
        nowhere = (scores.detach() == -math.inf).all(-1, keepdim=True)
        if anywhere(nowhere):  # a row with nothing to attend to
            weights = where(nowhere, 0.0, softmax(scores.masked_fill(nowhere, 0.0), -1))
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return weights @ value


def _check_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool, dropout_p: float
) -> None:
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim(): "
            f"{query.dim()}, key.dim(): {key.dim()} and value.dim(): {value.dim()} instead."
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if attn_mask is None:
        return
    fused = query.dim() == key.dim() == value.dim() == 4 and not dropout_p and not attn_mask.requires_grad
    if is_causal and not fused:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask.dtype is not bool_ and attn_mask.dtype != query.dtype and not attn_mask.dtype.is_floating_point:
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{attn_mask.dtype} and  query.dtype: {query.dtype} instead."
        )


def _repeated(query: Tensor, x: Tensor) -> Tensor:
    if query.shape[-3] % x.shape[-3]:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    return x.repeat_interleave(query.shape[-3] // x.shape[-3], -3)


# ------------------------------------------------------------------ many heads
def _canonical_mask(mask: Tensor | None, name: str, like: Tensor) -> Tensor | None:
    """A mask that is added: -inf where a bool mask is True."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype is not bool_:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return like.new_zeros(tuple(mask.shape)).masked_fill(mask, -math.inf)


def _projections(
    query: Tensor, key: Tensor, value: Tensor, packed: Tensor | None, bias: Tensor | None, parts: tuple[Any, Any, Any],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Queries, keys and values, by one packed matrix or by three."""
    if packed is not None:
        parts = packed.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases, strict=True))
    return q, k, v


def _attention_mask(mask: Tensor | None, heads: int, batch: int, lengths: tuple[int, int]) -> Tensor | None:
    """The mask as (1 or batch * heads, target length, source length)."""
    if mask is None:
        return None
    if mask.dim() == 2:
        if mask.shape != lengths:
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {mask.shape}, but should be {lengths}."
            )
        return mask.unsqueeze(0)
    if mask.dim() != 3:
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    if mask.shape != (batch * heads, *lengths):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch * heads, *lengths)}."
        )
    return mask


def _heads(x: Tensor, batch: int, heads: int, size: int) -> Tensor:
    """(length, batch, heads * size) as (batch * heads, length, size)."""
    return x.reshape(x.shape[0], batch * heads, size).transpose(0, 1)


@op(module=F, method=False)
def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", query)
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", query)
        is_causal = is_causal and key_padding_mask is None
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    size = width // num_heads
    parts = (q_proj_weight, k_proj_weight, v_proj_weight)
    packed = None if use_separate_proj_weight else in_proj_weight
    q, k, v = _projections(query, key, value, packed, in_proj_bias, parts)
    attn_mask = _attention_mask(attn_mask, num_heads, batch, (length, key.shape[0]))
    added = 0  # positions put behind the keys
    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        added += 1
    q = _heads(q, batch, num_heads, size)
    k = _heads(k, batch, num_heads, size) if static_k is None else static_k
    v = _heads(v, batch, num_heads, size) if static_v is None else static_v
    if add_zero_attn:
        k = cat([k, k.new_zeros((batch * num_heads, 1, size))], 1)
        v = cat([v, v.new_zeros((batch * num_heads, 1, size))], 1)
        added += 1
    mask = _merged(attn_mask, key_padding_mask, added, batch, num_heads, k.shape[1])
    dropped = dropout_p if training else 0.0
    if need_weights:
        out, weights = _weighted(q, k, v, mask, dropped, batch)
    else:
        by_head = [t.reshape(batch, num_heads, t.shape[1], size) for t in (q, k, v)]
        if mask is not None:
            mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.reshape(batch, num_heads, length, -1)
        out = scaled_dot_product_attention(*by_head, mask, dropped, is_causal and mask is None)
        out, weights = out.reshape(batch * num_heads, length, size), None
    out = out.transpose(0, 1).reshape(length * batch, width)
    out = linear(out, out_proj_weight, out_proj_bias)
    out = out.reshape(length, batch, out.shape[1])
    if weights is not None:
        weights = weights.reshape(batch, num_heads, length, -1)
        if average_attn_weights:
            weights = weights.mean(1)
    if not batched:
        return out.squeeze(1), None if weights is None else weights.squeeze(0)
    return out, weights


def _merged(
    attn_mask: Tensor | None, padding: Tensor | None, added: int, batch: int, heads: int, source: int
) -> Tensor | None:
    """Both masks in one, with the added positions open."""
    if attn_mask is not None and added:
        attn_mask = cat([attn_mask, attn_mask.new_zeros((*attn_mask.shape[:-1], added))], -1)
    if padding is None:
        return attn_mask
    if padding.shape != (batch, source - added):
        raise AssertionError(
            f"key_padding_mask shape {tuple(padding.shape)} should be {(batch, source - added)}"
        )
    if added:
        padding = cat([padding, padding.new_zeros((batch, added))], 1)
    padding = padding.view(batch, 1, 1, source).expand(-1, heads, -1, -1).reshape(batch * heads, 1, source)
    return padding if attn_mask is None else attn_mask + padding


def _weighted(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, batch: int
) -> tuple[Tensor, Tensor]:
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.transpose(-2, -1)
    weights = softmax(scores if mask is None else scores + mask, -1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return weights @ v, weights


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    """Whether there is a batch dimension. Raises AssertionError for ranks that do not go together."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = "batched" if rank == 3 else "unbatched"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `key` and `value` to be {rank}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != rank - 1:
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D "
            "tensor instead"
        )
    return rank == 3
