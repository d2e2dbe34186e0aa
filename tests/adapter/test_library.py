"""Operators that users register, side by side with PyTorch."""

from __future__ import annotations

from typing import Any

import mindtorch
import mindtorch.library
import pytest

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("t", [torch, mindtorch], ids=["torch", "mindtorch"])


@BOTH
def test_custom_op(t: Any) -> None:
    def double(x: Any, times: int) -> Any:
        return x.clone() * (2 * times)

    double.__annotations__ = {"x": t.Tensor, "times": int, "return": t.Tensor}
    op = t.library.custom_op("mt_test_a::double", double, mutates_args=())
    x = t.ones(3)
    assert op(x, 3).tolist() == [6.0] * 3
    assert t.ops.mt_test_a.double(x, 1).tolist() == [2.0] * 3
    assert t.ops.mt_test_a.double.default(x, 1).tolist() == [2.0] * 3
    seen = []

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        seen.append(output.shape[0])
        ctx.times = inputs[1]

    y = t.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        op(y, 2).sum().backward()
    op.register_autograd(lambda ctx, g: (g * 2 * ctx.times, None), setup_context=setup)
    op(y, 5).sum().backward()
    assert y.grad.tolist() == [10.0] * 3
    assert seen == [3]


@BOTH
def test_library(t: Any) -> None:
    library = t.library.Library("mt_test_b", "DEF")
    assert library.define("add_one(Tensor x) -> Tensor") == "add_one"
    with pytest.raises(NotImplementedError, match="mt_test_b::add_one"):
        t.ops.mt_test_b.add_one(t.ones(2))
    library.impl("add_one", lambda x: x + 1, "CompositeImplicitAutograd")
    x = t.ones(2, requires_grad=True)
    t.ops.mt_test_b.add_one(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError):
        library.define("add_one(Tensor x) -> Tensor")
    with pytest.raises(AttributeError, match="no_such_op"):
        t.ops.mt_test_b.no_such_op  # noqa: B018


@BOTH
def test_functions(t: Any) -> None:
    t.library.define("mt_test_c::triple", "(Tensor x) -> Tensor")

    @t.library.impl("mt_test_c::triple", "cpu")
    def triple(x: Any) -> Any:
        return x * 3

    assert t.ops.mt_test_c.triple(t.ones(2)).tolist() == [3.0, 3.0]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="reserved namespace"):
        mindtorch.library.Library("aten", "DEF")
    with pytest.raises(ValueError, match="namespace::name"):
        mindtorch.library.define("triple", "(Tensor x) -> Tensor")
    with pytest.raises(NotImplementedError, match="overloads"):
        mindtorch.library.define("mt_test_d::a.b", "(Tensor x) -> Tensor")
