"""Hooks of modules, their states and the walks over them, beside PyTorch's: the order of calls, arguments, effects."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
from side_by_side import leaf, same, same_error

torch = pytest.importorskip("torch")


def net(lib: Any) -> Any:
    lib.manual_seed(2)
    return lib.nn.Sequential(
        OrderedDict(first=lib.nn.Linear(3, 4), norm=lib.nn.BatchNorm1d(4), last=lib.nn.Linear(4, 2))
    )


def scaled(lib: Any) -> Any:
    class Scaled(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(leaf(lib, 3).detach())

        def forward(self, x: Any, *, scale: float = 1.0) -> Any:
            return x * self.weight * scale

    return Scaled()


def test_forward_hooks() -> None:
    """Arguments and results go through the hooks in PyTorch's order; handles take them out."""

    def program(lib: Any) -> Any:
        module, seen = scaled(lib), []
        x = leaf(lib, 2, 3, seed=1)

        def pre(name: str, change: Any = None) -> Any:
            def hook(m: Any, args: Any) -> Any:
                seen.append((name, len(args), m is module))
                return None if change is None else change(args[0])

            return hook

        def pre_keywords(m: Any, args: Any, kwargs: Any) -> Any:
            seen.append(("pre keywords", dict(kwargs)))
            return args, {**kwargs, "scale": kwargs.get("scale", 1.0) * 3}

        def post(name: str, factor: float | None = None) -> Any:
            def hook(m: Any, args: Any, output: Any) -> Any:
                seen.append((name, args[0].detach().clone(), output.detach().clone()))
                return None if factor is None else output * factor

            return hook

        def post_keywords(m: Any, args: Any, kwargs: Any, output: Any) -> Any:
            seen.append(("post keywords", dict(kwargs)))

        handles = [
            module.register_forward_pre_hook(pre("pre 1")),
            module.register_forward_pre_hook(pre("pre 2", lambda t: t + 1)),
            module.register_forward_pre_hook(pre("pre 0", lambda t: (t * 2,)), prepend=True),
            module.register_forward_pre_hook(pre_keywords, with_kwargs=True),
            module.register_forward_hook(post("post 1", 10.0)),
            module.register_forward_hook(post("post 0"), prepend=True),
            module.register_forward_hook(post_keywords, with_kwargs=True),
        ]
        first = module(x, scale=0.5)
        handles[2].remove()
        with handles[4]:
            second = module(x)
        third = module(x)
        return first, second, third, seen

    same(program)


def test_backward_hooks() -> None:
    """Gradients seen and replaced on both sides of a module."""

    def program(lib: Any) -> Any:
        module, seen = net(lib), []
        x = leaf(lib, 5, 3, seed=1)
        module.last.register_full_backward_pre_hook(lambda m, out: seen.append(("pre", out[0].clone())))
        module.last.register_full_backward_pre_hook(lambda m, out: (out[0] * 2,))
        module.last.register_full_backward_hook(lambda m, inp, out: seen.append((inp[0].clone(), out[0].clone())))
        module.first.register_full_backward_hook(lambda m, inp, out: (inp[0] * 5,))
        handle = module.register_full_backward_pre_hook(lambda m, out: (out[0] + 1,), prepend=True)
        (module(x) ** 2).sum().backward()
        first = x.grad.clone()
        handle.remove()
        (module(x) ** 2).sum().backward()
        return first, x.grad, [p.grad for p in module.parameters()], seen

    same(program, rtol=1e-4, atol=1e-4)


def test_state_hooks() -> None:
    """Before and after saving, before and after loading: keys renamed, reported and forgiven."""

    def program(lib: Any) -> Any:
        module, seen = net(lib), []
        module.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
        module.first.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("first", prefix, keep)))

        def rename(m: Any, state: Any, prefix: str, metadata: Any) -> None:
            state[prefix + "renamed"] = state.pop(prefix + "weight")

        handle = module.last.register_state_dict_post_hook(rename)
        state = module.state_dict(prefix="net.")
        kept = module.state_dict(keep_vars=True)
        handle.remove()
        plain = list(module.state_dict())
        other = net(lib)

        def give_back(m: Any, given: Any, prefix: str, *rest: Any) -> None:
            seen.append(("load", prefix, len(rest)))
            given[prefix + "weight"] = given.pop(prefix + "renamed")

        def forgive(m: Any, keys: Any) -> None:
            seen.append(("keys", list(keys.missing_keys), list(keys.unexpected_keys)))
            keys.missing_keys.clear()
            keys.unexpected_keys.clear()

        other.last.register_load_state_dict_pre_hook(give_back)
        other.register_load_state_dict_post_hook(forgive)
        given = {k.removeprefix("net."): v for k, v in state.items()}
        given["other"] = given.pop("first.bias")
        result = other.load_state_dict(given)
        return list(state), list(kept), kept["first.weight"].requires_grad, plain, seen, repr(result)

    same(program)


LOADING: dict[str, Callable[[Any, Any], Any]] = {
    "missing": lambda lib, state: {k: v for k, v in state.items() if k != "last.bias"},
    "unexpected": lambda lib, state: {**state, "last.more": lib.ones(1), "beyond.weight": lib.ones(2)},
    "shape": lambda lib, state: {**state, "first.weight": lib.ones(3, 3)},
    "no tensor": lambda lib, state: {**state, "first.bias": 3.0},
    "several": lambda lib, state: {"first.weight": lib.ones(1), "x": lib.ones(1)},
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", LOADING)
def test_states_that_do_not_fit(case: str, strict: bool) -> None:
    """The same message, or the same report of keys."""

    def program(lib: Any) -> Any:
        module = net(lib)
        try:
            keys = module.load_state_dict(LOADING[case](lib, module.state_dict()), strict=strict)
        except RuntimeError as error:
            return str(error).replace("mindtorch", "torch")
        return list(keys.missing_keys), list(keys.unexpected_keys)

    same(program)


def test_assignment_of_states() -> None:
    """``assign=True`` puts the given tensors in the place of the module's, dtype and all."""

    def program(lib: Any) -> Any:
        module = net(lib)
        module.first.weight.requires_grad_(False)
        given = {k: v.double() if v.is_floating_point() else v for k, v in module.state_dict().items()}
        module.load_state_dict(given, assign=True)
        shared = [given[k].data_ptr() == v.data_ptr() for k, v in module.state_dict().items()]
        dtypes = [str(v.dtype) for v in module.state_dict().values()]
        kinds = [(n, type(p).__name__, p.requires_grad) for n, p in module.named_parameters()]
        copied = net(lib)
        copied.load_state_dict(given)
        return shared, dtypes, kinds, [str(p.dtype) for p in copied.parameters()]

    same(program)


def test_walks() -> None:
    """Names with and without what is there twice, from a prefix, of one level."""

    def program(lib: Any) -> Any:
        inner = lib.nn.Linear(2, 2)
        shared = lib.nn.BatchNorm1d(2)
        module = lib.nn.Sequential(inner, shared, lib.nn.Sequential(inner, shared, lib.nn.ReLU()))
        module[2].tied = inner.weight
        found: list[Any] = []
        for duplicates in (True, False):
            options = {"remove_duplicate": duplicates}
            found.append([n for n, _ in module.named_parameters(prefix="p", **options)])
            found.append([n for n, _ in module.named_buffers(**options)])
            found.append([n for n, _ in module.named_modules(prefix="m", **options)])
        found.append([n for n, _ in module[2].named_parameters(recurse=False)])
        found.append([n for n, _ in module.named_children()])
        walks = (module.parameters, module.buffers, module.modules, module.children)
        found.append([len(list(walk())) for walk in walks])
        return found

    same(program)


def test_empty_and_compiled() -> None:
    """``to_empty`` changes devices and not values' kinds; ``compile`` leaves results and states as they are."""

    def program(lib: Any) -> Any:
        module = net(lib)
        x = leaf(lib, 5, 3, seed=1).detach()
        before = module.eval()(x)
        bare = net(lib).to(device="meta")
        kinds = [(n, str(p.device), tuple(p.shape), p.requires_grad) for n, p in bare.named_parameters()]
        with pytest.raises(NotImplementedError, match="to_empty"):
            bare.to("cpu")
        bare.to_empty(device="cpu").load_state_dict(module.state_dict())
        return before, bare.eval()(x), kinds, [str(b.device) for b in bare.buffers()], list(bare.state_dict())

    same(program, rtol=1e-4, atol=1e-5)


def test_lazy_modules() -> None:
    """Sizes from the first input; states of modules with and without sizes."""

    def program(lib: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = lib.nn.Sequential(lib.nn.LazyConv2d(4, 2), lib.nn.LazyBatchNorm2d(), lib.nn.Flatten())
            module.append(lib.nn.LazyLinear(3, bias=False))
            again = lib.nn.Sequential(lib.nn.LazyConv2d(4, 2), lib.nn.LazyBatchNorm2d(), lib.nn.Flatten())
            again.append(lib.nn.LazyLinear(3, bias=False))
        before = [repr(module[0]), repr(module[3]), repr(module[0].weight), module[1].has_uninitialized_params()]
        lib.manual_seed(0)
        x = leaf(lib, 2, 3, 4, 4, seed=1).detach()
        module(x)
        again.load_state_dict(module.state_dict())
        shapes = [tuple(p.shape) for p in again.parameters()]
        kinds = [type(m).__name__ for m in module]
        return before, repr(module[0]), repr(module[3]), shapes, module.eval()(x), again.eval()(x), kinds

    same(program, rtol=1e-4, atol=1e-5)
    same_error(lambda lib: lib.nn.LazyLinear(2).weight.shape, "Can't access the shape of an uninitialized parameter")


def test_registration_hooks() -> None:
    """Global hooks on what is registered may replace it."""

    def program(lib: Any) -> Any:
        from importlib import import_module

        home = import_module(f"{lib.__name__}.nn.modules.module")
        seen: list[Any] = []

        def note(kind: str) -> Any:
            return lambda module, name, value: seen.append((kind, name))

        handles = [
            home.register_module_parameter_registration_hook(note("parameter")),
            home.register_module_buffer_registration_hook(note("buffer")),
            home.register_module_module_registration_hook(note("module")),
            home.register_module_buffer_registration_hook(lambda module, name, value: value + 1),
        ]
        module = lib.nn.Module()
        module.a = lib.nn.Parameter(lib.ones(1))
        module.register_buffer("b", lib.zeros(2))
        module.c = lib.nn.ReLU()
        for handle in handles:
            handle.remove()
        module.d = lib.nn.Parameter(lib.ones(1))
        return seen, module.b

    same(program)
