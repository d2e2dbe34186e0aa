"""``torch.autograd.functional`` and ``torch.func``, side by side with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import mindtorch.autograd.functional
import mindtorch.func
import numpy as np
import pytest

torch = pytest.importorskip("torch")


def leaves(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in leaves(y)]
    return [leaf for y in x.values() for leaf in leaves(y)] if isinstance(x, dict) else [x]


def both(call: Callable[[Any], Any]) -> None:
    expected, found = leaves(call(torch)), leaves(call(mindtorch))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (tuple(a.shape), a.requires_grad) == (tuple(b.shape), b.requires_grad)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6, atol=1e-9)


def values(t: Any, *shape: int, grad: bool = False) -> Any:
    n = int(np.prod(shape))
    return t.tensor(np.linspace(0.1, 1.3, n).reshape(shape), requires_grad=grad)


def two(x: Any, y: Any) -> Any:
    return (x * y).sin().sum(0), (x**2 * y).exp()


def number(x: Any, y: Any) -> Any:
    return (x**3 * y).sum() + (x * y).sum() ** 2


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
def test_jacobians(grad: bool, create_graph: bool) -> None:
    def args(t: Any) -> tuple[Any, Any]:
        return values(t, 2, 3, grad=grad), values(t, 3)

    both(lambda t: t.autograd.functional.jacobian(two, args(t), create_graph=create_graph))
    both(lambda t: t.autograd.functional.jacobian(lambda x: x.exp(), values(t, 2), create_graph=create_graph))
    both(lambda t: t.autograd.functional.hessian(number, args(t), create_graph=create_graph))
    both(lambda t: t.autograd.functional.hessian(lambda x: (x**3).sum(), values(t, 2, 2), create_graph=create_graph))


@pytest.mark.parametrize("create_graph", [False, True])
def test_products(create_graph: bool) -> None:
    def args(t: Any) -> tuple[Any, Any]:
        return values(t, 2, 3), values(t, 3)

    both(lambda t: t.autograd.functional.vjp(two, args(t), (values(t, 3), values(t, 2, 3)), create_graph=create_graph))
    both(lambda t: t.autograd.functional.jvp(two, args(t), (values(t, 2, 3), values(t, 3)), create_graph=create_graph))
    both(lambda t: t.autograd.functional.vhp(number, args(t), args(t), create_graph=create_graph))
    both(lambda t: t.autograd.functional.hvp(number, args(t), args(t), create_graph=create_graph))
    both(lambda t: t.autograd.functional.vjp(lambda x: x.sum(), values(t, 4), create_graph=create_graph))


ERRORS: list[tuple[type[Exception], Callable[[Any], Any]]] = [
    (TypeError, lambda f: f.jacobian(lambda x: 3, values(mindtorch, 2))),
    (TypeError, lambda f: f.jacobian(lambda x: x, 3)),
    (RuntimeError, lambda f: f.jacobian(lambda x: x.detach(), values(mindtorch, 2), strict=True)),
    (RuntimeError, lambda f: f.vjp(lambda x: x, values(mindtorch, 2))),
    (RuntimeError, lambda f: f.vjp(lambda x: x, values(mindtorch, 2), values(mindtorch, 3))),
    (RuntimeError, lambda f: f.hessian(lambda x: x, values(mindtorch, 2))),
    (NotImplementedError, lambda f: f.jacobian(lambda x: x, values(mindtorch, 2), strategy="forward-mode")),
]


@pytest.mark.parametrize(("error", "call"), ERRORS)
def test_errors(error: type[Exception], call: Callable[[Any], Any]) -> None:
    with pytest.raises(error):
        call(mindtorch.autograd.functional)


def test_func_grad() -> None:
    both(lambda t: t.func.grad(lambda x: x.sin().sum())(values(t, 3)))
    both(lambda t: t.func.grad(number, argnums=(0, 1))(values(t, 2, 3), values(t, 3)))
    both(lambda t: t.func.grad_and_value(number, argnums=1)(values(t, 2, 3), values(t, 3)))
    both(lambda t: t.func.grad(lambda p: (p["a"] * p["b"]).sum())({"a": values(t, 2), "b": values(t, 2)}))
    both(lambda t: t.func.grad(lambda x: (x.sum(), x * 2), has_aux=True)(values(t, 3)))
    both(lambda t: t.func.grad(t.func.grad(t.func.grad(lambda x: x**5)))(values(t, 1)[0]))
    both(lambda t: t.func.grad(lambda x: (x.sin() ** 2).sum())(values(t, 3, grad=True)))


def test_func_jacobians() -> None:
    both(lambda t: t.func.jacrev(lambda x: x.exp() * x.sum())(values(t, 3)))
    both(lambda t: t.func.jacrev(two, argnums=(0, 1))(values(t, 2, 3), values(t, 3)))
    both(lambda t: t.func.jacfwd(lambda x: x.exp() * x.sum())(values(t, 3)))
    both(lambda t: t.func.hessian(lambda x: (x**3).sum() * x[0])(values(t, 3)))


def test_func_products() -> None:
    def left(t: Any) -> Any:
        outputs, f = t.func.vjp(two, values(t, 2, 3), values(t, 3))
        return outputs, f((values(t, 3), values(t, 2, 3)))

    both(left)
    both(lambda t: t.func.jvp(two, (values(t, 2, 3), values(t, 3)), (values(t, 2, 3), values(t, 3))))
    with pytest.raises(RuntimeError, match="structure of cotangents"):
        mindtorch.func.vjp(two, values(mindtorch, 2, 3), values(mindtorch, 3))[1](values(mindtorch, 3))


def test_vmap() -> None:
    both(lambda t: t.vmap(t.dot)(values(t, 3, 4), values(t, 3, 4)))
    both(lambda t: t.vmap(lambda x, y: x * y, in_dims=(1, None), out_dims=1)(values(t, 3, 4), values(t, 3)))
    both(lambda t: t.func.vmap(lambda d: (d["a"].sum(), d["a"] * 2))({"a": values(t, 3, 2)}))
    both(lambda t: t.func.vmap(t.func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(
        values(t, 3), values(t, 5, 3)))  # fmt: skip
    both(lambda t: t.vmap(lambda x: x**2)(values(t, 3, grad=True)))
    with pytest.raises(ValueError, match="same size"):
        mindtorch.vmap(lambda x, y: x + y)(values(mindtorch, 3), values(mindtorch, 4))
    with pytest.raises(NotImplementedError, match="randomness"):
        mindtorch.vmap(lambda x: x, randomness="same")


def test_functional_call() -> None:
    def run(t: Any) -> Any:
        model = t.nn.Sequential(t.nn.Linear(3, 2), t.nn.ReLU(), t.nn.Linear(2, 1)).double()
        given = {name: values(t, *p.shape, grad=True) for name, p in model.named_parameters()}
        before = [p.detach().clone() for p in model.parameters()]
        out = t.func.functional_call(model, given, (values(t, 5, 3),))
        assert all(bool((p == b).all()) for p, b in zip(model.parameters(), before, strict=True))
        return out, t.autograd.grad(out.sum(), list(given.values()))

    both(run)

    def ensemble(t: Any) -> Any:
        t.manual_seed(0)
        models = [t.nn.Linear(3, 2).double() for _ in range(4)]
        parameters, buffers = t.func.stack_module_state(models)
        return t.func.vmap(lambda p, b, x: t.func.functional_call(models[0], (p, b), x), in_dims=(0, 0, None))(
            parameters, buffers, values(t, 5, 3)
        )

    both(ensemble)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        mindtorch.func.functional_call(mindtorch.nn.Linear(1, 1), {"x": values(mindtorch, 1)}, (), strict=True)
