"""What modules promise beside their numbers: texts, errors, hooks, containers, memory. Against PyTorch's."""

from __future__ import annotations

import gc
import inspect
import weakref
from importlib import import_module
from typing import Any

import mindtorch
import pytest

torch = pytest.importorskip("torch")

from side_by_side import leaf, same, same_error  # noqa: E402

LAYERS = {
    "bilinear": lambda nn: nn.Bilinear(2, 3, 4),
    "embedding": lambda nn: nn.Embedding(6, 3, padding_idx=-1, max_norm=2.0),
    "rms_norm": lambda nn: nn.RMSNorm((2, 3)),
    "dropout": lambda nn: nn.Dropout(0.3, inplace=True),
    "unflatten": lambda nn: nn.Unflatten(1, (2, 3)),
    "relu": lambda nn: nn.ReLU(inplace=True),
    "gelu": lambda nn: nn.GELU("tanh"),
    "elu": lambda nn: nn.ELU(2.0),
    "softplus": lambda nn: nn.Softplus(2, 10),
    "prelu": lambda nn: nn.PReLU(2),
    "threshold": lambda nn: nn.Threshold(0.1, 20),
    "nested": lambda nn: nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.Tanh(), nn.Sigmoid())),
    "runs": lambda nn: nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]),
    "empty": lambda nn: nn.ModuleList(),
    "dict": lambda nn: nn.ModuleDict({"a": nn.SiLU(), "b": nn.Mish()}),
    "loss": lambda nn: nn.CrossEntropyLoss(ignore_index=1),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_repr_and_initial_values(layer: str) -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(3)
        module = LAYERS[layer](lib.nn)
        return repr(module), dict(module.state_dict())

    same(program, rtol=0, atol=0)


def test_norm_reprs_are_those_of_2_7() -> None:
    # Newer versions print the bias, too.
    assert repr(mindtorch.nn.GroupNorm(2, 4)) == "GroupNorm(2, 4, eps=1e-05, affine=True)"
    assert repr(mindtorch.nn.LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True)"


ERRORS = {
    "child": (lambda t: setattr(t.nn.Sequential(t.nn.ReLU()), "0", 3), "as child module '0' (torch.nn.M", TypeError),
    "buffer_name": (lambda t: t.nn.Module().register_buffer("a.b", None), "t contain", KeyError),
    "empty_name": (lambda t: t.nn.Module().register_parameter("", None), "t be empty string", KeyError),
    "taken": (lambda t: t.nn.Module().register_parameter("training", None), "'training' already exists", KeyError),
    "no_module": (lambda t: t.nn.Module().add_module("a", 3), "int is not a Module subclass", TypeError),
    "mode": (lambda t: t.nn.Module().train(1), "training mode is expected to be boolean", ValueError),
    "integer": (lambda t: t.nn.Linear(1, 1).to(t.int32), "only accepts floating point or complex dtypes", TypeError),
    "no_param": (lambda t: t.nn.Linear(1, 1).get_parameter("in_features"), "is not an nn.Parameter", AttributeError),
    "arguments": (lambda t: t.nn.Module(3), "takes 1 positional argument but 2 were given", TypeError),
    "index": (lambda t: t.nn.Sequential()[0], "index 0 is out of range", IndexError),
    "dropout": (lambda t: t.nn.Dropout(2), "probability has to be between 0 and 1, but got 2", ValueError),
    "groups": (lambda t: t.nn.GroupNorm(3, 4), "must be divisible by", ValueError),
    "gain": (lambda t: t.nn.init.calculate_gain("x"), "Unsupported nonlinearity x", ValueError),
    "fan": (lambda t: t.nn.init.xavier_normal_(t.empty(3)), "tensor with fewer than 2 dimensions", ValueError),
    "fan_mode": (lambda t: t.nn.init.kaiming_normal_(t.ones(3, 3), mode="x"), "Mode x not supported", ValueError),
    "list": (lambda t: t.nn.ModuleList().extend(3), "should be called with an iterable, but got int", TypeError),
    "both_hooks": (
        lambda t: [
            (m := t.nn.Linear(1, 1)).register_full_backward_hook(lambda *a: None),
            m.register_backward_hook(lambda *a: None),
        ],
        "Cannot use both regular backward hooks and full backward hooks on a single Module",
        RuntimeError,
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    same_error(*ERRORS[case])


def test_load_errors_list_everything() -> None:
    def program(lib: Any) -> Any:
        model = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Sequential(lib.nn.Linear(2, 3)))
        state = model.state_dict()
        del state["0.weight"]
        state["1.0.weight"] = lib.ones(2, 2)
        state["1.0.extra.deep"] = state["9.weight"] = lib.ones(1)
        with pytest.raises(RuntimeError) as caught:
            model.load_state_dict(state)
        return str(caught.value)

    assert same(program).count("\n") == 3


def test_assignment_moves_between_registries() -> None:
    def program(lib: Any) -> Any:
        m = lib.nn.Module()
        m.x = 1
        m.x = lib.nn.Parameter(lib.ones(2))
        log = [list(m._parameters), "x" in m.__dict__]
        m.x = None
        log += [m.x, list(m._parameters)]
        del m.x
        m.y = lib.nn.Linear(1, 1)
        m.y = lib.nn.Parameter(lib.ones(1))
        log += [hasattr(m, "x"), list(m._modules), list(m._parameters)]
        m.register_buffer("b", lib.zeros(1), persistent=False)
        m.b = lib.ones(1)
        log += [m.b, list(m.state_dict()), list(m._non_persistent_buffers_set)]
        m.c = lib.nn.Buffer(lib.ones(1))
        return [*log, list(m._buffers), list(m.state_dict()), "c" in dir(m)]

    same(program)


def test_extra_state() -> None:
    def program(lib: Any) -> Any:
        log: list[Any] = []

        class M(lib.nn.Linear):
            def get_extra_state(self) -> Any:
                return {"n": 3}

            def set_extra_state(self, state: Any) -> None:
                log.append(state)

        m = M(1, 1)
        m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("pre", prefix, keep)))
        m.register_load_state_dict_pre_hook(lambda mod, state, *rest: log.append(("load", mod is m)))
        m.load_state_dict(m.state_dict())
        state = m.state_dict()
        missing = m.load_state_dict({"weight": state["weight"]}, strict=False)
        return log, list(state), missing.missing_keys

    same(program)
    same_error(
        lambda lib: lib.nn.Linear(1, 1).load_state_dict({**lib.nn.Linear(1, 1).state_dict(), "_extra_state": 1}),
        'Unexpected key(s) in state_dict: "_extra_state".',
    )


# ------------------------------------------------------------------ hooks
def test_always_called_hooks_run_after_an_error() -> None:
    def program(lib: Any) -> Any:
        log: list[str] = []

        class Broken(lib.nn.Module):
            def forward(self, x: Any) -> Any:
                raise ValueError("broken")

        m = Broken()
        m.register_forward_hook(lambda *a: log.append("always"), always_call=True)
        m.register_forward_hook(lambda *a: log.append("never"))
        with pytest.raises(ValueError, match="broken"):
            m(1)
        return log

    assert same(program) == ["always"]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_where_no_input_requires_grad() -> None:
    def program(lib: Any) -> Any:
        log: list[Any] = []
        lib.manual_seed(0)
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
        m.register_full_backward_hook(lambda mod, gi, go: log.append((list(gi), list(go))))
        m(lib.ones(1, 2)).sum().backward()
        m.register_full_backward_hook(lambda mod, gi, go: (lib.ones(1, 2),))
        x = lib.ones(1, 2, requires_grad=True)
        m(x).sum().backward()
        return log, m.weight.grad, x.grad

    same(program)

    def refused(lib: Any) -> None:
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_hook(lambda mod, gi, go: (lib.ones(1, 2),))
        m(lib.ones(1, 2)).sum().backward()

    same_error(refused, "where no input requires gradient should always return None")


def test_global_hooks() -> None:
    def program(lib: Any) -> Any:
        log: list[str] = []
        module = import_module(f"{lib.__name__}.nn.modules.module")
        handles = [
            module.register_module_forward_pre_hook(lambda m, a: log.append("pre " + type(m).__name__)),
            module.register_module_forward_hook(lambda m, a, o: log.append("post " + type(m).__name__)),
            module.register_module_full_backward_hook(lambda m, gi, go: log.append("back " + type(m).__name__)),
            module.register_module_parameter_registration_hook(lambda m, n, p: log.append("param " + n)),
            module.register_module_module_registration_hook(lambda m, n, c: log.append("module " + n)),
        ]
        try:
            model = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.Tanh())
            model(lib.ones(1, 1, requires_grad=True)).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        model(lib.ones(1, 1))
        return log

    same(program)


def test_modules_die_with_the_last_reference() -> None:
    gc.disable()
    try:
        m = mindtorch.nn.Sequential(mindtorch.nn.Linear(2, 2), mindtorch.nn.ReLU())
        m.register_load_state_dict_pre_hook(lambda *a: None)
        m.register_full_backward_hook(lambda *a: None)
        m(mindtorch.ones(1, 2, requires_grad=True)).sum().backward()
        ref = weakref.ref(m)
        del m
        assert ref() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------ containers
def test_containers() -> None:
    def program(lib: Any) -> Any:
        nn = lib.nn
        s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
        s.insert(1, nn.GELU())
        del s[0]
        s.append(nn.SiLU())
        listed = nn.ModuleList([nn.ReLU(), nn.Tanh()])
        listed += [nn.GELU()]
        listed.insert(0, nn.SiLU())
        popped = listed.pop(1)
        named = nn.ModuleDict([("a", nn.ReLU())])
        named.update({"b": nn.Tanh()})
        params = nn.ParameterList([lib.ones(1)])
        params.append(lib.zeros(2))
        by_name = nn.ParameterDict({"x": lib.ones(1)})
        by_name["y"] = nn.Parameter(lib.zeros(1))
        texts = [repr(x) for x in (s, s[1:], s + s, s * 2, listed, listed[:2], popped, named)]
        return texts, list(named), len(params), dict(params.state_dict()), list(by_name), dict(by_name.state_dict())

    same(program)


# ------------------------------------------------------------------ initialisers
@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_sparse_and_dirac(shape: tuple[int, int]) -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(5)
        p = lib.nn.Parameter(lib.empty(*shape))
        result = lib.nn.init.sparse_(p, sparsity=0.5)
        return p, result is p, p.requires_grad, p.grad_fn is None, lib.nn.init.dirac_(lib.empty(4, 2, 3), groups=2)

    same(program)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(5)
        return lib.nn.init.orthogonal_(lib.empty(*shape), gain=2.0)

    same(program, atol=1e-5)


def test_skip_init() -> None:
    m = mindtorch.nn.utils.skip_init(mindtorch.nn.Linear, 3, 4)
    assert m.weight.shape == (4, 3)
    assert m.weight.device.type == "cpu"


def test_clip_refuses_nonfinite() -> None:
    def program(lib: Any) -> Any:
        p = lib.nn.Parameter(lib.ones(1))
        p.grad = lib.tensor([float("nan")])
        lib.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)

    same_error(program, "The total norm of order 2.0 for gradients from `parameters` is non-finite")


def test_distributed_data_parallel_of_one_process() -> None:
    dist = mindtorch.distributed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        wrapped = mindtorch.nn.parallel.DistributedDataParallel(mindtorch.nn.Linear(2, 1))
        with wrapped.no_sync():
            wrapped(mindtorch.ones(1, 2)).sum().backward()
        assert wrapped.module.weight.grad.tolist() == [[1.0, 1.0]]
        assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    finally:
        dist.destroy_process_group()


def module_classes() -> list[str]:
    """All that both have; mindtorch's DataParallel only says what to use instead."""
    return sorted(
        name
        for name, cls in vars(torch.nn).items()
        if isinstance(cls, type) and issubclass(cls, torch.nn.Module) and isinstance(vars(mindtorch.nn).get(name), type)
        if name not in ("Container", "DataParallel")
    )


@pytest.mark.parametrize("name", module_classes())
def test_signatures(name: str) -> None:
    """Constructors and ``forward`` take PyTorch's arguments, in its order and with its defaults."""

    def arguments(cls: Any, method: str) -> list[Any]:
        found = inspect.signature(getattr(cls, method)).parameters.values()
        return [(p.name, p.kind.name, getattr(p.default, "__name__", p.default)) for p in found]

    # Abstract classes have no forward.
    abstract = getattr(torch.nn, name).forward is torch.nn.Module.forward
    for method in ("__init__",) if abstract else ("__init__", "forward"):
        theirs, ours = (arguments(getattr(lib.nn, name), method) for lib in (torch, mindtorch))
        if method == "forward":
            theirs, ours = ([(n, k) for n, k, _ in found] for found in (theirs, ours))
        assert ours == theirs


def test_attention_backends() -> None:
    def program(lib: Any) -> Any:
        attention = lib.nn.attention
        q = leaf(lib, 1, 2, 3, 4).detach()
        with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]):
            out = lib.nn.functional.scaled_dot_product_attention(q, q, q)
            inside = [backend.name for backend in attention._cur_sdpa_kernel_backends()]
        return out, sorted(inside), {name: int(v) for name, v in attention.SDPBackend.__members__.items()}

    same(program)
    same_error(lambda lib: lib.nn.attention.sdpa_kernel("math").__enter__(), "SDPBackend", AssertionError)
