"""The stand-in for TransformerEngine's layers and optimizers, against PyTorch."""

from __future__ import annotations

import inspect
import io
import pickle
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mindtorch_shims import transformer_engine as te
from mindtorch_shims.transformer_engine.pytorch import fp8
from mindtorch_shims.transformer_engine.pytorch.optimizers import FusedAdam, FusedSGD
from mindtorch_shims.transformer_engine.pytorch.optimizers._states import join_bits, split_bits
from shim_checks import array, close, leaves, numbers, same_with_gradients

pt = te.pytorch


def set_all(module: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write all parameters of a module, which has these and no others."""
    assert [name for name, _ in module.named_parameters()] == list(arrays)
    with mindtorch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(mindtorch.from_numpy(arrays[name]).to(parameter.dtype))


def compare(module: Any, right: Any, arrays: dict[str, np.ndarray], x: np.ndarray, dtype: str = "float32") -> None:
    """A module with these parameters computes ``right(x, *parameters)``; so are the gradients of all of them."""
    tolerance = 1e-5 if dtype == "float32" else 3e-2
    set_all(module, arrays)
    (inp,), (given,) = leaves(mindtorch, [x], dtype), leaves(torch, [x], dtype)
    theirs = leaves(torch, list(arrays.values()), dtype)
    out, expected = module(inp), right(given, *theirs)
    close(out, expected, tolerance, tolerance)
    weights = numbers(*expected.shape, seed=9)
    (out * mindtorch.from_numpy(weights).to(out.dtype)).sum().backward()
    (expected * torch.from_numpy(weights).to(expected.dtype)).sum().backward()
    close(inp.grad, given.grad, tolerance, tolerance)
    for parameter, other in zip(module.parameters(), theirs, strict=True):
        close(parameter.grad, other.grad, tolerance, 2 * tolerance)


# ------------------------------------------------------------------ layers
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool, dtype: str) -> None:
    module = pt.Linear(4, 6, bias=bias, device="cpu", params_dtype=getattr(mindtorch, dtype))
    arrays = {"weight": numbers(6, 4), **({"bias": numbers(6)} if bias else {})}
    compare(module, lambda x, w, b=None: F.linear(x, w, b), arrays, numbers(3, 2, 4), dtype)


def test_linear_gives_the_bias_apart() -> None:
    module = pt.Linear(4, 6, return_bias=True, device="cpu")
    set_all(module, {"weight": numbers(6, 4), "bias": numbers(6)})
    out, bias = module(mindtorch.from_numpy(numbers(3, 4)))
    close(out, torch.from_numpy(numbers(3, 4) @ numbers(6, 4).T))
    close(bias, torch.from_numpy(numbers(6)))
    out, bias = pt.Linear(4, 6, bias=False, return_bias=True, device="cpu")(mindtorch.ones(3, 4))
    assert bias.numel() == 0


def test_linear_begins_as_asked_and_says_how_it_is_split() -> None:
    module = pt.Linear(64, 64, parallel_mode="column", device="cpu", init_method=lambda w: w.fill_(3.0))
    assert module.weight.unique().tolist() == [3]
    assert module.bias.unique().tolist() == [0]
    described = [(p.tensor_model_parallel, p.partition_dim, p.partition_stride) for p in module.parameters()]
    assert described == [(True, 0, 1), (True, 0, 1)]
    row = pt.Linear(64, 64, parallel_mode="row", device="cpu")
    assert (row.weight.partition_dim, row.bias.sequence_parallel) == (1, False)
    assert not hasattr(row.bias, "partition_dim")
    assert 0.02 < float(row.weight.std()) < 0.026
    split = pt.Linear(64, 64, parallel_mode="row", device="cpu", tp_size=4, sequence_parallel=True)
    assert (split.weight.shape, split.sequence_parallel, split.bias.sequence_parallel) == ((64, 16), True, True)
    with pytest.raises(AssertionError, match="group not initialized"):
        split(mindtorch.ones(2, 16))


@pytest.mark.parametrize("with_flag", [True, False])
def test_weight_gradients_go_to_main_grad(with_flag: bool) -> None:
    (module,) = [pt.Linear(4, 6, fuse_wgrad_accumulation=True, device="cpu", params_dtype=mindtorch.bfloat16)]
    module.weight.main_grad = mindtorch.ones(6, 4)
    if with_flag:
        module.weight.grad_added_to_main_grad = False
    x = mindtorch.from_numpy(numbers(3, 4)).bfloat16().requires_grad_()
    for _ in range(2):
        module(x).sum().backward()
    right = 1 + 2 * np.ones((6, 1)) * array(x).sum(0)
    np.testing.assert_allclose(array(module.weight.main_grad), right, rtol=1e-5)
    assert array(module.bias.grad).tolist() == [6] * 6
    np.testing.assert_allclose(array(x.grad), 2 * array(module.weight).sum(0)[None].repeat(3, 0), rtol=2e-2, atol=1e-2)
    if with_flag:
        assert module.weight.grad_added_to_main_grad
        assert module.weight.grad is not None
    else:
        assert module.weight.grad is None
    with mindtorch.no_grad():
        assert not module(x).requires_grad


@pytest.mark.parametrize("zero_centered", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_norms(dtype: str, zero_centered: bool) -> None:
    options = {"zero_centered_gamma": zero_centered, "device": "cpu", "params_dtype": getattr(mindtorch, dtype)}

    def factor(w: Any) -> Any:
        return (1 + w.float()) if zero_centered else w.float()

    compare(
        pt.LayerNorm(8, eps=1e-3, **options),
        lambda x, w, b: F.layer_norm(x.float(), (8,), factor(w), b.float(), 1e-3).to(x.dtype),
        {"weight": numbers(8), "bias": numbers(8, seed=1)}, numbers(3, 5, 8), dtype,
    )  # fmt: skip
    compare(
        pt.RMSNorm(8, eps=1e-3, sequence_parallel=True, **options),
        lambda x, w: F.rms_norm(x.float(), (8,), factor(w), 1e-3).to(x.dtype),
        {"weight": numbers(8)}, numbers(3, 5, 8), dtype,
    )  # fmt: skip


def test_norms_begin_and_mark_their_parameters() -> None:
    norm = pt.LayerNorm(hidden_size=8, sequence_parallel=True, device="cpu")
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1] * 8, [0] * 8)
    assert norm.weight.sequence_parallel is norm.bias.sequence_parallel is True
    assert pt.RMSNorm(8, zero_centered_gamma=True, device="cpu").weight.tolist() == [0] * 8
    assert not hasattr(pt.RMSNorm(8, device="cpu").weight, "sequence_parallel")
    later = pt.RMSNorm(8, device="meta")
    assert later.weight.device.type == "meta"


@pytest.mark.parametrize("normalization", ["LayerNorm", "RMSNorm"])
def test_layer_norm_linear(normalization: str) -> None:
    module = pt.LayerNormLinear(4, 6, eps=1e-3, normalization=normalization, zero_centered_gamma=True, device="cpu")
    assert module.layer_norm_weight.tolist() == [0] * 4
    arrays = {"layer_norm_weight": numbers(4), "weight": numbers(6, 4), "bias": numbers(6)}
    if normalization == "LayerNorm":
        arrays = {"layer_norm_weight": numbers(4), "layer_norm_bias": numbers(4, seed=1), **arrays}
        compare(
            module, lambda x, g, b, w, c: F.linear(F.layer_norm(x, (4,), 1 + g, b, 1e-3), w, c), arrays,
            numbers(3, 2, 4),
        )  # fmt: skip
    else:
        compare(module, lambda x, g, w, c: F.linear(F.rms_norm(x, (4,), 1 + g, 1e-3), w, c), arrays, numbers(3, 2, 4))


def test_layer_norm_linear_gives_what_is_asked_for() -> None:
    module = pt.LayerNormLinear(4, 6, return_bias=True, return_layernorm_output=True, device="cpu")
    out, bias, normal = module(mindtorch.from_numpy(numbers(3, 4)))
    close(normal, F.layer_norm(torch.from_numpy(numbers(3, 4)), (4,)))
    close(out, torch.from_numpy(array(normal) @ array(module.weight).T))
    assert bias.tolist() == [0] * 6


def test_grouped_linear() -> None:
    module = pt.GroupedLinear(3, 4, 5, device="cpu")
    arrays = {}
    for i in range(3):
        arrays |= {f"weight{i}": numbers(5, 4, seed=i), f"bias{i}": numbers(5, seed=i)}
    right = {"splits": [2, 0, 4]}

    def theirs(x: Any, *parameters: Any) -> Any:
        parts = x.split(right["splits"])
        return torch.cat([F.linear(p, w, b) for p, w, b in zip(parts, parameters[::2], parameters[1::2], strict=True)])

    class Split(mindtorch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, parameter in module.named_parameters():
                self.register_parameter(name, parameter)

        def forward(self, x: Any) -> Any:
            return module(x, right["splits"])

    compare(Split(), theirs, arrays, numbers(6, 4))
    out, biases = pt.GroupedLinear(2, 4, 5, return_bias=True, device="cpu")(mindtorch.ones(3, 4), [1, 2])
    assert (out.shape, len(biases)) == ((3, 5), 2)


def test_fp8_padding_and_back() -> None:
    x = mindtorch.from_numpy(numbers(20, 3)).requires_grad_()
    rows, splits = pt.Fp8Padding(3)(x, [3, 0, 17])
    assert (rows.shape, splits) == ((48, 3), [16, 0, 32])
    assert array(rows[3:16]).any() == array(rows[33:]).any() == False  # noqa: E712
    back = pt.Fp8Unpadding(3)(rows, [3, 0, 17])
    np.testing.assert_array_equal(array(back), numbers(20, 3))
    back.sum().backward()
    assert x.grad.unique().tolist() == [1]


def test_autocast_decides_the_dtype() -> None:
    x = mindtorch.from_numpy(numbers(3, 4)).requires_grad_()
    modules = (pt.Linear(4, 6, device="cpu"), pt.LayerNormLinear(4, 6, device="cpu"), pt.LayerNorm(4, device="cpu"))
    for module in modules:
        with mindtorch.autocast("cpu", dtype=mindtorch.bfloat16):
            out = module(x)
        assert out.dtype == mindtorch.bfloat16
        out.float().sum().backward()
        assert {p.grad.dtype for p in module.parameters()} == {mindtorch.float32}
        assert module(x).dtype == mindtorch.float32
    with pytest.raises(AssertionError, match="must match when outside of autocasted region"):
        modules[0](x.bfloat16())


# ------------------------------------------------------------------ state dictionaries
def test_names_of_state_dictionaries() -> None:
    linear = pt.LayerNormLinear(4, 6, device="cpu")
    assert list(linear.state_dict()) == ["layer_norm_weight", "layer_norm_bias", "weight", "bias", "_extra_state"]
    assert list(pt.RMSNorm(4, device="cpu").state_dict()) == ["weight", "_extra_state"]
    assert list(pt.GroupedLinear(2, 4, 6, bias=False, device="cpu").state_dict()) == [
        "weight0", "weight1", "_extra_state",
    ]  # fmt: skip
    assert list(pt.DotProductAttention(4, 8).state_dict()) == ["_extra_state"]
    state = linear.state_dict()
    assert (state["_extra_state"].dtype, state["_extra_state"].device.type) == (mindtorch.uint8, "cpu")
    assert pickle.loads(bytes(state["_extra_state"].tolist())) is None
    assert str(linear.load_state_dict(state)) == "<All keys matched successfully>"


class Executes:
    """A pickle that would run code."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('executed')",)


def test_fp8_state_of_a_checkpoint_is_told_and_not_executed() -> None:
    linear = pt.Linear(4, 6, device="cpu")
    for content in ({"recipe": "delayed", "scale_fwd": [1.0]}, Executes()):
        packed = mindtorch.tensor(list(pickle.dumps(content)), dtype=mindtorch.uint8)
        with pytest.warns(UserWarning, match="Linear: the FP8 state of the checkpoint is not used"):
            linear.load_state_dict({**linear.state_dict(), "_extra_state": packed})
    old = io.BytesIO()
    mindtorch.save(None, old)
    for nothing in (old, io.BytesIO(), mindtorch.empty(0, dtype=mindtorch.uint8), None):
        linear.set_extra_state(nothing)
    with pytest.raises(RuntimeError, match="neither a tensor nor BytesIO"):
        linear.set_extra_state("?")


def test_attention_of_checkpoints_without_extra_state_is_complete() -> None:
    class Layer(mindtorch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core_attention = pt.DotProductAttention(4, 8)

    result = Layer().load_state_dict({}, strict=False)
    assert result.missing_keys == []


# ------------------------------------------------------------------ FP8, versions, names
def test_fp8_is_refused_and_off_is_accepted() -> None:
    with fp8.fp8_autocast(enabled=False), fp8.fp8_model_init(enabled=False):
        pt.Linear(4, 6, device="cpu")(mindtorch.ones(1, 4))
    for context in (pt.fp8_autocast(enabled=True), pt.fp8_autocast(False, True), pt.fp8_model_init()):
        with pytest.raises(NotImplementedError, match="FP8"), context:
            pass
    for recipe in ("DelayedScaling", "Float8CurrentScaling", "MXFP8BlockScaling"):
        with pytest.raises(NotImplementedError, match=recipe):
            getattr(te.common.recipe, recipe)(margin=0, fp8_format=te.common.recipe.Format.E4M3)
    with pytest.raises(NotImplementedError, match="fp8_output"):
        pt.Linear(4, 6, device="cpu")(mindtorch.ones(1, 4), fp8_output=True)
    assert fp8.FP8GlobalStateManager.is_fp8_available()[0] is False
    assert "recipe" in inspect.signature(pt.fp8_model_init).parameters


def test_no_tensor_is_quantized() -> None:
    from mindtorch_shims.transformer_engine.pytorch.float8_tensor import Float8Tensor
    from mindtorch_shims.transformer_engine.pytorch.tensor import QuantizedTensor, utils

    assert not isinstance(mindtorch.ones(2), QuantizedTensor)
    assert issubclass(Float8Tensor, QuantizedTensor)
    with pytest.raises(NotImplementedError, match="Float8Tensor"):
        Float8Tensor(shape=(2,), dtype=mindtorch.float32)
    utils.cast_master_weights_to_fp8([], [], [], None)
    with pytest.raises(NotImplementedError, match="replace_raw_data"):
        utils.replace_raw_data(None, None)


def test_what_is_missing_says_so() -> None:
    from mindtorch_shims.transformer_engine.pytorch.module.base import initialize_ub

    assert te.__version__ == "2.2.0"
    for name in ("TransformerLayer", "LayerNormMLP", "make_graphed_callables", "MultiheadAttention"):
        assert not hasattr(pt, name)
        with pytest.raises(NotImplementedError, match=rf"transformer_engine\.pytorch\.{name} has no stand-in"):
            getattr(pt, name)
    with pytest.raises(ModuleNotFoundError):
        import mindtorch_shims.transformer_engine.pytorch.graph  # noqa: F401
    with pytest.raises(NotImplementedError, match="initialize_ub"):
        initialize_ub([1, 1], 1)
    with pytest.raises(NotImplementedError, match="ub_overlap_ag=True"):
        pt.Linear(4, 6, device="cpu", ub_overlap_ag=True)
    with pytest.raises(NotImplementedError, match="parameters_split"):
        pt.Linear(4, 6, device="cpu", parameters_split=("a", "b"))
    with pytest.raises(NotImplementedError, match="get_cpu_offload_context"):
        pt.get_cpu_offload_context(enabled=True)
    context, commit = pt.get_cpu_offload_context(False, 1, 2, True, False)
    with context:
        assert commit(1) == 1


# ------------------------------------------------------------------ the optimizer with fewer bits
def test_fused_adam_signature_is_what_programs_look_for() -> None:
    wanted = {"master_weight_dtype", "exp_avg_dtype", "exp_avg_sq_dtype", "use_decoupled_grad"}
    assert wanted <= set(inspect.signature(FusedAdam).parameters)
    (p,) = leaves(mindtorch, [numbers(3)])
    for options, error in (
        ({"exp_avg_dtype": mindtorch.uint8}, NotImplementedError), ({"capturable": True}, NotImplementedError),
        ({"master_weight_dtype": mindtorch.bfloat16}, RuntimeError), ({"amsgrad": True}, RuntimeError),
    ):  # fmt: skip
        with pytest.raises(error):
            FusedAdam([p], **options)
    with pytest.raises(ValueError, match="learning rate"):
        FusedSGD([p])


@pytest.mark.parametrize("remainders", [True, False])
def test_master_weights(remainders: bool) -> None:
    start = numbers(4, 5)
    parameter = mindtorch.from_numpy(start).bfloat16().requires_grad_()
    right = torch.from_numpy(start).bfloat16().float().requires_grad_()
    ours = FusedAdam(
        [parameter], lr=0.01, weight_decay=0.1, master_weights=True, use_decoupled_grad=True,
        store_param_remainders=remainders,
    )  # fmt: skip
    theirs = torch.optim.AdamW([right], lr=0.01, weight_decay=0.1)
    for step in range(5):
        grad = numbers(4, 5, seed=step)
        parameter.decoupled_grad = mindtorch.from_numpy(grad)
        right.grad = torch.from_numpy(grad)
        ours.step()
        theirs.step()
    state = ours.state[parameter]
    assert state["master_param"].dtype == (mindtorch.int16 if remainders else mindtorch.float32)
    master = join_bits(parameter.detach(), state["master_param"]) if remainders else state["master_param"]
    close(master, right)
    np.testing.assert_allclose(array(parameter), array(right), rtol=2**-8)
    ours.zero_grad()
    assert parameter.decoupled_grad is None


def test_bits_are_split_and_joined() -> None:
    x = mindtorch.tensor([1.0, -1.0, 3.14159274, -2.71828175, 1e-30, -1e30, 0.0, 1.00390625, 1.01171875])
    rounded, remainder = split_bits(x)
    assert join_bits(rounded, remainder).tolist() == x.tolist()
    assert (rounded.float() - x).abs().max() <= (x.bfloat16().float() - x).abs().max()


def test_moments_of_float16() -> None:
    parameter, right = leaves(mindtorch, [numbers(6)])[0], leaves(torch, [numbers(6)])[0]
    ours = FusedAdam([parameter], lr=0.01, exp_avg_dtype=mindtorch.float16, exp_avg_sq_dtype=mindtorch.float16)
    theirs = torch.optim.AdamW([right], lr=0.01, weight_decay=0)
    for step in range(4):
        # Squares of such gradients are nothing to float16 without a factor.
        grad = 1e-6 * numbers(6, seed=step)
        parameter.grad, right.grad = mindtorch.from_numpy(grad), torch.from_numpy(grad)
        ours.step()
        theirs.step()
    assert ours.state[parameter]["exp_avg_sq"].dtype == mindtorch.float16
    close(ours.get_unscaled_state(parameter, "exp_avg"), theirs.state[right]["exp_avg"], 1e-2, 1e-9)
    # Both are float16 in the state, and float32 where it is stored.
    stored = ours.state_dict()
    assert {v.dtype for v in stored["state"][0].values()} == {mindtorch.float32}
    other = FusedAdam([parameter], exp_avg_dtype=mindtorch.float16, exp_avg_sq_dtype=mindtorch.float16)
    other.load_state_dict(stored)
    for name in ("exp_avg", "exp_avg_sq"):
        close(other.get_unscaled_state(parameter, name), torch.from_numpy(array(stored["state"][0][name])), 1e-3, 0)
    np.testing.assert_allclose(array(parameter), array(right), rtol=1e-3, atol=1e-3)


def test_states_can_be_made_before_the_first_step() -> None:
    (parameter,) = leaves(mindtorch, [numbers(3)])
    optimizer = FusedAdam([parameter], master_weights=True)
    optimizer.initialize_state(parameter)
    assert optimizer.state[parameter]["master_param"].tolist() == parameter.tolist()
    optimizer.set_scaled_state(parameter, "exp_avg", mindtorch.ones(3))
    assert optimizer.get_unscaled_state(parameter, "exp_avg").tolist() == [1, 1, 1]


def test_same_with_gradients_tells_differences() -> None:
    """The comparison of this directory's tests can fail."""
    with pytest.raises(AssertionError):
        same_with_gradients(lambda x: x * 2, lambda x: x * 2.001, [numbers(3)])
    with pytest.raises(AssertionError):
        same_with_gradients(lambda x: x.detach() + 0 * x, lambda x: x * 1, [numbers(3)])
