"""The stand-in for apex, against PyTorch."""

from __future__ import annotations

import inspect
import io
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mindtorch_shims import amp_C, fused_weight_gradient_mlp_cuda
from mindtorch_shims import scaled_masked_softmax_cuda as masked
from mindtorch_shims import scaled_softmax_cuda as plain
from mindtorch_shims import scaled_upper_triang_masked_softmax_cuda as causal
from mindtorch_shims.apex.contrib.layer_norm.layer_norm import FastLayerNorm, FastLayerNormFN
from mindtorch_shims.apex.multi_tensor_apply import multi_tensor_applier
from mindtorch_shims.apex.normalization import (
    FusedLayerNorm,
    FusedRMSNorm,
    MixedFusedLayerNorm,
    MixedFusedRMSNorm,
    fused_layer_norm,
)
from mindtorch_shims.apex.optimizers import FusedAdam, FusedSGD
from mindtorch_shims.apex.transformer import functional, layers
from mindtorch_shims.transformer_engine.pytorch.optimizers import FusedAdam as TEFusedAdam
from shim_checks import array, close, leaves, numbers, same_with_gradients

fused = fused_layer_norm


# ------------------------------------------------------------------ norms
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_fused_layer_norm(dtype: str) -> None:
    tolerance = 1e-5 if dtype == "float32" else 2e-2
    same_with_gradients(
        lambda x, w, b: fused.fused_layer_norm_affine(x, w, b, (8,), 1e-4),
        lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-4),
        [numbers(3, 5, 8), numbers(8), numbers(8, seed=1)], dtype, tolerance, tolerance,
    )  # fmt: skip


def test_norms_over_several_dimensions_and_without_weights() -> None:
    same_with_gradients(
        lambda x: fused.fused_layer_norm(x, (4, 6)), lambda x: F.layer_norm(x, (4, 6), eps=1e-6), [numbers(3, 4, 6)]
    )
    same_with_gradients(
        lambda x: fused.fused_rms_norm(x, (4, 6), 1e-3), lambda x: F.rms_norm(x, (4, 6), eps=1e-3), [numbers(3, 4, 6)]
    )


def test_fused_rms_norm() -> None:
    same_with_gradients(
        lambda x, w: fused.fused_rms_norm_affine(x, w, 8, 1e-4, True),
        lambda x, w: F.rms_norm(x, (8,), w, 1e-4),
        [numbers(3, 5, 8), numbers(8)],
    )  # fmt: skip


def test_dtypes_of_norms() -> None:
    x = mindtorch.from_numpy(numbers(4, 8)).bfloat16()
    right = F.layer_norm(torch.from_numpy(numbers(4, 8)).bfloat16().float(), (8,))
    for module, dtype in ((FusedLayerNorm(8), "bfloat16"), (MixedFusedLayerNorm(8), "float32")):
        out = module(x)
        assert out.dtype == getattr(mindtorch, dtype)
        np.testing.assert_allclose(array(out), array(right), rtol=1e-2, atol=1e-2 if dtype == "bfloat16" else 1e-5)
    assert FusedRMSNorm(8)(x).dtype == mindtorch.bfloat16
    assert MixedFusedRMSNorm(8)(x).dtype == mindtorch.float32
    with pytest.raises(RuntimeError, match="elementwise_affine"):
        MixedFusedRMSNorm(8, elementwise_affine=False)


def test_fast_layer_norm() -> None:
    same_with_gradients(
        lambda x, w, b: FastLayerNormFN.apply(x, w, b, 1e-5, False),
        lambda x, w, b: F.layer_norm(x, (8,), w, b),
        [numbers(3, 8), numbers(8), numbers(8, seed=1)],
    )  # fmt: skip
    assert "memory_efficient" in inspect.getfullargspec(FastLayerNormFN.forward).args
    assert "memory_efficient" in inspect.getfullargspec(fused.FusedLayerNormAffineFunction.forward).args


def test_norms_mark_their_parameters_for_sequence_parallelism() -> None:
    for norm in (layers.FusedLayerNorm, layers.FastLayerNorm, layers.MixedFusedLayerNorm):
        for enabled in (True, False):
            module = norm(8, sequence_parallel_enabled=enabled)
            assert [p.sequence_parallel_enabled for p in module.parameters()] == [enabled, enabled]
    assert list(FastLayerNorm(8).state_dict()) == list(FusedLayerNorm(8).state_dict()) == ["weight", "bias"]


# ------------------------------------------------------------------ lists of tensors
def flag() -> Any:
    return mindtorch.zeros(1, dtype=mindtorch.int)


def test_multi_tensor_l2norm() -> None:
    arrays = [numbers(3, 4), numbers(7), numbers(0)]
    ours, given = leaves(mindtorch, arrays), leaves(torch, arrays)
    total, each = multi_tensor_applier(amp_C.multi_tensor_l2norm, flag(), [ours], True)
    close(total, torch.cat([t.flatten() for t in given]).norm().reshape(1).detach())
    close(each, torch.stack([t.norm() for t in given]).detach())
    assert multi_tensor_applier(amp_C.multi_tensor_l2norm, flag(), [ours], False)[1].shape == (0,)
    assert multi_tensor_applier(amp_C.multi_tensor_l2norm, flag(), [[]], False)[0].tolist() == [0]


def test_multi_tensor_scale_and_axpby() -> None:
    x = mindtorch.from_numpy(numbers(5))
    low, overflow = mindtorch.zeros(5, dtype=mindtorch.bfloat16), flag()
    multi_tensor_applier(amp_C.multi_tensor_scale, overflow, [[x], [low]], 0.5)
    close(low, torch.from_numpy(numbers(5) * 0.5).bfloat16())
    multi_tensor_applier(amp_C.multi_tensor_scale, overflow, [[x], [x]], 2.0)
    close(x, torch.from_numpy(numbers(5) * 2))
    out = mindtorch.zeros(5)
    multi_tensor_applier(amp_C.multi_tensor_axpby, overflow, [[x], [low], [out]], 2.0, -1.0, -1)
    np.testing.assert_allclose(array(out), 2 * array(x) - array(low), rtol=1e-6)
    assert overflow.tolist() == [0]
    bad = mindtorch.tensor([1.0, float("nan")])
    multi_tensor_applier(amp_C.multi_tensor_axpby, overflow, [[bad], [bad[:1]], [mindtorch.zeros(2)]], 1.0, 1.0, 1)
    assert overflow.tolist() == [0]
    multi_tensor_applier(amp_C.multi_tensor_scale, overflow, [[bad], [mindtorch.zeros(2)]], 1.0)
    assert overflow.tolist() == [1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weight_gradients_are_added(dtype: str) -> None:
    x, g, start = numbers(2, 3, 4), numbers(2, 3, 5), numbers(5, 4)
    right = torch.from_numpy(start) + (
        torch.from_numpy(g).to(getattr(torch, dtype)).float().reshape(6, 5).t()
        @ torch.from_numpy(x).to(getattr(torch, dtype)).float().reshape(6, 4)
    )
    main = mindtorch.from_numpy(start.copy())
    low = [mindtorch.from_numpy(a).to(getattr(mindtorch, dtype)) for a in (x, g)]
    fused_weight_gradient_mlp_cuda.wgrad_gemm_accum_fp32(*low, main)
    close(main, right)
    half = mindtorch.from_numpy(start.copy()).bfloat16()
    fused_weight_gradient_mlp_cuda.wgrad_gemm_accum_fp16(*low, half)
    np.testing.assert_allclose(array(half), array(right), rtol=2e-2, atol=3e-2)


# ------------------------------------------------------------------ optimizers
SHAPES = [(3, 4), (5,), ()]


def trained(lib: Any, optimizer: Any, parameters: list[Any], steps: int, start: int = 0) -> None:
    for step in range(start, start + steps):
        for i, parameter in enumerate(parameters):
            grad = numbers(*parameter.shape, seed=100 + 10 * step + i)
            # One parameter has no gradient at first, where there are several.
            parameter.grad = None if i == 1 and step == 0 else lib.from_numpy(np.asarray(grad))
        optimizer.step()


def pair(ours: Any, theirs: Any) -> tuple[list[Any], list[Any], Any, Any]:
    arrays = [np.asarray(numbers(*shape)) for shape in SHAPES]
    mine, right = leaves(mindtorch, arrays), leaves(torch, arrays)
    return mine, right, ours(mine), theirs(right)


@pytest.mark.parametrize("decoupled", [True, False])
def test_fused_adam(decoupled: bool) -> None:
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    options = {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
    # All have gradients: FusedAdam counts steps by group, PyTorch by parameter.
    mine, right, ours, theirs = pair(
        lambda p: FusedAdam(p[::2], adam_w_mode=decoupled, **options), lambda p: kind(p[::2], **options)
    )
    trained(mindtorch, ours, mine, 4)
    trained(torch, theirs, right, 4)
    for a, b in zip(mine, right, strict=True):
        close(a, b)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert state["param_groups"][0]["step"] == 4
    for i in (0, 1):
        assert list(state["state"][i]) == ["exp_avg", "exp_avg_sq"]
        assert expected["state"][i]["step"] == 4
        for name in state["state"][i]:
            close(state["state"][i][name], expected["state"][i][name])


def test_fused_adam_counts_by_group_and_can_leave_out_bias_correction() -> None:
    (parameter,) = leaves(mindtorch, [numbers(3)])
    optimizer = FusedAdam([parameter], lr=0.1, bias_correction=False, betas=(0.5, 0.75), eps=0.0)
    grad = numbers(3, seed=5)
    parameter.grad = mindtorch.from_numpy(grad)
    optimizer.step()
    np.testing.assert_allclose(array(parameter), numbers(3) - 0.1 * np.sign(grad) * 0.5 / 0.5, rtol=1e-5)
    optimizer.zero_grad()
    assert parameter.grad is None
    optimizer.step()
    assert optimizer.param_groups[0]["step"] == 2


def test_fused_adam_resumes_from_a_state_dict() -> None:
    mine, _, ours, _ = pair(lambda p: FusedAdam(p, lr=0.1), lambda p: None)
    trained(mindtorch, ours, mine, 2)
    copies = [p.detach().clone().requires_grad_() for p in mine]
    other = FusedAdam(copies, lr=0.5)
    other.load_state_dict(ours.state_dict())
    trained(mindtorch, ours, mine, 2, 2)
    trained(mindtorch, other, copies, 2, 2)
    for a, b in zip(mine, copies, strict=True):
        assert a.tolist() == b.tolist()


ADAMS = [FusedAdam, TEFusedAdam]


def adamw_state(params: list[Any], optimizer: Any) -> dict[str, Any]:
    """The state of PyTorch's AdamW after three steps, in mindtorch's tensors, as a checkpoint gives it."""
    trained(torch, optimizer, params, 3, 1)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return mindtorch.load(file)


@pytest.mark.parametrize("adam", ADAMS)
def test_fused_adam_goes_on_from_the_state_of_adamw(adam: Any) -> None:
    params = leaves(torch, [numbers(4, 3), numbers(5, seed=1)])
    theirs = torch.optim.AdamW(params, lr=0.02, weight_decay=0.1, betas=(0.8, 0.95))
    state = adamw_state(params, theirs)
    copies = leaves(mindtorch, [p.detach().numpy().copy() for p in params])
    ours = adam(copies, lr=0.5)
    ours.load_state_dict(state)
    assert ours.param_groups[0]["step"] == 3
    trained(torch, theirs, params, 2, 4)
    trained(mindtorch, ours, copies, 2, 4)
    for a, b in zip(copies, params, strict=True):
        close(a, b, 1e-6, 1e-6)
        assert sorted(ours.state[a]) == ["exp_avg", "exp_avg_sq"]


@pytest.mark.parametrize("adam", ADAMS)
def test_fused_adam_refuses_a_state_that_it_cannot_go_on_from(adam: Any) -> None:
    params = leaves(torch, [numbers(4), numbers(5)])
    state = adamw_state(params, torch.optim.AdamW(params))
    state["state"][1]["step"] += 1
    ours = adam(leaves(mindtorch, [numbers(4), numbers(5)]))
    with pytest.raises(RuntimeError, match=r"the loaded parameters have \[3, 4\]"):
        ours.load_state_dict(state)
    state["param_groups"][0]["amsgrad"] = True
    with pytest.raises(RuntimeError, match="does not support the loaded group's amsgrad"):
        ours.load_state_dict(state)


def test_moments_of_low_precision_parameters_are_float32_and_stay_so() -> None:
    low = [mindtorch.from_numpy(numbers(4)).bfloat16().requires_grad_()]
    optimizer = FusedAdam(low)
    low[0].grad = mindtorch.from_numpy(numbers(4, seed=1)).bfloat16()
    optimizer.step()
    other = FusedAdam(low)
    other.load_state_dict(optimizer.state_dict())
    for which in (optimizer, other):
        assert which.state[low[0]]["exp_avg"].dtype == mindtorch.float32
    close(other.state[low[0]]["exp_avg"], torch.from_numpy(array(optimizer.state[low[0]]["exp_avg"])), 0, 0)


@pytest.mark.parametrize("options", [
    {"momentum": 0.9, "dampening": 0.2}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"weight_decay": 0.3}, {},
])  # fmt: skip
def test_fused_sgd(options: dict[str, Any]) -> None:
    mine, right, ours, theirs = pair(
        lambda p: FusedSGD(p, lr=0.1, **options), lambda p: torch.optim.SGD(p, lr=0.1, **options)
    )
    trained(mindtorch, ours, mine, 3)
    trained(torch, theirs, right, 3)
    for a, b in zip(mine, right, strict=True):
        close(a, b)
    assert [list(s) for s in ours.state_dict()["state"].values()] == (
        [["momentum_buffer"]] * 3 if "momentum" in options else []
    )


# ------------------------------------------------------------------ attention scores and positions
def test_masked_softmax() -> None:
    scores, grad, mask = numbers(2, 3, 4, 4), numbers(2, 3, 4, 4, seed=1), numbers(2, 1, 4, 4, seed=2) > 0.3
    mask[..., 0] = False
    triangle = np.triu(np.ones((4, 4), dtype=bool), 1)
    scale = mindtorch.tensor(0.5)
    for ours, hidden in (
        (lambda s: plain.forward(s, scale), np.zeros_like(mask)),
        (lambda s: masked.forward(s, mindtorch.from_numpy(mask), scale), mask),
        (lambda s: causal.forward(s.view(6, 4, 4), scale).view(2, 3, 4, 4), triangle),
    ):
        given = torch.from_numpy(scores).requires_grad_()
        right = (given * 0.5).masked_fill(torch.from_numpy(hidden), -np.inf).softmax(-1)
        right.backward(torch.from_numpy(grad))
        mine = ours(mindtorch.from_numpy(scores))
        close(mine, right)
        close(plain.backward(mindtorch.from_numpy(grad), mine, scale), given.grad)


def rotated(t: Any, angles: Any) -> Any:
    width = angles.shape[-1]
    x, rest = t[..., :width], t[..., width:]
    first, second = x.chunk(2, -1)
    return torch.cat((x * angles.cos() + torch.cat((-second, first), -1) * angles.sin(), rest), -1)


def test_rotary_position_embeddings() -> None:
    angles = numbers(6, 1, 1, 4)
    given = torch.from_numpy(angles)
    for transpose in (False, True):
        same_with_gradients(
            lambda t: functional.fused_apply_rotary_pos_emb(t, mindtorch.from_numpy(angles), transpose),  # noqa: B023
            lambda t: rotated(t, given),
            [numbers(6, 2, 3, 8)],
        )
    out = functional.fused_apply_rotary_pos_emb(mindtorch.ones(6, 2, 3, 8), mindtorch.from_numpy(angles), True)
    assert out.stride() == (24, 144, 8, 1)
    cached = (mindtorch.from_numpy(np.cos(angles)), mindtorch.from_numpy(np.sin(angles)))
    same_with_gradients(
        lambda t: functional.fused_apply_rotary_pos_emb_cached(t, *cached), lambda t: rotated(t, given),
        [numbers(6, 2, 3, 8)],
    )  # fmt: skip
    ends = mindtorch.tensor([0, 4, 6], dtype=mindtorch.int32)
    same_with_gradients(
        lambda t: functional.fused_apply_rotary_pos_emb_thd(t, ends, mindtorch.from_numpy(angles)),
        lambda t: torch.cat([rotated(t[:4], given[:4, 0]), rotated(t[4:], given[:2, 0])]),
        [numbers(6, 3, 8)],
    )


# ------------------------------------------------------------------ what is missing
def test_what_is_missing_says_so() -> None:
    from mindtorch_shims import apex

    assert not hasattr(apex, "amp")
    with pytest.raises(NotImplementedError, match=r"apex\.amp has no stand-in"):
        _ = apex.amp
    with pytest.raises(NotImplementedError, match=r"amp_C\.multi_tensor_lamb "):
        _ = amp_C.multi_tensor_lamb
    with pytest.raises(ImportError):
        from mindtorch_shims.apex.optimizers import FusedLAMB  # noqa: F401
    (parameter,) = leaves(mindtorch, [numbers(3)])
    with pytest.raises(RuntimeError, match="AMSGrad"):
        FusedAdam([parameter], amsgrad=True)
    with pytest.raises(NotImplementedError, match="capturable"):
        FusedAdam([parameter], capturable=True)
    with pytest.raises(RuntimeError, match="only the closure"):
        FusedAdam([parameter]).step(None, [1])
    with pytest.raises(ValueError, match="Nesterov"):
        FusedSGD([parameter], lr=1, nesterov=True)
