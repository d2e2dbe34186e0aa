"""``torch.nn``: registration, state dicts, hooks, and each module's forward and backward against PyTorch's."""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import leaf, plain, same, same_error  # noqa: E402


def shown(module: Any) -> str:
    """The repr, without the words that versions after 2.7 added to those of normalisations."""
    return re.sub(r"(affine=\w+), bias=\w+\)", r"\1)", repr(module))


def ids(lib: Any, *shape: int, high: int = 4) -> Any:
    return lib.tensor((np.arange(np.prod(shape)) * 7 % high).reshape(shape).tolist())


# name: (constructor, inputs)
MODULES: dict[str, Any] = {
    "Linear": (lambda nn: nn.Linear(4, 3), [(2, 5, 4)]),
    "Linear_no_bias": (lambda nn: nn.Linear(4, 3, bias=False), [(4,)]),
    "Identity": (lambda nn: nn.Identity(3, unused=1), [(2, 3)]),
    "LayerNorm": (lambda nn: nn.LayerNorm((3, 4)), [(2, 3, 4)]),
    "LayerNorm_plain": (lambda nn: nn.LayerNorm(4, elementwise_affine=False, eps=1e-3), [(2, 3, 4)]),
    "RMSNorm": (lambda nn: nn.RMSNorm(4), [(2, 3, 4)]),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), [(2, 4, 3)]),
    "ReLU": (lambda nn: nn.ReLU(), [(3, 4)]),
    "ReLU6": (lambda nn: nn.ReLU6(), [(3, 4)]),
    "GELU": (lambda nn: nn.GELU(), [(3, 4)]),
    "GELU_tanh": (lambda nn: nn.GELU(approximate="tanh"), [(3, 4)]),
    "SiLU": (lambda nn: nn.SiLU(), [(3, 4)]),
    "Mish": (lambda nn: nn.Mish(), [(3, 4)]),
    "ELU": (lambda nn: nn.ELU(0.7), [(3, 4)]),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.2), [(3, 4)]),
    "Sigmoid": (lambda nn: nn.Sigmoid(), [(3, 4)]),
    "Tanh": (lambda nn: nn.Tanh(), [(3, 4)]),
    "Softplus": (lambda nn: nn.Softplus(), [(3, 4)]),
    "Softmax": (lambda nn: nn.Softmax(dim=-1), [(3, 4)]),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=0), [(3, 4)]),
    "Hardtanh": (lambda nn: nn.Hardtanh(-0.5, 0.5), [(3, 4)]),
    "Hardswish": (lambda nn: nn.Hardswish(), [(3, 4)]),
    "GLU": (lambda nn: nn.GLU(), [(3, 4)]),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), [(3, 4)]),
    "Flatten": (lambda nn: nn.Flatten(), [(2, 3, 4)]),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 2)), [(3, 4)]),
    "Dropout_eval": (lambda nn: nn.Dropout(0.4).eval(), [(3, 4)]),
    "Dropout": (lambda nn: nn.Dropout(0.4), [(13, 4)]),
    "MSELoss": (lambda nn: nn.MSELoss(), [(3, 4), (3, 4)]),
    "L1Loss": (lambda nn: nn.L1Loss(reduction="sum"), [(3, 4), (3, 4)]),
    "SmoothL1Loss": (lambda nn: nn.SmoothL1Loss(), [(3, 4), (3, 4)]),
    "Sequential": (lambda nn: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2)), [(3, 4)]),
}


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    make, shapes = MODULES[name]

    def program(lib: Any) -> Any:
        lib.manual_seed(11)
        module = make(lib.nn)
        inputs = [leaf(lib, *shape, seed=i) for i, shape in enumerate(shapes)]
        out = module(*inputs)
        (out * out.detach().cos()).sum().backward()
        return (
            shown(module), [n for n, _ in module.named_parameters()], module.state_dict(), out,
            [x.grad for x in inputs], [p.grad for p in module.parameters()], lib.rand(2), module.training,
        )  # fmt: skip

    same(program, rtol=2e-4, atol=1e-5)


def test_embeddings() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(2)
        a = lib.nn.Embedding(6, 3, padding_idx=1)
        b = lib.nn.Embedding.from_pretrained(lib.arange(8.0).view(4, 2), freeze=False)
        out = (a(ids(lib, 2, 5, high=6)) ** 2).sum() + (b(ids(lib, 4)) * 2).sum()
        out.backward()
        return repr(a), repr(b), a.weight, out, a.weight.grad, b.weight.grad

    same(program)


def test_losses_of_classes() -> None:
    def program(lib: Any) -> Any:
        nn, x, t = lib.nn, leaf(lib, 5, 4), ids(lib, 5)
        w = lib.tensor([0.1, 0.2, 0.3, 0.4])
        ignored = lib.tensor([0, -100, 2, 3, -100])
        outs = [
            nn.CrossEntropyLoss()(x, t), nn.CrossEntropyLoss(weight=w, label_smoothing=0.1)(x, t),
            nn.CrossEntropyLoss(reduction="none")(x, ignored), nn.CrossEntropyLoss(ignore_index=2)(x, t),
            nn.NLLLoss(weight=w)(x.log_softmax(1), t), nn.BCEWithLogitsLoss()(x, (x.detach() > 0).float()),
            nn.BCELoss()(x.sigmoid(), (x.detach() > 0).float()),
            nn.KLDivLoss(reduction="batchmean")(x.log_softmax(1), x.detach().softmax(1)),
            nn.CrossEntropyLoss()(x, x.detach().softmax(1)),
        ]  # fmt: skip
        sum(o.sum() for o in outs).backward()
        return outs, x.grad

    same(program, rtol=1e-4)


def test_missing_modules_say_so() -> None:
    with pytest.raises(AttributeError, match="Conv9d"):
        _ = mindtorch.nn.Conv9d


# ------------------------------------------------------------------ initialisers
INITS = {
    "uniform_": (-1.0, 2.0), "normal_": (1.0, 0.5), "constant_": (3.0,),
    "ones_": (), "zeros_": (), "eye_": (), "xavier_uniform_": (2.0,), "xavier_normal_": (), "kaiming_uniform_": (0.2,),
    "kaiming_normal_": (0, "fan_out", "relu"),
}  # fmt: skip


@pytest.mark.parametrize("name", INITS)
def test_initialisers_draw_the_same_values(name: str) -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(21)
        w = lib.nn.Parameter(lib.empty(6, 4))
        out = getattr(lib.nn.init, name)(w, *INITS[name])
        return out is w, w, w.requires_grad, w.grad_fn

    same(program, rtol=1e-4)


def test_trunc_normal_is_the_inverse_of_the_distribution_function() -> None:
    """As up to PyTorch 2.7; later versions draw by rejection."""
    torch.manual_seed(4)
    mindtorch.manual_seed(4)
    tail = 1 - 2 * 0.5 * math.erfc(1 / math.sqrt(2))
    want = torch.empty(50).uniform_(-tail, tail).erfinv().mul(0.5 * math.sqrt(2)).add(2).clamp(1.5, 2.5)
    got = mindtorch.nn.init.trunc_normal_(mindtorch.empty(50), 2.0, 0.5, 1.5, 2.5)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5)


def test_gains() -> None:
    for kind, param in (("linear", None), ("tanh", None), ("relu", None), ("leaky_relu", 0.3), ("selu", None)):
        same(lambda lib, k=kind, p=param: lib.nn.init.calculate_gain(k, p))


# ------------------------------------------------------------------ registration
def block(lib: Any) -> Any:
    class Block(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = lib.nn.Linear(2, 3)
            self.shared = self.first
            self.layers = lib.nn.ModuleList([lib.nn.Linear(3, 3), lib.nn.ReLU()])
            self.table = lib.nn.ModuleDict({"a": lib.nn.LayerNorm(3)})
            self.scale = lib.nn.Parameter(lib.ones(3))
            self.register_parameter("none", None)
            self.register_buffer("steps", lib.zeros((), dtype=lib.int64))
            self.register_buffer("scratch", lib.ones(2), persistent=False)
            self.weights = lib.nn.ParameterList([lib.nn.Parameter(lib.zeros(1))])
            self.plain = lib.ones(1)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x) if x.shape[-1] == 3 else layer(self.first(x))
            return self.table["a"](x) * self.scale

        def extra_repr(self) -> str:
            return "extra=1"

    lib.manual_seed(0)
    return Block()


def test_registration() -> None:
    def program(lib: Any) -> Any:
        m = block(lib)
        del m.layers[1]
        m.layers.append(lib.nn.Tanh())
        m.scale = lib.nn.Parameter(lib.zeros(3))
        m.none = None
        return (
            shown(m), [n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(remove_duplicate=False)],
            [n for n, _ in m.named_buffers()], [n for n, _ in m.named_modules()], [n for n, _ in m.named_children()],
            list(m.state_dict()), len(list(m.parameters(recurse=False))), m.get_submodule("table.a") is m.table["a"],
            m.get_parameter("first.weight") is m.first.weight, m.get_buffer("steps"), hasattr(m, "missing"),
        )  # fmt: skip

    same(program)


def test_registration_errors() -> None:
    def assign(lib: Any) -> None:
        block(lib).scale = 3

    def early(lib: Any) -> None:
        class M(lib.nn.Module):
            def __init__(self) -> None:
                self.x = lib.nn.Parameter(lib.ones(1))

        M()

    same_error(assign, "cannot assign 'int' as parameter 'scale' (torch.nn.Parameter or None expected)", TypeError)
    same_error(early, "cannot assign parameters before Module.__init__() call", AttributeError)
    same_error(lambda lib: block(lib).missing, "has no attribute 'missing'", AttributeError)
    same_error(lambda lib: block(lib).register_buffer("first", lib.ones(1)), "'first' already exists", KeyError)
    same_error(lambda lib: block(lib).get_submodule("first.nothing"), "has no attribute `nothing`", AttributeError)
    same_error(lambda lib: lib.nn.Module()(1), "missing the required \"forward\" function", NotImplementedError)


def test_train_eval_apply_and_zero_grad() -> None:
    def program(lib: Any) -> Any:
        m, seen = block(lib), []
        m.eval()
        flags = [x.training for x in m.modules()]
        m.layers.train()
        flags += [x.training for x in m.modules()]
        m.apply(lambda x: seen.append(type(x).__name__))
        m(leaf(lib, 4, 2)).sum().backward()
        had = [p.grad is not None for p in m.parameters()]
        m.zero_grad()
        m.requires_grad_(False)
        return flags, seen, had, [p.grad for p in m.parameters()], [p.requires_grad for p in m.parameters()]

    same(program)


def test_conversions() -> None:
    def program(lib: Any) -> Any:
        m = block(lib)
        first = m.first.weight
        m.double()
        kept = m.first.weight is first, m.first is m.shared
        dtypes = [m.scale.dtype, m.steps.dtype, m.scratch.dtype]
        m.to(lib.bfloat16)
        dtypes += [m.scale.dtype, m.steps.dtype]
        m.half().float()
        return kept, dtypes, m.scale.dtype, m.state_dict()

    same(program)


def test_deepcopy_and_pickle() -> None:
    lib = mindtorch
    m = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.LayerNorm(3))
    m[1].weight = m[0].bias
    for twin in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert twin[1].weight is twin[0].bias
        assert twin[0].weight is not m[0].weight
        assert isinstance(twin[0].weight, lib.nn.Parameter)
        np.testing.assert_array_equal(twin[0].weight.detach().numpy(), m[0].weight.detach().numpy())
        assert list(twin.state_dict()) == list(m.state_dict())


# ------------------------------------------------------------------ state dicts
def test_load_state_dict() -> None:
    def program(lib: Any) -> Any:
        a, b = block(lib), block(lib)
        with lib.no_grad():
            for p in a.parameters():
                p.add_(1)
        state = a.state_dict(prefix="x.")
        weight = b.first.weight
        result = b.load_state_dict({k[2:]: v for k, v in state.items()})
        partial = b.load_state_dict({"scale": lib.zeros(3), "more": lib.ones(1)}, strict=False)
        return (
            list(state), str(result), b.first.weight is weight, partial.missing_keys, partial.unexpected_keys,
            b.state_dict(), state["x.scale"].requires_grad, a.state_dict(keep_vars=True)["scale"] is a.scale,
            list(state._metadata), state._metadata["x.table.a"],
        )  # fmt: skip

    same(program)


def test_load_state_dict_errors() -> None:
    def load(lib: Any, **state: Any) -> None:
        lib.nn.Linear(2, 3).load_state_dict(state)

    same_error(lambda lib: load(lib, weight=lib.zeros(3, 2)), 'Missing key(s) in state_dict: "bias".')
    same_error(
        lambda lib: load(lib, weight=lib.zeros(3, 2), bias=lib.zeros(3), more=lib.zeros(1)),
        'Unexpected key(s) in state_dict: "more".',
    )
    same_error(
        lambda lib: load(lib, weight=lib.zeros(4, 2), bias=lib.zeros(3)),
        "size mismatch for weight: copying a param with shape torch.Size([4, 2]) from checkpoint",
    )
    same_error(lambda lib: lib.nn.Linear(1, 1).load_state_dict(3), "Expected state_dict to be dict-like", TypeError)


def test_load_state_dict_by_assignment_and_hooks() -> None:
    def program(lib: Any) -> Any:
        m, seen = lib.nn.Linear(2, 2), []
        m._register_load_state_dict_pre_hook(lambda state, prefix, *rest: state.update(bias=state.pop("offset")))
        m.register_load_state_dict_post_hook(lambda module, keys: seen.append(list(keys.missing_keys)))
        m._register_state_dict_hook(lambda module, state, prefix, meta: state.update(extra=1))
        new = lib.ones(2, 2, dtype=lib.float64)
        m.load_state_dict({"weight": new, "offset": lib.zeros(2)}, assign=True)
        return seen, m.weight.data_ptr() == new.data_ptr(), m.weight.dtype, list(m.state_dict()), m.weight.requires_grad

    same(program)


def test_state_dicts_pass_between_the_libraries() -> None:
    a, b = block(torch), block(mindtorch)
    with torch.no_grad():
        for p in a.parameters():
            p.mul_(3)
    b.load_state_dict({k: mindtorch.tensor(v.numpy()) for k, v in a.state_dict().items()})
    x = leaf(torch, 4, 2).detach()
    np.testing.assert_allclose(plain(b(mindtorch.tensor(x.numpy())))[2], plain(a(x))[2], rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ hooks
def test_forward_hooks() -> None:
    def program(lib: Any) -> Any:
        m, seen = lib.nn.Linear(3, 2), []
        lib.nn.init.ones_(m.weight)
        lib.nn.init.zeros_(m.bias)
        m.register_forward_pre_hook(lambda mod, args: (args[0] * 2,))
        m.register_forward_pre_hook(lambda mod, args, kw: seen.append((len(args), kw)), with_kwargs=True)
        m.register_forward_hook(lambda mod, args, out: out + 1)
        h = m.register_forward_hook(lambda mod, args, out: seen.append("second"))
        m.register_forward_hook(lambda mod, args, out: seen.append("prepended"), prepend=True)
        a = m(lib.ones(1, 3))
        h.remove()
        return a, m(lib.ones(1, 3)), seen

    same(program)


def test_backward_hooks() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(1)
        m, seen = lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.Tanh()), []
        m[0].register_full_backward_hook(lambda mod, gin, gout: seen.append(("full", gin[0], gout[0])))
        m[1].register_full_backward_hook(lambda mod, gin, gout: (gin[0] * 10,))
        m.register_full_backward_pre_hook(lambda mod, gout: (gout[0] * 2,))
        x = leaf(lib, 4, 3)
        m(x).sum().backward()
        return seen, x.grad, m[0].weight.grad

    same(program, rtol=1e-4)


# ------------------------------------------------------------------ utilities
def test_clip_grad() -> None:
    def program(lib: Any) -> Any:
        ps = [leaf(lib, 3, 4), leaf(lib, 5, seed=1), leaf(lib, 2, seed=2)]
        (ps[0] * 3).sin().sum().backward()
        (ps[1] ** 2).sum().backward()
        total = lib.nn.utils.clip_grad_norm_(ps, 1.0)
        again = lib.nn.utils.clip_grad_norm_(ps[:2], 0.5, norm_type=float("inf"))
        first = [p.grad if p.grad is None else p.grad.clone() for p in ps]
        lib.nn.utils.clip_grad_value_(ps, 0.05)
        return total, again, first, ps[0].grad, ps[1].grad

    same(program)


def test_parameters_as_one_vector() -> None:
    def program(lib: Any) -> Any:
        m = lib.nn.Linear(2, 3)
        lib.nn.utils.vector_to_parameters(lib.arange(9.0), m.parameters())
        return lib.nn.utils.parameters_to_vector(m.parameters()), m.weight, m.bias

    same(program)


def test_parameter() -> None:
    def program(lib: Any) -> Any:
        p = lib.nn.Parameter(lib.ones(2))
        q = copy.deepcopy(p)
        frozen = lib.nn.Parameter(lib.ones(2), requires_grad=False)
        return (
            repr(p), isinstance(p, lib.Tensor), isinstance(p * 1, lib.nn.Parameter), type(q).__name__, p.is_leaf,
            frozen.requires_grad, isinstance(p.data, lib.nn.Parameter), p.grad,
            isinstance(p.detach(), lib.nn.Parameter),
        )  # fmt: skip

    same(program)
