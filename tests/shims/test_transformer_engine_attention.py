"""The stand-in for TransformerEngine's attention and its other functions, against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mindtorch_shims import transformer_engine as te
from mindtorch_shims import transformer_engine_torch as tex
from mindtorch_shims.transformer_engine.pytorch import attention
from mindtorch_shims.transformer_engine.pytorch.dot_product_attention.core import alibi_slopes
from shim_checks import array, close, leaves, numbers, same_with_gradients

pt = te.pytorch
B, H, G, D = 2, 4, 2, 8


def right(
    q: Any, k: Any, v: Any, hidden: Any = None, bias: Any = 0.0, scale: float = D**-0.5, pre: Any = 0.0
) -> Any:
    """Attention from its formula on [s, b, h, d]; ``hidden`` is True for what is not seen."""
    q, k, v = (x.permute(1, 2, 0, 3) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = (q @ k.transpose(-1, -2) + pre) * scale + bias
    if hidden is not None:
        scores = scores.masked_fill(hidden, -math.inf)
    weights = scores.softmax(-1).nan_to_num(0.0)
    return (weights @ v).permute(2, 0, 1, 3).flatten(2)


def qkv(sq: int = 6, sk: int = 6, groups: int = G) -> list[np.ndarray]:
    return [numbers(sq, B, H, D), numbers(sk, B, groups, D), numbers(sk, B, groups, D, seed=1)]


def triangle(sq: int, sk: int, offset: int = 0) -> Any:
    return torch.ones(sq, sk, dtype=torch.bool).triu(1 + offset)


def module(mask_type: str = "causal", **options: Any) -> Any:
    return pt.DotProductAttention(H, D, num_gqa_groups=G, attn_mask_type=mask_type, **options)


@pytest.mark.parametrize(("mask_type", "sq", "sk", "hidden"), [
    ("causal", 6, 6, triangle(6, 6)),
    ("causal", 3, 6, triangle(3, 6)),
    ("causal_bottom_right", 3, 6, triangle(3, 6, 3)),
    ("no_mask", 5, 6, None),
])  # fmt: skip
def test_masks_without_a_tensor(mask_type: str, sq: int, sk: int, hidden: Any) -> None:
    ours = module(mask_type)
    same_with_gradients(ours, lambda q, k, v: right(q, k, v, hidden), qkv(sq, sk))
    # A mask is not looked at, and the type of a call is stronger than that of the module.
    other = module("no_mask" if mask_type != "no_mask" else "causal")
    mask = mindtorch.ones(B, 1, sq, sk, dtype=mindtorch.bool)
    same_with_gradients(
        lambda *x: other(*x, mask, attn_mask_type=mask_type), lambda q, k, v: right(q, k, v, hidden), qkv(sq, sk)
    )


PADDED = np.array([[False] * 4 + [True] * 2, [False] * 6])


@pytest.mark.parametrize(("mask_type", "offset"), [
    ("padding", None), ("padding_causal", 0), ("causal,padding", 0), ("padding_causal_bottom_right", 0),
])  # fmt: skip
def test_padding(mask_type: str, offset: int | None) -> None:
    padded = torch.from_numpy(PADDED)
    hidden = (padded[:, None, :] | padded[:, :, None])[:, None]
    if offset is not None:
        hidden = hidden | triangle(6, 6)
    mask = mindtorch.from_numpy(PADDED)[:, None, None]
    ours = module()
    same_with_gradients(
        lambda *x: ours(*x, mask, attn_mask_type=mask_type), lambda q, k, v: right(q, k, v, hidden), qkv()
    )
    ends = mindtorch.tensor([0, 4, 10], dtype=mindtorch.int32)
    same_with_gradients(
        lambda *x: ours(*x, cu_seqlens_q=ends, cu_seqlens_kv=ends, attn_mask_type=mask_type),
        lambda q, k, v: right(q, k, v, hidden), qkv(),
    )  # fmt: skip


def test_padding_of_cross_attention() -> None:
    queries, keys = np.array([[False] * 3, [False, False, True]]), PADDED
    hidden = torch.from_numpy(queries[:, :, None] | keys[:, None, :])[:, None]
    masks = tuple(mindtorch.from_numpy(m)[:, None, None] for m in (queries, keys))
    ours = module("padding", attention_type="cross")
    same_with_gradients(lambda *x: ours(*x, masks), lambda q, k, v: right(q, k, v, hidden), qkv(3, 6))
    # Bottom right counts from the last valid positions: 3 of 4 and 2 of 6.
    late = torch.stack([triangle(3, 6, 1), triangle(3, 6, 4)])[:, None]
    same_with_gradients(
        lambda *x: ours(*x, masks, attn_mask_type="padding_causal_bottom_right"),
        lambda q, k, v: right(q, k, v, hidden | late), qkv(3, 6),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"\[b, 1, 1, s\]"):
        ours(*leaves(mindtorch, qkv(3, 6)), masks[0])
    with pytest.raises(ValueError, match="needs attention_mask, or cu_seqlens_q"):
        ours(*leaves(mindtorch, qkv()))


def test_arbitrary_mask() -> None:
    hidden = numbers(B, 1, 6, 6, seed=4) > 0.5
    hidden[0, 0, 2] = True  # a query that sees nothing
    ours = module("arbitrary")
    same_with_gradients(
        lambda *x: ours(*x, mindtorch.from_numpy(hidden)), lambda q, k, v: right(q, k, v, torch.from_numpy(hidden)),
        qkv(),
    )  # fmt: skip
    with pytest.raises(ValueError, match="'arbitrary' needs attention_mask"):
        ours(*leaves(mindtorch, qkv()))


@pytest.mark.parametrize(("mask_type", "window", "left", "behind"), [
    ("causal", (2, 0), 2, 0), ("no_mask", (1, 2), 1, 2), ("no_mask", (-1, 1), 9, 1), ("causal", (-1, -1), 9, 0),
])  # fmt: skip
def test_windows(mask_type: str, window: tuple[int, int], left: int, behind: int) -> None:
    distance = torch.arange(6)[None, :] - torch.arange(6)[:, None]
    hidden = (distance > behind) | (distance < -left)
    ours = module(mask_type, window_size=window)
    same_with_gradients(ours, lambda q, k, v: right(q, k, v, hidden), qkv())


def test_biases() -> None:
    bias = numbers(1, H, 6, 6, seed=7)
    ours, given = module(), torch.from_numpy(bias)
    same_with_gradients(
        lambda *x: ours(*x, core_attention_bias_type="post_scale_bias", core_attention_bias=mindtorch.from_numpy(bias)),
        lambda q, k, v: right(q, k, v, triangle(6, 6), given), qkv(),
    )  # fmt: skip
    same_with_gradients(
        lambda *x: ours(*x, core_attention_bias_type="pre_scale_bias", core_attention_bias=mindtorch.from_numpy(bias)),
        lambda q, k, v: right(q, k, v, triangle(6, 6), pre=given), qkv(),
    )  # fmt: skip
    slopes = torch.tensor([0.25, 0.0625, 0.015625, 0.00390625])
    distance = (torch.arange(6)[None, :] - torch.arange(6)[:, None]).abs()
    same_with_gradients(
        lambda *x: ours(*x, core_attention_bias_type="alibi"),
        lambda q, k, v: right(q, k, v, triangle(6, 6), -slopes[:, None, None] * distance), qkv(),
    )  # fmt: skip
    # Of 12 heads: those of 8, then every second of those of 16 (the paper's own example).
    expected = [2 ** -(i + 1) for i in range(8)] + [2 ** -(i + 0.5) for i in range(4)]
    np.testing.assert_allclose(array(alibi_slopes(12, "cpu")), expected, rtol=1e-6)


def test_formats_scales_and_widths() -> None:
    ours = module(qkv_format="bshd", softmax_scale=0.3)
    same_with_gradients(
        lambda *x: ours(*(t.transpose(0, 1) for t in x)).transpose(0, 1),
        lambda q, k, v: right(q, k, v, triangle(6, 6), scale=0.3), qkv(),
    )  # fmt: skip
    wide = pt.DotProductAttention(H, (D, 5), attn_mask_type="no_mask", num_gqa_groups=H)
    arrays = [numbers(3, B, H, D), numbers(6, B, H, D), numbers(6, B, H, 5)]
    same_with_gradients(lambda *x: wide(*x, checkpoint_core_attention=True), right, arrays)
    with pytest.raises(ValueError, match="num_gqa_groups = 2 heads, not 4"):
        ours(*leaves(mindtorch, qkv(groups=4)))
    with pytest.raises(ValueError, match="must divide the one before"):
        pt.DotProductAttention(6, D, num_gqa_groups=4)


@pytest.mark.parametrize("mask_type", ["padding", "padding_causal"])
def test_packed_sequences(mask_type: str) -> None:
    arrays = [numbers(9, H, D), numbers(9, G, D), numbers(9, G, D, seed=1)]

    def theirs(q: Any, k: Any, v: Any, spans: Any) -> Any:
        out = torch.zeros(9, H * D)
        for start, end in spans:
            hidden = triangle(end - start, end - start) if "causal" in mask_type else None
            parts = (x[start:end].unsqueeze(1) for x in (q, k, v))
            out = out.index_add(0, torch.arange(start, end), right(*parts, hidden).squeeze(1))
        return out

    ours = module(mask_type, qkv_format="thd")
    ends = mindtorch.tensor([0, 4, 9], dtype=mindtorch.int32)
    same_with_gradients(
        lambda *x: ours(*x, cu_seqlens_q=ends, cu_seqlens_kv=ends),
        lambda *x: theirs(*x, [(0, 4), (4, 9)]), arrays,
    )  # fmt: skip
    # Sequences of 3 and 2 in places of 4: gaps give zeros.
    lengths, places = (mindtorch.tensor(n, dtype=mindtorch.int32) for n in ([0, 3, 5], [0, 4, 8]))
    same_with_gradients(
        lambda *x: ours(
            *x, cu_seqlens_q=lengths, cu_seqlens_kv=lengths, cu_seqlens_q_padded=places, cu_seqlens_kv_padded=places
        ),
        lambda *x: theirs(*x, [(0, 3), (4, 6)]), arrays,
    )  # fmt: skip
    with pytest.raises(ValueError, match="needs cu_seqlens_q"):
        ours(*leaves(mindtorch, arrays))


def test_dropout() -> None:
    arrays = [numbers(32, B, H, D), numbers(32, B, G, D), np.ones((32, B, G, D), dtype=np.float32)]
    inputs = [mindtorch.from_numpy(a) for a in arrays]
    ours = module(attention_dropout=0.25)
    mindtorch.manual_seed(3)
    first = array(ours(*inputs))
    mindtorch.manual_seed(3)
    assert (array(ours(*inputs)) == first).all()
    assert (array(ours(*inputs)) != first).any()
    # With values of one, a result is the sum of the weights: one in the mean, and different from one.
    assert abs(first.mean() - 1) < 0.05
    assert first.std() > 0.05
    np.testing.assert_allclose(array(ours.eval()(*inputs)), 1, rtol=1e-5)


def test_what_attention_does_not_do() -> None:
    inputs = leaves(mindtorch, qkv())
    with pytest.raises(NotImplementedError, match="inference_params"):
        module()(*inputs, inference_params=1)
    with pytest.raises(NotImplementedError, match=r"a2a\+p2p"):
        module(cp_comm_type="a2a+p2p")
    with pytest.raises(AssertionError, match="attn_mask_type diagonal not supported"):
        module("diagonal")
    with pytest.raises(TypeError, match="same dtype"):
        module()(inputs[0].bfloat16(), *inputs[1:])


# ------------------------------------------------------------------ functions
def test_split_along_dim() -> None:
    x = mindtorch.from_numpy(numbers(2, 3, 6)).requires_grad_()
    parts = attention._SplitAlongDim.apply(x, 2, [1, 2, 3])
    assert [tuple(p.shape) for p in parts] == [(2, 3, 1), (2, 3, 2), (2, 3, 3)]
    assert [tuple(p.shape) for p in attention._SplitAlongDim.apply(x, 1, 1, True)] == [(2, 6)] * 3
    (parts[1] * 2).sum().backward()
    assert x.grad[0, 0].tolist() == [0, 2, 2, 0, 0, 0]


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotary_position_embeddings(interleaved: bool) -> None:
    angles = numbers(8, 1, 1, 4)
    whole = torch.from_numpy(angles)

    def theirs(t: Any, angles: Any = whole[:6]) -> Any:
        # As complex numbers: a pair times e^(i angle); the two angles of a pair are the same.
        x = t[..., :4]
        pairs = x.unflatten(-1, (2, 2)) if interleaved else x.unflatten(-1, (2, 2)).transpose(-1, -2)
        a = angles.unflatten(-1, (2, 2)) if interleaved else angles.unflatten(-1, (2, 2)).transpose(-1, -2)
        first, second = pairs.unbind(-1)
        turned = torch.stack(
            (first * a[..., 0].cos() - second * a[..., 0].sin(), second * a[..., 1].cos() + first * a[..., 1].sin()), -1
        )
        out = turned if interleaved else turned.transpose(-1, -2)
        return torch.cat((out.flatten(-2), t[..., 4:]), -1)

    freqs = mindtorch.from_numpy(angles)
    same_with_gradients(
        lambda t: pt.attention.apply_rotary_pos_emb(t, freqs, "sbhd", interleaved=interleaved, fused=True),
        theirs, [numbers(6, 2, 3, 8)],
    )  # fmt: skip
    same_with_gradients(
        lambda t: pt.attention.apply_rotary_pos_emb(t.transpose(0, 1), freqs, "bshd", interleaved).transpose(0, 1),
        theirs, [numbers(6, 2, 3, 8)],
    )  # fmt: skip
    with pytest.raises(ValueError, match="freqs has 4 rows"):
        pt.attention.apply_rotary_pos_emb(mindtorch.ones(6, 1, 1, 8), freqs[:4])
    if not interleaved:
        # Rank 1 of 2 has the chunks 1 and 2 of 4 of each sequence: of 8 tokens 2 to 5, of 4 tokens 1 and 2.
        ends = mindtorch.tensor([0, 8, 12], dtype=mindtorch.int32)
        where = torch.tensor([2, 3, 4, 5, 1, 2])
        same_with_gradients(
            lambda t: pt.attention.apply_rotary_pos_emb(t, freqs, "thd", cu_seqlens=ends, cp_size=2, cp_rank=1),
            lambda t: theirs(t, whole[where][:, 0]), [numbers(6, 3, 8)],
        )  # fmt: skip
        assert tex.thd_get_partitioned_indices(ends, 12, 2, 1).tolist() == [2, 3, 4, 5, 9, 10]
        assert tex.thd_get_partitioned_indices(ends, 12, 2, 0).tolist() == [0, 1, 6, 7, 8, 11]


ROUTED = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)


def test_moe_permutation() -> None:
    routing = mindtorch.from_numpy(ROUTED)
    order = torch.tensor([0, 2, 1, 0, 1])
    tokens, probs = numbers(4, 5), np.abs(numbers(4, 3))
    same_with_gradients(lambda x: pt.moe_permute(x, routing, 5)[0], lambda x: x[order], [tokens])
    same_with_gradients(
        lambda x: pt.moe_permute(x, routing, 7)[0], lambda x: F.pad(x[order], (0, 0, 0, 2)), [tokens]
    )
    same_with_gradients(
        lambda x, p: mindtorch.cat([t.flatten() for t in pt.moe_permute_with_probs(x, p, routing, 5)[:2]]),
        lambda x, p: torch.cat([x[order].flatten(), p.T[torch.from_numpy(ROUTED).T]]), [tokens, probs],
    )  # fmt: skip
    rows, table = pt.moe_permute(mindtorch.from_numpy(tokens), routing, None)
    assert (table.dtype, table.tolist()) == (mindtorch.int32, [[0, -1, 1, -1], [-1, 2, -1, -1], [3, 4, -1, -1]])
    counts = torch.from_numpy(ROUTED.sum(1, keepdims=True))
    close(pt.moe_unpermute(rows, table), torch.from_numpy(tokens) * counts)
    same_with_gradients(
        lambda x, p: pt.moe_unpermute(x, table, p, mindtorch.Size((4, 5))),
        lambda x, p: torch.zeros(4, 5).index_add(0, order, x * p.T[torch.from_numpy(ROUTED).T].unsqueeze(1)),
        [numbers(5, 5), probs],
    )
    with pytest.raises(ValueError, match="num_out_tokens is 3, but 5"):
        pt.moe_permute(rows, mindtorch.from_numpy(np.ones((5, 1))), 3)
    with pytest.raises(NotImplementedError, match="map_type='index'"):
        pt.moe_permute(rows, routing, map_type="index")


def test_sorting_of_chunks() -> None:
    sizes, order = mindtorch.tensor([2, 0, 3]), mindtorch.tensor([2, 0, 1])
    where = torch.tensor([2, 3, 4, 0, 1])
    same_with_gradients(lambda x: pt.moe_sort_chunks_by_index(x, sizes, order), lambda x: x[where], [numbers(5, 3)])
    same_with_gradients(
        lambda x, p: mindtorch.cat([t.flatten() for t in pt.moe_sort_chunks_by_index_with_probs(x, p, sizes, order)]),
        lambda x, p: torch.cat((x[where].flatten(), p[where])), [numbers(5, 3), numbers(5)],
    )  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduce", [True, False])
def test_cross_entropy(smoothing: float, reduce: bool) -> None:
    target = np.random.default_rng(0).integers(0, 7, (3, 4))

    def theirs(x: Any) -> Any:
        losses = F.cross_entropy(
            x.flatten(0, 1), torch.from_numpy(target).flatten(), reduction="mean" if reduce else "none",
            label_smoothing=smoothing,
        )  # fmt: skip
        return losses if reduce else losses.view(3, 4)

    same_with_gradients(
        lambda x: pt.parallel_cross_entropy(x, mindtorch.from_numpy(target), smoothing, reduce, None), theirs,
        [10 * numbers(3, 4, 7)],
    )  # fmt: skip


def test_checkpoint_computes_again_with_the_same_numbers() -> None:
    calls = []

    def function(x: Any, y: Any, factor: float, *, more: float = 0.0) -> Any:
        calls.append(1)
        return mindtorch.dropout(x * y * factor + more, 0.5, True), None

    mindtorch.manual_seed(1)
    x, y = leaves(mindtorch, [numbers(50), numbers(50, seed=1)])
    out, nothing = pt.checkpoint(function, x, y, 3.0, more=1.0)
    assert nothing is None
    after = mindtorch.rand(1)
    kept = array(out) != 0
    out.sum().backward()
    assert len(calls) == 2
    np.testing.assert_allclose(array(x.grad), np.where(kept, 6 * array(y), 0), rtol=1e-5)
    # The generator goes on as if nothing had been drawn again.
    following = mindtorch.rand(1)
    mindtorch.manual_seed(1)
    mindtorch.dropout(mindtorch.ones(50), 0.5, True)
    assert [after.item(), following.item()] == [mindtorch.rand(1).item(), mindtorch.rand(1).item()]
    with pytest.raises(ValueError, match="needs tp_group"):
        pt.checkpoint(function, x, y, 3.0, distribute_saved_activations=True)
    out, _ = pt.checkpoint(function, x, y, 3.0, use_reentrant=False)
    assert out.requires_grad
