"""torch.nn.utils beside PyTorch's: packed sequences, parametrizations, normalised weights, folded layers."""

from __future__ import annotations

import copy
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

BOTH = (torch, mindtorch)


def seeded(t: Any, *shape: int) -> Any:
    """The same float64 values in either library."""
    values = np.random.default_rng(sum(shape)).standard_normal(shape)
    return t.tensor(values)


def same(a: Any, b: Any, tolerance: float = 1e-9) -> None:
    """Both tensors (or numbers) agree."""
    assert tuple(a.shape) == tuple(b.shape)
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), tolerance, tolerance)


def all_same(results: list[Any], tolerance: float = 1e-9) -> None:
    """The first library's tensors are those of the second."""
    ours, theirs = results[1], results[0]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        same(a, b, tolerance)


# ------------------------------------------------------------------ sequences
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_pack_and_pad(batch_first: bool, enforce_sorted: bool) -> None:
    results = []
    for t in BOTH:
        rnn = t.nn.utils.rnn
        lengths = [5, 3, 3, 1] if enforce_sorted else [3, 5, 1, 3]
        x = seeded(t, *((4, 5, 2) if batch_first else (5, 4, 2))).requires_grad_()
        packed = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted)
        padded, back = rnn.pad_packed_sequence(packed, batch_first, -1.0, 6)
        (padded * padded).sum().backward()
        order = [] if enforce_sorted else [packed.sorted_indices, packed.unsorted_indices]
        results.append([packed.data, packed.batch_sizes, padded, back, x.grad, *order])
    all_same(results)


def test_sequences_of_different_lengths() -> None:
    results = []
    for t in BOTH:
        rnn = t.nn.utils.rnn
        parts = [seeded(t, n, 3) for n in (2, 4, 1)]
        packed = rnn.pack_sequence(parts, enforce_sorted=False)
        left = rnn.pad_sequence(parts, batch_first=True, padding_value=7.0, padding_side="left")
        results.append([packed.data, left, rnn.pad_sequence(parts), *rnn.unpack_sequence(packed)])
    all_same(results)


def test_lengths_are_checked() -> None:
    for t in BOTH:
        rnn = t.nn.utils.rnn
        x = seeded(t, 4, 2, 3)
        for lengths in ([1, 2], [4, 0]):
            with pytest.raises(RuntimeError):
                rnn.pack_padded_sequence(x, lengths)
        with pytest.raises(ValueError, match="total_length"):
            rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [4, 2]), total_length=3)


RECURRENT = [
    ("LSTM", {}), ("LSTM", {"proj_size": 2, "bidirectional": True}), ("GRU", {"bidirectional": True}),
    ("RNN", {"nonlinearity": "relu"}), ("LSTM", {"dropout": 0.4}), ("GRU", {"dropout": 0.3, "bidirectional": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), RECURRENT)
def test_recurrent_layers_of_packed_sequences(name: str, settings: dict[str, Any]) -> None:
    """Outputs, last states and all gradients; dropout drops the same elements."""
    results = []
    for t in BOTH:
        t.manual_seed(3)
        layer = getattr(t.nn, name)(3, 4, num_layers=2, dtype=t.float64, **settings)
        x = seeded(t, 6, 3, 3).requires_grad_()
        packed = t.nn.utils.rnn.pack_padded_sequence(x, [2, 6, 4], enforce_sorted=False)
        t.manual_seed(5)
        out, state = layer(packed)
        states = state if isinstance(state, tuple) else (state,)
        total = sum((v * v).sum() for v in (out.data, *states))
        total.backward()
        results.append([out.data, *states, x.grad, *(p.grad for p in layer.parameters())])
    all_same(results)


# ------------------------------------------------------------------ parametrizations
def exercise(t: Any, module: Any, steps: int = 2) -> list[Any]:
    """Results and gradients of a few calls in training, and of one in evaluation."""
    found = []
    x = seeded(t, 5, 4)
    for _ in range(steps):
        module.zero_grad()
        out = module(x)
        (out * out).sum().backward()
        found += [out, *(p.grad for p in module.parameters())]
    return [*found, module.eval()(x), *module.state_dict().values()]


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("new", [True, False])
def test_weight_norm(dim: int | None, new: bool) -> None:
    results, names = [], []
    for t in BOTH:
        t.manual_seed(0)
        utils = t.nn.utils
        module = (utils.parametrizations if new else utils).weight_norm(t.nn.Linear(4, 3, dtype=t.float64), dim=dim)
        names.append(list(module.state_dict()))
        results.append(exercise(t, module))
        if new:
            utils.parametrize.remove_parametrizations(module, "weight")
        else:
            utils.remove_weight_norm(module)
        assert type(module) is t.nn.Linear
        results[-1].append(module.weight)
    assert names[0] == names[1]
    all_same(results)


@pytest.mark.parametrize("new", [True, False])
def test_spectral_norm(new: bool) -> None:
    results, names = [], []
    for t in BOTH:
        t.manual_seed(0)
        utils = t.nn.utils
        module = (utils.parametrizations if new else utils).spectral_norm(
            t.nn.Linear(4, 6, dtype=t.float64), n_power_iterations=2
        )
        names.append(list(module.state_dict()))
        results.append(exercise(t, module, 3))
    assert names[0] == names[1]
    all_same(results)


@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (4, 3), (4, 6)])
def test_orthogonal(orthogonal_map: str, shape: tuple[int, int]) -> None:
    results = []
    for t in BOTH:
        t.manual_seed(0)
        module = t.nn.Linear(*shape, bias=False, dtype=t.float64)
        t.nn.utils.parametrizations.orthogonal(module, orthogonal_map=orthogonal_map)
        first = module.weight
        with t.no_grad():
            module.parametrizations.weight.original.sub_(seeded(t, *module.weight.shape).abs() * 0.1)
        results.append([first, module.weight])
    all_same(results, 1e-8)


def test_orthogonal_map_is_checked() -> None:
    for t in BOTH:
        with pytest.raises(ValueError, match="orthogonal_map has to be one of"):
            t.nn.utils.parametrizations.orthogonal(t.nn.Linear(4, 3), orthogonal_map="rotation")


def test_chained_parametrizations() -> None:
    results = []
    for t in BOTH:

        class Double(t.nn.Module):
            calls = 0

            def forward(self, x: Any) -> Any:
                type(self).calls += 1
                return 2 * x

            def right_inverse(self, x: Any) -> Any:
                return x / 2

        class Positive(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return x.exp()

            def right_inverse(self, x: Any) -> Any:
                return x.log()

        parametrize = t.nn.utils.parametrize
        t.manual_seed(0)
        module = t.nn.Linear(3, 2, dtype=t.float64)
        parametrize.register_parametrization(module, "weight", Double())
        parametrize.register_parametrization(module, "bias", Positive(), unsafe=True)
        assert parametrize.is_parametrized(module, "weight")
        assert not parametrize.is_parametrized(module, "other")
        assert parametrize.type_before_parametrizations(module) is t.nn.Linear
        module.weight = seeded(t, 2, 3)
        other = copy.deepcopy(module)
        Double.calls = 0
        with parametrize.cached():
            assert module.weight is module.weight
        assert Double.calls == 1
        found = [module.weight, module.parametrizations.weight.original, other.weight]
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        results.append([*found, module.weight])
        assert isinstance(module.weight, t.nn.Parameter)
        with pytest.raises(ValueError, match="does not have"):
            parametrize.register_parametrization(module, "nothing", Double())
    all_same(results)


# ------------------------------------------------------------------ others
def test_folded_normalisation() -> None:
    results = []
    for t in BOTH:
        weights = [seeded(t, *shape) for shape in ((3, 4), (3,), (3,), (3,), (3,))]
        w, b, mean, gamma, beta = weights
        results.append(list(t.nn.utils.fuse_linear_bn_weights(w, b, mean, mean.abs() + 1, 1e-5, gamma, beta)))
    all_same(results)
    for t in BOTH:
        with pytest.raises((AssertionError, RuntimeError)):
            t.nn.utils.fuse_conv_bn_eval(t.nn.Linear(2, 2), t.nn.Linear(2, 2))


def test_lazy_linear() -> None:
    shapes = []
    for t in BOTH:
        t.manual_seed(0)
        module = t.nn.LazyLinear(3)
        assert module.has_uninitialized_params()
        with pytest.raises(RuntimeError, match="uninitialized"):
            _ = module.weight.shape
        twin = copy.deepcopy(module)
        out = module(t.ones(2, 5))
        assert type(module) is t.nn.Linear
        twin.load_state_dict(module.state_dict())
        assert not twin.has_uninitialized_params()
        shapes.append([out, twin(t.ones(2, 5)), module.weight])
    all_same(shapes, 1e-6)


def test_adaptive_softmax() -> None:
    results = []
    for t in BOTH:
        t.manual_seed(0)
        module = t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], div_value=2.0, head_bias=True, dtype=t.float64)
        x = seeded(t, 6, 8).requires_grad_()
        out, loss = module(x, t.tensor([0, 5, 12, 19, 3, 9]))
        loss.backward()
        full = [module.log_prob(x), module.predict(x)]
        results.append([out, loss, x.grad, *full, *(p.grad for p in module.parameters())])
    all_same(results)


def test_gumbel_softmax_draws_as_pytorch() -> None:
    results = []
    for t in BOTH:
        t.manual_seed(0)
        x = seeded(t, 4, 5).requires_grad_()
        soft = t.nn.functional.gumbel_softmax(x, 0.7)
        hard = t.nn.functional.gumbel_softmax(x, 0.7, hard=True)
        (hard * seeded(t, 4, 5)).sum().backward()
        results.append([soft, hard, x.grad])
    all_same(results, 1e-7)


def test_sparse_gradients_are_refused_by_name() -> None:
    table = mindtorch.nn.Embedding(4, 2, sparse=True)
    with pytest.raises(NotImplementedError, match="sparse gradients"):
        table(mindtorch.tensor([1]))
    with mindtorch.no_grad():
        assert table(mindtorch.tensor([1])).shape == (1, 2)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("settings", [{}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 3, "vdim": 5}])
def test_attention_with_dropout(need_weights: bool, settings: dict[str, Any]) -> None:
    """In training, with the same elements dropped, masks of both kinds, and all gradients."""
    results = []
    for t in BOTH:
        t.manual_seed(1)
        module = t.nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=True, dtype=t.float64, **settings)
        q = seeded(t, 2, 4, 8).requires_grad_()
        k, v = seeded(t, 2, 6, settings.get("kdim", 8)), seeded(t, 2, 6, settings.get("vdim", 8))
        padding = t.tensor([[False] * 6, [False] * 4 + [True] * 2])
        mask = t.ones(4, 6, dtype=t.bool).triu(3)
        t.manual_seed(2)
        out, weights = module(q, k, v, key_padding_mask=padding, attn_mask=mask, need_weights=need_weights)
        (out * out).sum().backward()
        results.append([out, *([weights] if need_weights else []), q.grad, *(p.grad for p in module.parameters())])
    all_same(results)


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_in_training(norm_first: bool) -> None:
    results = []
    for t in BOTH:
        t.manual_seed(1)
        module = t.nn.Transformer(8, 2, 2, 2, 16, dropout=0.2, norm_first=norm_first, dtype=t.float64)
        mask = t.nn.Transformer.generate_square_subsequent_mask(3, dtype=t.float64)
        t.manual_seed(2)
        out = module(seeded(t, 5, 2, 8), seeded(t, 3, 2, 8), tgt_mask=mask, tgt_is_causal=True)
        (out * out).sum().backward()
        results.append([out, *(p.grad for p in module.parameters())])
    all_same(results, 1e-8)
