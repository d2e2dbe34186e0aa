"""Checks, on two ranks, that layers which are split over them compute what whole layers compute.

Started by mpiexec. Every rank makes the same whole layers and data, takes its parts, and compares its parts of results
and gradients with those of the whole. Prints a line for each check on the first rank.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["MINDTORCH_CUDA_ALIAS"] = "1"

import mindtorch as torch
import mindtorch.distributed as dist
import mindtorch.nn.functional as F
import numpy as np
import pytest
from mindtorch_shims.transformer_engine import pytorch as te

SIZE = 2
CHECKS: list[Callable[[int, Any], None]] = []


def check(function: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
    CHECKS.append(function)
    return function


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)
    return torch.from_numpy(values).requires_grad_()


def close(ours: torch.Tensor, right: torch.Tensor) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), right.detach().numpy(), rtol=1e-5, atol=1e-5)


def part(x: torch.Tensor, rank: int, dim: int = 0) -> torch.Tensor:
    return x.detach().chunk(SIZE, dim)[rank].clone()


def _layers(rank: int, group: Any, sequence_parallel: bool, fuse: bool) -> None:
    """A column parallel layer behind a norm, then a row parallel one, as in a transformer's MLP."""
    x, gamma, beta = numbers(4, 3, 6), numbers(6, seed=1), numbers(6, seed=2)
    w1, b1, w2, b2 = numbers(8, 6), numbers(8), numbers(6, 8), numbers(6, seed=3)
    right = F.linear(torch.tanh(F.linear(F.layer_norm(x, (6,), gamma, beta), w1, b1)), w2, b2)
    right.backward(numbers(4, 3, 6, seed=4).detach())

    options = {"tp_group": group, "tp_size": SIZE, "sequence_parallel": sequence_parallel, "device": "cpu",
               "fuse_wgrad_accumulation": fuse}  # fmt: skip
    column = te.LayerNormLinear(6, 8, parallel_mode="column", **options)
    row = te.Linear(8, 6, parallel_mode="row", **options)
    given = (gamma, beta, part(w1, rank), part(b1, rank), part(w2, rank, 1), b2)
    with torch.no_grad():
        for parameter, value in zip((*column.parameters(), *row.parameters()), given, strict=True):
            parameter.copy_(value)
    for layer in (column, row):
        layer.weight.main_grad = torch.zeros_like(layer.weight)
    mine = (part(x, rank) if sequence_parallel else x.detach().clone()).requires_grad_()
    out = row(torch.tanh(column(mine)))
    grad = numbers(4, 3, 6, seed=4).detach()
    out.backward(part(grad, rank) if sequence_parallel else grad)

    close(out, part(right, rank) if sequence_parallel else right)
    close(mine.grad, part(x.grad, rank) if sequence_parallel else x.grad)
    for layer, gradient in ((column, part(w1.grad, rank)), (row, part(w2.grad, rank, 1))):
        close(layer.weight.main_grad if fuse else layer.weight.grad, gradient)
    close(column.bias.grad, part(b1.grad, rank))
    # With sequence parallelism these are of this rank's part of the sequence, and say so.
    for parameter, gradient in ((column.layer_norm_weight, gamma), (column.layer_norm_bias, beta), (row.bias, b2)):
        assert parameter.sequence_parallel is sequence_parallel
        if sequence_parallel:
            dist.all_reduce(parameter.grad, group=group)
        close(parameter.grad, gradient.grad)


@check
def tensor_parallel(rank: int, group: Any) -> None:
    _layers(rank, group, sequence_parallel=False, fuse=False)
    _layers(rank, group, sequence_parallel=False, fuse=True)


@check
def sequence_parallel(rank: int, group: Any) -> None:
    _layers(rank, group, sequence_parallel=True, fuse=False)
    _layers(rank, group, sequence_parallel=True, fuse=True)


@check
def gathered_norm(rank: int, group: Any) -> None:
    layer = te.LayerNormLinear(
        6, 8, parallel_mode="column", tp_group=group, sequence_parallel=True, device="cpu",
        return_layernorm_output=True, return_layernorm_output_gathered=True,
    )  # fmt: skip
    x = numbers(4, 3, 6)
    mine = part(x, rank).requires_grad_()
    out, normal = layer(mine)
    assert out.shape == (4, 3, 4)
    close(normal, F.layer_norm(x, (6,)))
    # Every rank uses the whole of it: their gradients add up.
    weights = numbers(4, 3, 6, seed=1).detach()
    (normal * weights).sum().backward()
    (F.layer_norm(x, (6,)) * weights * SIZE).sum().backward()
    close(mine.grad, part(x.grad, rank))


def _compare_attention(
    module: Any, whole: Any, inputs: list[torch.Tensor], where: torch.Tensor, forward: Any, right: Any
) -> None:
    """This rank's rows, ``where``, of attention over the whole; and of its gradients."""
    expected = right(*inputs)
    grad = torch.from_numpy(np.random.default_rng(5).standard_normal(tuple(expected.shape)).astype(np.float32))
    expected.backward(grad)
    mine = [x.detach()[where].clone().requires_grad_() for x in inputs]
    out = forward(*mine)
    out.backward(grad[where])
    close(out, expected[where])
    for a, b in zip(mine, inputs, strict=True):
        close(a.grad, b.grad[where])


@check
def context_parallel(rank: int, group: Any) -> None:
    where = torch.tensor([0, 1, 6, 7] if rank == 0 else [2, 3, 4, 5])
    for mask_type in ("causal", "no_mask"):
        for communication in ("p2p", "all_gather", "a2a"):
            options = {"num_gqa_groups": 2, "attn_mask_type": mask_type}
            whole = te.DotProductAttention(4, 8, **options)
            cut = te.DotProductAttention(4, 8, cp_group=group, cp_comm_type=communication, **options)
            inputs = [numbers(8, 2, heads, 8, seed=i) for i, heads in enumerate((4, 2, 2))]
            _compare_attention(cut, whole, inputs, where, cut, whole)
    with pytest.raises(NotImplementedError, match="arbitrary"):
        cut(*inputs, attn_mask_type="arbitrary")


@check
def context_parallel_packed(rank: int, group: Any) -> None:
    # Sequences of 8 and of 3 in a place of 4; of each, a rank has its two chunks.
    where = torch.tensor([0, 1, 6, 7, 8, 11] if rank == 0 else [2, 3, 4, 5, 9, 10])
    lengths, places = (torch.tensor(n, dtype=torch.int32) for n in ([0, 8, 11], [0, 8, 12]))
    ends = {"cu_seqlens_q": lengths, "cu_seqlens_kv": lengths, "cu_seqlens_q_padded": places,
            "cu_seqlens_kv_padded": places}  # fmt: skip
    for mask_type in ("padding", "padding_causal"):
        options = {"qkv_format": "thd", "attn_mask_type": mask_type}
        whole = te.DotProductAttention(4, 8, **options)
        cut = te.DotProductAttention(4, 8, cp_group=group, **options)
        inputs = [numbers(12, 4, 8, seed=i) for i in range(3)]
        _compare_attention(
            cut, whole, inputs, where, lambda *x: cut(*x, **ends), lambda *x: whole(*x, **ends)  # noqa: B023
        )


@check
def cross_entropy(rank: int, group: Any) -> None:
    target = torch.from_numpy(np.random.default_rng(0).integers(0, 8, (3, 4)))
    for smoothing in (0.0, 0.2):
        logits = numbers(3, 4, 8)
        right = F.cross_entropy(
            logits.flatten(0, 1), target.flatten(), reduction="none", label_smoothing=smoothing
        ).view(3, 4)
        mine = part(logits, rank, 2).requires_grad_()
        losses = te.parallel_cross_entropy(mine, target, smoothing, False, group)
        close(losses, right)
        (losses * target).sum().backward()
        (right * target).sum().backward()
        close(mine.grad, part(logits.grad, rank, 2))


@check
def recomputation(rank: int, group: Any) -> None:
    x = numbers(4, 3)
    out = te.checkpoint(lambda y: (y * y).sin(), x, distribute_saved_activations=True, tp_group=group)
    kept = out.grad_fn.saved_tensors if hasattr(out.grad_fn, "saved_tensors") else ()
    assert [tuple(t.shape) for t in kept] in ([(6,)], [])
    out.sum().backward()
    close(x.grad, 2 * x * (x * x).cos())


@check
def random_states(rank: int, group: Any) -> None:
    tracker = te.CudaRNGStatesTracker()
    tracker.add("same", 1)
    tracker.add("model-parallel-rng", 2 + rank)
    for name, seed in (("same", 7), ("other", 1)):
        with pytest.raises(RuntimeError, match=f"{name if seed == 7 else seed}"):
            tracker.add(name, seed)
    before = torch.cuda.get_rng_state()

    def drawn(name: str) -> torch.Tensor:
        with tracker.fork(name):
            return torch.rand(3, device="cuda").cpu()

    states = tracker.get_states()
    first = drawn("same")
    assert drawn("same").tolist() != first.tolist()
    tracker.set_states(states)
    assert drawn("same").tolist() == first.tolist()
    assert torch.equal(torch.cuda.get_rng_state(), before)
    for name, equal in (("same", True), ("model-parallel-rng", False)):
        mine = drawn(name)
        both = [torch.zeros(3) for _ in range(SIZE)]
        dist.all_gather(both, mine, group=group)
        assert torch.equal(*both) is equal
    with pytest.raises(RuntimeError, match="no such is not added"), tracker.fork("no such"):
        pass
    # Without sequence parallelism attention drops by the tracker, and layers begin by it.
    te.DotProductAttention(4, 8, get_rng_state_tracker=lambda: tracker)
    assert list(te.distributed.get_all_rng_states()) == ["same", "model-parallel-rng"]
    layers = [te.Linear(4, 4, get_rng_state_tracker=lambda: tracker, rng_tracker_name="same") for _ in range(2)]
    assert not torch.equal(layers[0].weight, layers[1].weight)
    both = [torch.zeros(4, 4) for _ in range(SIZE)]
    dist.all_gather(both, layers[0].weight.detach().cpu(), group=group)
    assert torch.equal(*both)


def main() -> None:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    for function in CHECKS:
        function(rank, dist.group.WORLD)
        if rank == 0:
            print(function.__name__, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
