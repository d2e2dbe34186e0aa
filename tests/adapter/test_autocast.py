"""Autocast, side by side with PyTorch: the same operators run in the same precision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import mindtorch
import pytest

torch = pytest.importorskip("torch")

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda t, x: t.nn.functional.linear(x, x),
    "matmul": lambda t, x: t.matmul(x, x),
    "@": lambda t, x: x @ x,
    "mm": lambda t, x: x.mm(x),
    "bmm": lambda t, x: x[None].bmm(x[None]),
    "addmm": lambda t, x: t.addmm(x, x, x),
    "baddbmm": lambda t, x: t.baddbmm(x[None], x[None], x[None]),
    "attention": lambda t, x: t.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None]),
    "softmax": lambda t, x: x.softmax(-1),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, (4,)),
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "exp": lambda t, x: x.exp(),
    "pow": lambda t, x: x**2,
    "sum": lambda t, x: x.sum(),
    "prod": lambda t, x: x.prod(),
    "add": lambda t, x: x + x,
    "mse_loss": lambda t, x: t.nn.functional.mse_loss(x, x),
    "cross_entropy": lambda t, x: t.nn.functional.cross_entropy(x, t.tensor([0, 1, 2, 3])),
    "cat": lambda t, x: t.cat([x, x.float()]),
    "stack": lambda t, x: t.stack([x, x.float()]),
    "binary_cross_entropy_with_logits": lambda t, x: t.nn.functional.binary_cross_entropy_with_logits(x, x),
    "nested": lambda t, x: (x @ x).softmax(-1) @ x + x,
}


@pytest.mark.parametrize("start", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("fast", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_precision_on_the_cpu(name: str, fast: str, start: str) -> None:
    def run(t: Any) -> str:
        x = t.linspace(0.1, 0.9, 16).reshape(4, 4).to(getattr(t, start))
        with t.autocast("cpu", dtype=getattr(t, fast)):
            try:
                return str(CALLS[name](t, x).dtype)
            except RuntimeError:
                return "error"

    assert run(mindtorch) == run(torch)


def test_training_step() -> None:
    def step(t: Any) -> list[Any]:
        t.manual_seed(3)
        model = t.nn.Sequential(t.nn.Linear(8, 16), t.nn.GELU(), t.nn.Linear(16, 4))
        x = t.rand(5, 8)
        with t.autocast("cpu", dtype=t.bfloat16):
            loss = t.nn.functional.mse_loss(model(x), t.zeros(5, 4))
        loss.backward()
        return [loss.detach(), *(p.grad for p in model.parameters())]

    for ours, theirs in zip(step(mindtorch), step(torch), strict=True):
        assert str(ours.dtype) == str(theirs.dtype) == "torch.float32"
        assert ours.tolist() == pytest.approx(theirs.numpy(), rel=0.05, abs=2e-3)


def test_states_nest_and_end() -> None:
    for t in (torch, mindtorch):
        assert not t.is_autocast_enabled("cpu")
        with t.autocast("cpu", dtype=t.float16):
            assert t.is_autocast_enabled("cpu")
            assert t.get_autocast_dtype("cpu") is t.float16
            with t.autocast("cpu", enabled=False):
                assert not t.is_autocast_enabled("cpu")
                assert (t.ones(2, 2) @ t.ones(2, 2)).dtype is t.float32
            assert (t.ones(2, 2) @ t.ones(2, 2)).dtype is t.float16
        assert t.get_autocast_dtype("cpu") is t.bfloat16
        assert (t.ones(2, 2) @ t.ones(2, 2)).dtype is t.float32


def test_decorator_and_errors_on_the_way() -> None:
    @mindtorch.autocast("cpu")
    def product(x: Any, fail: bool = False) -> Any:
        if fail:
            raise KeyError
        return x @ x

    assert product(mindtorch.ones(2, 2)).dtype is mindtorch.bfloat16
    with pytest.raises(KeyError):
        product(mindtorch.ones(2, 2), True)
    assert not mindtorch.is_autocast_enabled("cpu")


def test_a_thread_of_its_own() -> None:
    found: list[Any] = []
    with mindtorch.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((mindtorch.ones(2, 2) @ mindtorch.ones(2, 2)).dtype))
        thread.start()
        thread.join()
    assert found == [mindtorch.float32]


def test_parameters_are_cast_once() -> None:
    def casts(t: Any) -> int:
        w = t.ones(2, 2, requires_grad=True)
        with t.autocast("cpu"):
            out = (w @ t.ones(2, 2)).sum() + (w @ t.ones(2, 2)).sum()
        out.backward()
        return w.grad.tolist()

    assert casts(mindtorch) == casts(torch)


def test_custom_functions() -> None:
    def run(t: Any) -> list[str]:
        seen: list[str] = []

        class Product(t.autograd.Function):
            @staticmethod
            @t.amp.custom_fwd(device_type="cpu", cast_inputs=t.float32)
            def forward(ctx: Any, a: Any) -> Any:
                seen.append(str((a @ a).dtype))
                return a * 2

            @staticmethod
            @t.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, g: Any) -> Any:
                seen.append(str((g @ g).dtype))
                return g * 2

        x = t.ones(2, 2, requires_grad=True)
        with t.autocast("cpu"):
            Product.apply(x.bfloat16()).sum().backward()
        return seen

    assert run(mindtorch) == run(torch)


def test_what_cannot_be_switched_on() -> None:
    for t in (torch, mindtorch):
        with pytest.warns(UserWarning, match="target dtype is not supported"), t.autocast("cpu", dtype=t.float64):
            assert not t.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        mindtorch.autocast("xyz")
