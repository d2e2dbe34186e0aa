"""The meta device: shapes, dtypes and strides without data, and models that are built before they are loaded."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from mindtorch.kernels import KERNELS, meta
from side_by_side import assert_same, plain

HUGE = 2**40


def outline(x: Any) -> Any:
    """What is known of a tensor without data; containers kept."""
    if isinstance(x, (torch.Tensor, mindtorch.Tensor)):
        strides = tuple(x.stride()) if x.is_contiguous() else "other"
        return str(x.device), str(x.dtype), tuple(x.shape), strides, x.requires_grad, x.is_meta
    if isinstance(x, (tuple, list)):
        return [outline(y) for y in x]
    if isinstance(x, dict):
        return {k: outline(v) for k, v in x.items()}
    return str(x) if x is not None else None


def both(program: Callable[[Any], Any]) -> Any:
    """The program's outline under mindtorch, which has to be PyTorch's."""
    found, expected = outline(program(mindtorch)), outline(program(torch))
    assert found == expected
    return found


FACTORIES: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "empty": lambda t, d: t.empty(2, 3, **d),
    "zeros": lambda t, d: t.zeros((2, 3), dtype=t.float16, **d),
    "ones": lambda t, d: t.ones(4, dtype=t.int64, **d),
    "full": lambda t, d: (t.full((2, 2), 7, **d), t.full((2,), 1.5, **d), t.full((), True, **d)),
    "rand": lambda t, d: t.rand(2, 3, requires_grad=True, **d),
    "randn": lambda t, d: t.randn(2, 3, dtype=t.complex64, **d),
    "randint": lambda t, d: (t.randint(5, (2, 3), **d), t.randint(1, 5, (2,), dtype=t.int32, **d)),
    "randperm": lambda t, d: t.randperm(7, **d),
    "normal": lambda t, d: t.normal(0.0, 1.0, (2, 3), **d),
    "arange": lambda t, d: (t.arange(5, **d), t.arange(1.0, 2.0, 0.3, **d), t.arange(5, 1, -2, **d)),
    "linspace": lambda t, d: (t.linspace(0, 1, 5, **d), t.logspace(0, 1, 5, **d)),
    "eye": lambda t, d: (t.eye(3, **d), t.eye(2, 4, **d), t.tril_indices(3, 3, **d)),
    "tensor": lambda t, d: (t.tensor([[1, 2]], **d), t.tensor(3.0, **d), t.tensor([True], **d)),
    "as_tensor": lambda t, d: (t.as_tensor([1.0], **d), t.as_tensor(np.ones((2, 3)), **d)),
    "empty_strided": lambda t, d: t.empty_strided((2, 3), (1, 2), **d),
    "channels_last": lambda t, d: t.empty(2, 3, 4, 4, memory_format=t.channels_last, **d),
    "scalar_tensor": lambda t, d: t.scalar_tensor(2, **d),
}


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("how", ["argument", "context"])
def test_factories(name: str, how: str) -> None:
    def program(t: Any) -> Any:
        if how == "argument":
            return FACTORIES[name](t, {"device": "meta"})
        with t.device("meta"):
            return FACTORIES[name](t, {})

    both(program)


def test_set_default_device() -> None:
    def program(t: Any) -> Any:
        t.set_default_device("meta")
        try:
            return t.zeros(3), t.nn.Linear(2, 3).weight, t.zeros(3, device="cpu")
        finally:
            t.set_default_device(None)

    both(program)


def test_factories_like_another() -> None:
    def program(t: Any) -> Any:
        x = t.empty(3, 2, dtype=t.float16, device="meta").t()
        return (
            t.empty_like(x), t.zeros_like(x, dtype=t.int64), t.ones_like(x), t.full_like(x, 2), t.rand_like(x),
            t.randn_like(x), t.randint_like(x, 4), x.new_zeros(3), x.new_empty((2, 2)), x.new_full((2,), 1),
            x.new_ones(2, dtype=t.bool), x.new_tensor([1.0]), t.zeros_like(x, device="cpu"),
            t.empty_like(t.ones(2), device="meta"),
        )  # fmt: skip

    both(program)


OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "pointwise": lambda t, x, y: (x + 1, x * y, x > 0, -x, x.exp(), t.where(x > 0, x, y), x.clamp(0, 1)),
    "broadcast": lambda t, x, y: (x.unsqueeze(0) + y.unsqueeze(1), x + t.tensor(1.0), t.tensor(2.0) * x),
    "promotion": lambda t, x, y: (x.int() + 1.5, x.half() + y, x.int() / 2, x.bool() & True, x.half() + 1),
    "views": lambda t, x, y: (x.t(), x[0], x[:, 1:], x.view(-1), x.reshape(3, 2), x.expand(4, 2, 3), x.permute(1, 0),
                              x.unbind(1), x.split(2, 1), x.chunk(2), x.as_strided((2, 2), (1, 1), 1),
                              x.unfold(1, 2, 1), x.squeeze(), x.flatten(), x.movedim(0, 1), x.diagonal()),
    "reductions": lambda t, x, y: (x.sum(), x.mean(0), x.amax(1, keepdim=True), x.argmax(), x.max(1), x.std(), x.all(),
                                   x.norm(), t.var_mean(x, 1), x.median(1), x.cumsum(0), x.logsumexp(1), x.prod()),
    "matrices": lambda t, x, y: (x @ y.t(), t.bmm(x[None], y.t()[None]), t.einsum("ij,kj->ik", x, y), t.addmm(x[:, :2],
                                 x, y.t()), x[0] @ y[0], t.outer(x[0], y[0]), t.linalg.qr(x), t.linalg.svd(x)[1],
                                 t.linalg.inv(x @ y.t()), t.linalg.eigh(x @ y.t())),
    "joining": lambda t, x, y: (t.cat([x, y]), t.stack([x, y], 1), x.repeat(2, 2), t.nn.functional.pad(x, (1, 2)),
                                t.roll(x, 1), x.flip(0), x.repeat_interleave(2, 0), t.meshgrid(x[0], y[0])),
    "indexing": lambda t, x, y: (x[t.tensor([0, 1, 1])], x[:, t.zeros(4, dtype=t.int64, device="meta")],
                                 x.gather(1, t.zeros(2, 1, dtype=t.int64, device="meta")),
                                 x.index_select(0, t.tensor([1])),
                                 x.scatter(0, t.zeros(1, 3, dtype=t.int64, device="meta"), 1.0),
                                 x.masked_fill(x > 0, 0.0), x.sort(1), x.topk(2), t.searchsorted(x[0], y[0])),
    "layers": lambda t, x, y: (t.nn.functional.softmax(x, -1), t.nn.functional.layer_norm(x, (3,)),
                               t.nn.functional.linear(x, y), t.nn.functional.gelu(x), t.nn.functional.dropout(x, 0.5),
                               t.nn.functional.embedding(t.zeros(5, dtype=t.int64, device="meta"), x),
                               t.nn.functional.conv2d(x[None, None], y[None, None, :, :2], padding=1),
                               t.nn.functional.scaled_dot_product_attention(x[None], y[None], y[None]),
                               t.nn.functional.cross_entropy(x, t.zeros(2, dtype=t.int64, device="meta")),
                               t.nn.functional.mse_loss(x, y), t.nn.functional.one_hot(x[0].long(), 4),
                               t.nn.functional.max_pool2d(x[None], 2),
                               t.nn.functional.interpolate(x[None], scale_factor=2.0),
                               t.nn.functional.batch_norm(x, None, None, training=True)),
    "copies": lambda t, x, y: (x.clone(), x.t().contiguous(), x.to(t.float64), x.half(), x.to("meta"), x.detach(),
                               t.ones(2, 3).to("meta"), t.ones(2, 3).to(device="meta", dtype=t.bfloat16),
                               x.cfloat().real),
    "halves of complex": lambda t, x, y: (x.chalf() * 2, x.chalf() + y.chalf(), x.chalf().real, x.chalf().abs()),
    "spectra": lambda t, x, y: (t.fft.fft(x), t.fft.rfft(x), t.fft.irfft(x.cfloat()), t.fft.fft2(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_give_outlines(name: str) -> None:
    both(lambda t: OPERATIONS[name](t, t.empty(2, 3, device="meta"), t.empty(2, 3, device="meta")))


def test_in_place_draws_nothing_and_counts_a_version() -> None:
    def program(t: Any) -> Any:
        before = t.get_rng_state()
        x = t.empty(4, 4, device="meta")
        x.normal_().uniform_(-1, 1).bernoulli_(0.5).exponential_().random_(0, 5).add_(1).fill_(2).zero_()
        t.nn.init.kaiming_uniform_(x)
        t.nn.init.trunc_normal_(x)
        t.nn.init.orthogonal_(t.empty(4, 4, device="meta"))
        x[0] = 1
        x[x > 0] = 0.0
        x.copy_(t.ones(4, 4))
        assert t.equal(before, t.get_rng_state())
        return x, t.dropout(x, 0.5, True), x[0]._version > 10

    both(program)


def test_sizes_cost_nothing() -> None:
    x = mindtorch.zeros(HUGE, device="meta")
    y = copy.deepcopy(mindtorch.nn.Parameter(x))
    assert (y * 2 + x).view(2**20, 2**20).t().sum(0).shape == (2**20,)
    assert y.untyped_storage().nbytes() == 4 * HUGE
    assert y.nbytes == 4 * HUGE
    assert (y.data_ptr(), y.untyped_storage().data_ptr()) == (0, 0)
    for make in (mindtorch.ones, mindtorch.empty, mindtorch.rand, mindtorch.arange, mindtorch.randperm):
        assert make(HUGE, device="meta").numel() == HUGE
    assert mindtorch.full((HUGE,), 3, device="meta").dtype is mindtorch.int64
    assert mindtorch.eye(2**20, device="meta").shape == (2**20, 2**20)


def test_a_model_of_seventy_billion_parameters() -> None:
    with mindtorch.device("meta"):
        layers = mindtorch.nn.ModuleList(mindtorch.nn.Linear(2**15, 2**15, bias=False) for _ in range(66))
    copied = copy.deepcopy(layers)
    assert sum(p.numel() for p in copied.parameters()) > 70e9
    out = mindtorch.empty(1, 2**15, device="meta", requires_grad=True)
    for layer in copied:
        out = layer(out)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.is_meta for p in copied.parameters())


def test_representations() -> None:
    def program(t: Any) -> list[str]:
        x = t.empty(2, 3, device="meta")
        grown = x.requires_grad_() * 2
        return [
            repr(x), repr(t.nn.Parameter(x.detach())), repr(grown), repr(x.half().detach()),
            repr(t.tensor(1, device="meta")), repr(t.empty(0, device="meta")), repr(x.untyped_storage()),
            x.type(), f"{x.get_device()} {x.is_cpu} {x.is_cuda}",
        ]  # fmt: skip

    both(program)


READS: dict[str, Callable[[Any, Any], Any]] = {
    "item": lambda t, x: x.sum().item(),
    "bool": lambda t, x: bool(x.sum()),
    "bool of many": lambda t, x: bool(x),
    "float": lambda t, x: float(x.sum()),
    "int": lambda t, x: int(x.sum()),
    "numpy": lambda t, x: x.numpy(),
    "numpy(force)": lambda t, x: x.numpy(force=True),
    "array": lambda t, x: np.asarray(x),
    "tolist": lambda t, x: x.tolist(),
    "cpu": lambda t, x: x.cpu(),
    "to": lambda t, x: x.to("cpu"),
    "to with dtype": lambda t, x: x.to("cpu", t.float64),
    "copy_": lambda t, x: t.ones(2, 3).copy_(x),
    "allclose": lambda t, x: t.allclose(x, x),
    "contains": lambda t, x: 3 in x,
    "data": lambda t, x: setattr(x, "data", t.ones(2, 3)),
    "data of the CPU's": lambda t, x: setattr(t.ones(2, 3), "data", x),
    "module": lambda t, x: t.nn.Linear(2, 3, device="meta").to("cpu"),
}


@pytest.mark.parametrize("name", READS)
def test_reading_raises_as_in_pytorch(name: str) -> None:
    caught = []
    for t in (mindtorch, torch):
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)) as error:
            READS[name](t, t.empty(2, 3, device="meta"))
        caught.append((type(error.value), str(error.value)))
    assert caught[0] == caught[1]


@pytest.mark.parametrize(
    "program",
    [
        lambda t, x: x.nonzero(),
        lambda t, x: x[x > 0],
        lambda t, x: x.masked_select(x > 0),
        lambda t, x: x.unique(),
        lambda t, x: x.equal(x),
    ],
)
def test_shapes_that_depend_on_data(program: Callable[[Any, Any], Any]) -> None:
    for t in (mindtorch, torch):
        with pytest.raises(NotImplementedError):
            program(t, t.empty(2, 3, device="meta"))


@pytest.mark.parametrize(
    "program",
    [
        lambda t, x: x + t.ones(2, 3),
        lambda t, x: t.ones(2, 3) + x,
        lambda t, x: t.cat([x, t.ones(2, 3)]),
        lambda t, x: t.where(x > 0, x, t.ones(2, 3)),
    ],
)
def test_mixing_with_the_cpu(program: Callable[[Any, Any], Any]) -> None:
    for t in (mindtorch, torch):
        with pytest.raises(RuntimeError, match="device"):
            program(t, t.empty(2, 3, device="meta"))


def test_autograd() -> None:
    def program(t: Any) -> Any:
        x = t.empty(4, 3, device="meta", requires_grad=True)
        w = t.nn.Parameter(t.empty(5, 3, dtype=t.float32, device="meta"))
        out = t.nn.functional.layer_norm(t.nn.functional.linear(x, w), (5,)).softmax(-1)
        loss = t.nn.functional.cross_entropy(out, t.zeros(4, dtype=t.int64, device="meta"))
        loss.backward()
        (again,) = t.autograd.grad((x * x).sum(), x, create_graph=True)
        return loss, x.grad, w.grad, again, t.autograd.grad(again.sum(), x)

    both(program)


def test_files_and_pickles() -> None:
    def program(t: Any) -> Any:
        whole = t.empty(3, 2, dtype=t.bfloat16, device="meta")
        given = {"w": t.nn.Parameter(whole), "view": whole.t(), "plain": t.arange(3)}
        file = io.BytesIO()
        t.save(given, file)
        file.seek(0)
        return t.load(file), pickle.loads(pickle.dumps(given["view"])), copy.deepcopy(given["w"]), copy.copy(whole)

    both(program)


@pytest.mark.parametrize(("written", "read"), [(torch, mindtorch), (mindtorch, torch)])
def test_files_of_each_other(written: Any, read: Any) -> None:
    file = io.BytesIO()
    written.save({"w": written.empty(3, 2, device="meta").t()}, file)
    file.seek(0)
    w = read.load(file)["w"]
    assert (tuple(w.shape), tuple(w.stride()), w.is_meta) == ((2, 3), (1, 2), True)


def test_deepcopy_keeps_views_together() -> None:
    x = mindtorch.empty(4, device="meta")
    a, b = copy.deepcopy([x, x[1:]])
    assert a.untyped_storage() == b.untyped_storage()
    assert a.untyped_storage() != x.untyped_storage()
    assert b.storage_offset() == 1


def test_windows_stay_inside() -> None:
    with pytest.raises(RuntimeError, match="out of bounds"):  # PyTorch does not look on this device
        mindtorch.empty(4, device="meta").as_strided((3,), (2,))
    both(lambda t: t.empty(2, device="meta").resize_(3, 4))


def test_every_kernel_has_an_outline() -> None:
    """A new kernel needs a shape function in ``kernels/meta``, or a place among those that depend on data."""
    known = meta.OUTLINES.keys() | meta.derived.POINTWISE | meta.DATA_DEPENDENT
    assert KERNELS.keys() - known == set()
    assert known - KERNELS.keys() == set()


# ------------------------------------------------------------------ models
def _encoder(t: Any) -> Any:
    layer = t.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    return t.nn.Sequential(t.nn.Embedding(11, 16), t.nn.TransformerEncoder(layer, 2), t.nn.Linear(16, 5)).eval()


def test_build_empty_then_assign() -> None:
    """What ``accelerate.init_empty_weights`` and ``from_pretrained`` do."""

    def program(t: Any, weights: dict[str, np.ndarray]) -> Any:
        with t.device("meta"):
            model = _encoder(t)
        assert all(p.is_meta for p in model.parameters())
        outlines = outline(model.state_dict())
        state = {k: t.tensor(v) for k, v in weights.items()}
        model.load_state_dict(state, assign=True)
        assert all(p.is_cpu and p.requires_grad for p in model.parameters())
        out = model(t.tensor([[1, 2, 3], [4, 5, 10]]))
        out.square().sum().backward()
        return outlines, plain(out), plain(model[0].weight.grad)

    torch.manual_seed(3)
    weights = {k: v.numpy() for k, v in _encoder(torch).state_dict().items()}
    ours, theirs = program(mindtorch, weights), program(torch, weights)
    assert ours[0] == theirs[0]
    assert_same(ours[1:], theirs[1:], 1e-4, 1e-5)


def test_forward_of_an_empty_model() -> None:
    def program(t: Any) -> Any:
        with t.device("meta"):
            model = _encoder(t).train()
            out = model(t.zeros(2, 7, dtype=t.int64))
        out.sum().backward()
        return out, {n: p.grad for n, p in model.named_parameters()}

    both(program)


def test_loading_without_assign_warns() -> None:
    for t in (mindtorch, torch):
        model = t.nn.Linear(2, 3, device="meta")
        with pytest.warns(UserWarning, match="no-op"):
            model.load_state_dict({"weight": t.ones(3, 2), "bias": t.ones(3)})
        assert model.weight.is_meta


def test_to_empty_and_skip_init() -> None:
    def program(t: Any) -> Any:
        model = t.nn.Linear(2, 3, device="meta", dtype=t.float64).to_empty(device="cpu")
        skipped = t.nn.utils.skip_init(t.nn.Conv2d, 2, 3, 3)
        t.nn.init.ones_(model.weight)
        return model.weight, model.weight.sum().item(), skipped.weight, [p.is_leaf for p in skipped.parameters()]

    both(program)


def test_hook_that_registers_parameters_on_meta() -> None:
    """``init_empty_weights`` replaces ``register_parameter``."""

    def program(t: Any) -> Any:
        original = t.nn.Module.register_parameter

        def register(module: Any, name: str, param: Any) -> None:
            original(module, name, param)
            if param is not None:
                made = module._parameters[name]
                kept = {**made.__dict__, "requires_grad": made.requires_grad}
                module._parameters[name] = type(made)(made.to("meta"), **kept)

        t.nn.Module.register_parameter = register
        try:
            model = _encoder(t)
        finally:
            t.nn.Module.register_parameter = original
        return model.state_dict(), [type(p).__name__ for p in model.parameters()]

    both(program)


def test_optimizer_steps() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.empty(3, 2, device="meta"))
        optimizer = t.optim.AdamW([w], 0.1)
        w.square().sum().backward()
        optimizer.step()
        return w, {k: v for k, v in optimizer.state[w].items() if k != "step"}

    both(program)
