"""Hooks on several gradients, batches of gradients, numerical checks, names of nodes: side by side with PyTorch."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import mindtorch
import pytest
import torch
from side_by_side import leaf, same, same_error

LIBRARIES = (torch, mindtorch)


@pytest.mark.parametrize("mode", ["all", "any"])
def test_hooks_on_several_gradients(mode: str) -> None:
    def program(lib: Any) -> Any:
        log: list[Any] = []
        a, b, unused = leaf(lib, 3), leaf(lib, 3, seed=1), leaf(lib, 2)
        c = a * b

        def hook(grads: Any) -> None:
            log.append(grads.tolist() if mode == "any" else [None if g is None else g.tolist() for g in grads])

        handle = lib.autograd.graph.register_multi_grad_hook((a, c, unused), hook, mode=mode)
        (c * b).sum().backward(retain_graph=True)
        (c * 2).sum().backward(retain_graph=True)
        lib.autograd.grad(c.sum(), [b], retain_graph=True)
        handle.remove()
        c.sum().backward()
        return log

    same(program)


def test_hooks_on_several_gradients_refuse_other_modes() -> None:
    same_error(
        lambda lib: lib.autograd.graph.register_multi_grad_hook((leaf(lib, 1),), print, mode="each"),
        "Expects mode to be one of ('all', 'any') but got each", ValueError,
    )  # fmt: skip


def test_gradients_of_a_batch() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        out = x**2 * y
        found = lib.autograd.grad(out, (x, y), lib.eye(3), is_grads_batched=True, retain_graph=True)
        unused = lib.autograd.grad((x * 2), (x, y), lib.eye(3), is_grads_batched=True, allow_unused=True)
        return found, unused[0], unused[1] is None

    same(program)


def test_gradcheck() -> None:
    def program(lib: Any) -> Any:
        x = lib.tensor([0.3, -0.7, 1.1], dtype=lib.float64, requires_grad=True)
        z = lib.tensor([0.3 + 0.2j, -0.7 - 0.1j], dtype=lib.complex128, requires_grad=True)
        check, second = lib.autograd.gradcheck, lib.autograd.gradgradcheck
        y = lib.tensor([0.5, 0.1, -0.2], dtype=lib.float64, requires_grad=True)
        return (
            check(lambda v: v.sin() * v, (x,)), check(lambda v: (v * v, v.exp()), x), check(lambda v: v.abs(), (z,)),
            check(lambda v: v * v.exp(), (z,)), check(lambda v: v.conj() * 2, (z,)),
            second(lambda v: v**3, (x,)), second(lambda v, w: v * w.exp(), (x, y)),
        )  # fmt: skip

    same(program)


def test_gradcheck_finds_a_wrong_derivative() -> None:
    def wrong(lib: Any) -> Any:
        class Wrong(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * 3

        return Wrong.apply

    for lib in LIBRARIES:
        x = lib.ones(2, dtype=lib.float64, requires_grad=True)
        error = importlib.import_module(lib.__name__ + ".autograd.gradcheck").GradcheckError
        with pytest.raises(error, match="Jacobian mismatch for output 0 with respect to input 0"):
            lib.autograd.gradcheck(wrong(lib), (x,))
        assert lib.autograd.gradcheck(wrong(lib), (x,), raise_exception=False) is False
        with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require gradient"):
            lib.autograd.gradcheck(wrong(lib), (x.detach(),))


def test_backward_in_another_thread() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        loss = (x * x).sum()
        errors: list[BaseException] = []

        def run() -> None:
            try:
                with lib.autograd.set_multithreading_enabled(False):
                    loss.backward()
            except BaseException as error:  # the test fails in its own thread
                errors.append(error)

        with lib.no_grad():
            other = threading.Thread(target=run)
            other.start()
            other.join()
        return x.grad, errors

    same(program)


def test_nodes_say_where_their_gradients_go() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), lib.ones(3)
        node = (x * y).sum().grad_fn
        ((mul, nr),) = node.next_functions
        names = [None if fn is None else fn.name() for fn, _ in mul.next_functions]
        return node.name(), mul.name(), nr, names, mul.next_functions[0][0].variable is x

    same(program)


NAMES = (
    "exp", "log1p", "expm1", "sin", "tanh", "sigmoid", "relu", "abs", "neg", "sqrt", "rsqrt", "clone", "erf", "log2",
    "log10", "floor", "sum", "mean", "cumsum", "prod", "digamma", "i0", "square", "amax", "log_softmax",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_nodes(name: str) -> None:
    def program(lib: Any) -> Any:
        x = (leaf(lib, 2, 3).abs() + 0.5).detach().requires_grad_()
        args = (0,) if name in ("cumsum", "amax", "log_softmax") else ()
        return getattr(x, name)(*args).grad_fn.name()

    same(program)


def test_linearize_and_functionalize() -> None:
    def program(lib: Any) -> Any:
        func = importlib.import_module(lib.__name__ + ".func")
        x = leaf(lib, 3, requires_grad=False)
        output, push = func.linearize(lambda v: v**2 + v, x)
        return output, push(lib.ones(3)), push(x), func.functionalize(lambda v: v.clone().add_(1))(x)

    same(program)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_of_a_sequence(reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        checkpoint = importlib.import_module(lib.__name__ + ".utils.checkpoint").checkpoint_sequential
        lib.manual_seed(3)
        model = lib.nn.Sequential(*[lib.nn.Linear(3, 3) for _ in range(4)], lib.nn.Dropout(0.5))
        x = leaf(lib, 2, 3)
        y = checkpoint(model, 2, x, use_reentrant=reentrant)
        y.sum().backward()
        z = checkpoint([lib.exp, lib.sin], 1, x, use_reentrant=reentrant)
        return y, x.grad, [p.grad for p in model.parameters()], z

    same(program)
