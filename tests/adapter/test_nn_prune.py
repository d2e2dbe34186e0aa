"""Pruning, stateless calls, memory formats of weights and cross-map normalisation beside PyTorch's."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from side_by_side import leaf, same, same_error

torch = pytest.importorskip("torch")

for library in ("torch", "mindtorch"):
    # Neither package imports it by itself.
    importlib.import_module(f"{library}.nn.utils.prune")


def model(lib: Any) -> Any:
    lib.manual_seed(1)
    return lib.nn.Sequential(lib.nn.Conv2d(3, 4, 2), lib.nn.ReLU(), lib.nn.Flatten(), lib.nn.Linear(16, 5))


def image(lib: Any) -> Any:
    return leaf(lib, 2, 3, 3, 3, seed=4)


PRUNINGS: dict[str, Callable[[Any, Any], Any]] = {
    "identity": lambda p, m: p.identity(m, "weight"),
    "random": lambda p, m: p.random_unstructured(m, "weight", 0.4),
    "random number": lambda p, m: p.random_unstructured(m, "weight", 7),
    "l1": lambda p, m: p.l1_unstructured(m, "weight", amount=0.35),
    "l1 none": lambda p, m: p.l1_unstructured(m, "bias", amount=0),
    "l1 scores": lambda p, m: p.l1_unstructured(m, "weight", 0.35, importance_scores=-m.weight.detach().abs()),
    "random structured": lambda p, m: p.random_structured(m, "weight", 2, dim=0),
    "ln structured": lambda p, m: p.ln_structured(m, "weight", 0.5, n=2, dim=1),
    "l infinity": lambda p, m: p.ln_structured(m, "weight", 2, n=float("inf"), dim=0),
    "negative dim": lambda p, m: p.ln_structured(m, "weight", 1, n=1, dim=-1),
    "mask": lambda p, m: p.custom_from_mask(m, "weight", (m.weight > 0).detach()),
}


def contents(module: Any) -> Any:
    """Names and values of the state, kinds of the hooks."""
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    return dict(module.state_dict()), hooks, [name for name, _ in module.named_parameters()]


@pytest.mark.parametrize("which", [0, 3], ids=["conv", "linear"])
@pytest.mark.parametrize("name", PRUNINGS)
def test_pruned(name: str, which: int) -> None:
    """Masks, parameters, results, gradients, and what is left when the pruning is removed."""

    def program(lib: Any) -> Any:
        prune = lib.nn.utils.prune
        net = model(lib)
        lib.manual_seed(9)
        returned = PRUNINGS[name](prune, net[which])
        x = image(lib)
        out = net(x)
        (out * out).sum().backward()
        tensor = "bias" if name == "l1 none" else "weight"
        result = [returned is net[which], contents(net[which]), out, x.grad, getattr(net[which], tensor + "_orig").grad]
        result.append(prune.is_pruned(net))
        prune.remove(net[which], tensor)
        return [*result, contents(net[which]), prune.is_pruned(net), net(x)]

    same(program, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("second", ["random", "l1", "ln structured", "mask"])
@pytest.mark.parametrize("first", ["l1", "random structured", "ln structured"])
def test_pruned_again(first: str, second: str) -> None:
    """What is pruned already stays so; the second method sees what is left."""

    def program(lib: Any) -> Any:
        net = model(lib)[3]
        lib.manual_seed(9)
        PRUNINGS[first](lib.nn.utils.prune, net)
        PRUNINGS[second](lib.nn.utils.prune, net)
        (container,) = net._forward_pre_hooks.values()
        return contents(net), [type(method).__name__ for method in container], len(container)

    same(program)


def test_global_pruning_and_tensors() -> None:
    def program(lib: Any) -> Any:
        prune = lib.nn.utils.prune
        net = model(lib)
        prune.l1_unstructured(net[3], "weight", amount=3)
        pairs = [(net[0], "weight"), (net[3], "weight"), (net[3], "bias")]
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.4)
        t = leaf(lib, 4, 3, seed=7).detach()
        pruned = prune.L1Unstructured(amount=5).prune(t)
        scored = prune.LnStructured(2, 1, dim=0).prune(t, importance_scores=t.flip(0))
        return contents(net), pruned, scored

    same(program)


ERRORS: dict[str, tuple[Callable[[Any], Any], str, type[Exception]]] = {
    "share": (lambda t: t.nn.utils.prune.RandomUnstructured(1.5), "amount=1.5 should either be a float", ValueError),
    "negative": (lambda t: t.nn.utils.prune.L1Unstructured(-3), "amount=-3 should either be a float", ValueError),
    "type": (lambda t: t.nn.utils.prune.L1Unstructured("x"), "Invalid type for amount: x", TypeError),
    "many": (lambda t: t.nn.utils.prune.l1_unstructured(model(t)[3], "bias", 6), "amount=6 should be", ValueError),
    "vector": (
        lambda t: t.nn.utils.prune.random_structured(model(t)[3], "bias", 1, 0),
        "Structured pruning can only be applied to multidimensional tensors",
        ValueError,
    ),
    "dim": (lambda t: t.nn.utils.prune.ln_structured(model(t)[3], "weight", 1, 2, 4), "Invalid index 4", IndexError),
    "remove": (
        lambda t: t.nn.utils.prune.remove(model(t)[3], "weight"), "has to be pruned before pruning can be removed",
        ValueError,
    ),
    "global": (
        lambda t: t.nn.utils.prune.global_unstructured(
            [(model(t)[3], "weight")], t.nn.utils.prune.RandomStructured, amount=1
        ),
        'Only "unstructured" PRUNING_TYPE supported',
        TypeError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_pruning_errors(name: str) -> None:
    program, message, kind = ERRORS[name]
    same_error(program, message, kind)


def test_a_mask_that_fails_leaves_the_module_as_it_was() -> None:
    def program(lib: Any) -> Any:
        net = model(lib)[3]
        with pytest.raises(ValueError, match="should be smaller"):
            lib.nn.utils.prune.l1_unstructured(net, "weight", 1000)
        # PyTorch registers the parameter anew: only the order is another one.
        return sorted(net.state_dict()), contents(net)[1], lib.nn.utils.prune.is_pruned(net), net(leaf(lib, 2, 16))

    same(program)


def test_stateless_call() -> None:
    def program(lib: Any) -> Any:
        net = model(lib)
        given = {"3.weight": leaf(lib, 5, 16, seed=2)}
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            out = lib.nn.utils.stateless.functional_call(net, given, (image(lib),))
        out.sum().backward()
        return out, given["3.weight"].grad, net[3].weight, [w.category.__name__ for w in seen]

    same(program, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_weights_in_another_memory_format(dims: int) -> None:
    def program(lib: Any) -> Any:
        net = lib.nn.ModuleList([
            getattr(lib.nn, f"{kind}{n}d")(3, 4, 2) for kind in ("Conv", "ConvTranspose") for n in (2, 3)
        ])  # fmt: skip
        last = lib.channels_last if dims == 2 else lib.channels_last_3d
        convert = getattr(lib.nn.utils, f"convert_conv{dims}d_weight_memory_format")
        made = convert(net, last)
        return made is net, [m.weight.stride() for m in net], [tuple(m.weight.shape) for m in net]

    theirs = same(program)
    assert theirs[1][dims - 2][1] == 1


@pytest.mark.parametrize("size", [2, 3, 4, 5, 9])
def test_cross_map_normalisation(size: int) -> None:
    def program(lib: Any) -> Any:
        layer = lib.nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=1.5)
        x = leaf(lib, 2, 6, 3, 2, seed=3)
        out = layer(x)
        (out * out).sum().backward()
        return out, x.grad, repr(layer)

    same(program, rtol=1e-4, atol=1e-5)
    same_error(lambda lib: lib.nn.CrossMapLRN2d(3)(lib.ones(2, 3, 4)), "Expected input to be 4D, got 3D", ValueError)
