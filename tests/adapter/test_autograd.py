"""The tape and its public face, side by side with PyTorch."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import leaf, same, same_error  # noqa: E402


# ------------------------------------------------------------------ hooks
def test_tensor_hooks_replace_gradients_in_the_order_of_registration() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 3), []
        y = x * 2
        y.register_hook(lambda g: g * 10)
        handle = y.register_hook(lambda g: seen.append("removed"))
        y.register_hook(lambda g: seen.append(g.tolist()))
        x.register_hook(lambda g: g + 1)
        handle.remove()
        (y * lib.arange(3.0)).sum().backward()
        return seen, x.grad

    same(program)


def test_hooks_run_once_on_the_whole_gradient() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 2), []
        x.register_hook(lambda g: seen.append(g.tolist()))
        y = x.sin()
        y.register_hook(lambda g: seen.append(g.tolist()))
        (y * 2 + y * 3).sum().backward()
        x.sum().backward()
        return seen, x.grad

    same(program)


def test_post_accumulate_hooks_see_the_gradient_and_may_clear_it() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 3), []

        def hook(p: Any) -> None:
            seen.append((p is x, p.grad.clone()))
            p.grad = None

        handle = x.register_post_accumulate_grad_hook(hook)
        (x * 2).sum().backward()
        first = x.grad
        handle.remove()
        (x * 3).sum().backward()
        return seen, first, x.grad

    same(program)


def test_node_hooks() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 3), []
        y = x * 2
        y.grad_fn.register_prehook(lambda grads: (grads[0] * 5,))
        y.grad_fn.register_prehook(lambda grads: seen.append(("pre", grads[0].tolist())))
        y.grad_fn.register_hook(lambda ins, outs: seen.append(("post", ins[0].tolist(), outs[0].tolist(), len(ins))))
        y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, *ins[1:]))
        y.sum().backward()
        return seen, x.grad

    same(program)


def test_hooks_on_accumulate_grad() -> None:
    def program(lib: Any) -> Any:
        p, seen = lib.nn.Parameter(leaf(lib, 3).detach()), []
        node = p.expand_as(p).grad_fn.next_functions[0][0]
        node.register_hook(lambda *unused: seen.append(p.grad.tolist()))
        again = p.view_as(p).grad_fn.next_functions[0][0]
        (p * p).sum().backward()
        (p * 3).sum().backward()
        return seen, p.grad, again is node, node.variable is p, node.name().split("::")[-1], node.next_functions

    same(program)


def test_hook_errors() -> None:
    same_error(lambda lib: lib.zeros(3).register_hook(lambda g: g), "cannot register a hook on a tensor that doesn't")
    same_error(
        lambda lib: (leaf(lib, 3) * 2).register_post_accumulate_grad_hook(lambda p: None),
        "post accumulate grad hooks cannot be registered on non-leaf tensors",
    )
    same_error(lambda lib: lib.zeros(3).retain_grad(), "can't retain_grad on Tensor that has requires_grad=False")


def test_retain_grad_sees_what_hooks_made_and_accumulates() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        flags = [y.retains_grad]
        y.retain_grad()
        y.register_hook(lambda g: g * 3)
        flags += [y.retains_grad, x.retains_grad]
        out = (y * y).sum()
        out.backward(retain_graph=True)
        first = y.grad.clone()
        out.backward()
        return flags, first, y.grad, x.grad

    same(program)


# ------------------------------------------------------------------ accumulation
def test_gradients_accumulate_in_place() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        (x * 2).sum().backward()
        kept = x.grad
        (x * x).sum().backward()
        same_tensor = x.grad is kept
        x.grad = None
        (x * 5).sum().backward()
        return same_tensor, kept, x.grad, x.grad.requires_grad

    same(program)


def test_one_leaf_used_many_times() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x
        for i in range(20):
            y = y * 0.9 + x.sin() * i
        y.sum().backward()
        return x.grad

    same(program)


def test_gradient_dtype_and_broadcast_follow_the_leaf() -> None:
    def program(lib: Any) -> Any:
        a, b, c = leaf(lib, 3, 1), leaf(lib, 4, seed=1), leaf(lib, seed=2)
        h = leaf(lib, 4, seed=3).detach().to(lib.bfloat16).requires_grad_(True)
        out = (a * b + c + h.float() * b.double()).sum()
        out.backward()
        return a.grad, b.grad, c.grad, h.grad, h.grad.dtype, out.dtype

    same(program, rtol=1e-4)


def test_assigning_grad() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        x.grad = lib.ones(3)
        (x * 2).sum().backward()
        del x.grad
        return x.grad

    same(program)

    def wrong_size(lib: Any) -> None:
        leaf(lib, 3).grad = lib.ones(4)

    same_error(wrong_size, "size")

    def wrong_kind(lib: Any) -> None:
        leaf(lib, 3).grad = 3

    same_error(wrong_kind, "assigned grad expected to be a Tensor or None but got grad of type", TypeError)


def test_backward_errors() -> None:
    same_error(lambda lib: (leaf(lib, 3) * 2).backward(), "grad can be implicitly created only for scalar outputs")
    same_error(lambda lib: lib.ones(()).backward(), "does not require grad and does not have a grad_fn")
    same_error(lambda lib: (leaf(lib, 3) * 2).backward(lib.ones(4)), "Mismatch in shape: grad_output[0] has a shape of")
    same_error(lambda lib: leaf(lib, 3).sum().backward(inputs=[]), "`inputs` argument to `backward()` cannot be empty")
    same_error(lambda lib: lib.tensor([1, 2]).requires_grad_(), "only Tensors of floating point")

    def change_flag(lib: Any) -> None:
        (leaf(lib, 3) * 2).requires_grad = False

    same_error(change_flag, "you can only change requires_grad flags of leaf variables")


def test_the_second_backward() -> None:
    def twice(lib: Any) -> None:
        x = leaf(lib, 3)
        y = (x * x).sum()
        y.backward()
        y.backward()

    same_error(twice, "Trying to backward through the graph a second time")

    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        z = (x + 1).sum()  # saves nothing: may run again
        z.backward()
        z.backward()
        return x.grad

    same(program)


def test_backward_of_several_tensors_and_of_a_leaf() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        a, b = x * 2, (x * y).sum()
        lib.autograd.backward([a, b], [lib.arange(3.0), None])
        y.backward(lib.ones(3))
        return x.grad, y.grad

    same(program)


def test_backward_with_inputs() -> None:
    def program(lib: Any) -> Any:
        x, y, z = leaf(lib, 3), leaf(lib, 3, seed=1), leaf(lib, 3, seed=2)
        seen = []
        z.register_hook(lambda g: seen.append("z"))
        (x * y * z).sum().backward(inputs=[x, y])
        (x * z).sum().backward(inputs=x)
        return x.grad, y.grad, z.grad, seen

    same(program)


def test_backward_with_inputs_that_are_no_leaves() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        (y * y).sum().backward(inputs=[y])
        return x.grad, y.grad

    same(program)


def test_gradients_of_leaves_are_contiguous() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3, 4)
        (x.t() * lib.arange(12.0).view(4, 3)).sum().backward()
        return x.grad, x.grad.stride(), x.grad.view(-1)

    same(program)


def test_a_hook_must_return_a_tensor() -> None:
    def program(lib: Any) -> None:
        x = leaf(lib, 3)
        x.register_hook(lambda g: 3)
        x.sum().backward()

    same_error(program, "expected Variable, but hook returned 'int'", TypeError)


# ------------------------------------------------------------------ graph
def test_nodes_and_their_edges() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x.exp()
        z = y * x.detach()
        node = z.grad_fn
        return (
            node.name(), [type(f).__name__ for f, _ in node.next_functions], node.next_functions[0][0] is y.grad_fn,
            node.next_functions[1], node is z.grad_fn, x.grad_fn, x.is_leaf, y.is_leaf, z.output_nr,
            x.unbind(0)[2].output_nr, node.metadata,
        )  # fmt: skip

    same(program)


@pytest.mark.parametrize(
    "name", ["add", "mul", "sub", "div", "exp", "sin", "sum", "mean", "view", "transpose", "permute", "select",
             "slice", "matmul", "clone", "relu", "expand", "unsqueeze", "cat"],
)  # fmt: skip
def test_names_of_nodes(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3, 3)
        calls = {
            "add": lambda: x + 1, "mul": lambda: x * x, "sub": lambda: x - x, "div": lambda: x / x, "exp": x.exp,
            "sin": x.sin, "sum": x.sum, "mean": x.mean, "view": lambda: x.view(9),
            "transpose": lambda: x.transpose(0, 1), "permute": lambda: x.permute(1, 0), "select": lambda: x[0],
            "slice": lambda: x[1:], "matmul": lambda: x @ x, "clone": x.clone, "relu": x.relu,
            "expand": lambda: x.expand(2, 3, 3), "unsqueeze": lambda: x.unsqueeze(0),
            "cat": lambda: lib.cat([x, x]),
        }  # fmt: skip
        return calls[name]().grad_fn.name().rstrip("0123456789")

    same(program)


def test_gradient_edges() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        edge = lib.autograd.graph.get_gradient_edge(y)
        return edge.node is y.grad_fn, edge.output_nr, type(lib.autograd.graph.get_gradient_edge(x).node).__name__

    same(program)


# ------------------------------------------------------------------ autograd.grad
def test_grad_does_not_accumulate() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        seen = []
        x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
        mid = x * y
        out = (mid * mid).sum()
        grads = lib.autograd.grad(out, [x, mid, y])
        return grads, x.grad, y.grad, seen

    same(program)


def test_grad_of_unused_inputs() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        a = lib.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)
        b = lib.autograd.grad((x * 2).sum(), [y, x], materialize_grads=True)
        return a, b

    same(program)
    same_error(
        lambda lib: lib.autograd.grad(leaf(lib, 3).sum(), [leaf(lib, 3)]), "appears to not have been used in the graph"
    )
    same_error(lambda lib: lib.autograd.grad(leaf(lib, 3).sum(), [lib.ones(3)]), "does not require grad")


def test_grad_with_grad_outputs_and_of_the_output_itself() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x.sin()
        a = lib.autograd.grad(y, x, lib.arange(3.0), retain_graph=True)
        b = lib.autograd.grad([y, y * 2], [x, y], [lib.ones(3), lib.arange(3.0)])
        c = lib.autograd.grad(x, x, lib.ones(3))
        return a, b, c

    same(program)


FUNCTIONS = {
    "exp": lambda x, lib: x.exp(),
    "tanh": lambda x, lib: x.tanh(),
    "sigmoid": lambda x, lib: x.sigmoid(),
    "div": lambda x, lib: 1 / (x * x + 1),
    "pow": lambda x, lib: x**3,
    "sqrt": lambda x, lib: (x * x + 1).sqrt(),
    "log": lambda x, lib: (x * x + 1).log(),
    "softmax": lambda x, lib: x.softmax(-1) * x,
    "log_softmax": lambda x, lib: x.log_softmax(-1) * x,
    "matmul": lambda x, lib: (x @ x.t()) ** 2,
    "mean": lambda x, lib: x.mean(0) * x,
    "gelu": lambda x, lib: lib.nn.functional.gelu(x),
    "silu": lambda x, lib: lib.nn.functional.silu(x),
    "layer_norm": lambda x, lib: lib.nn.functional.layer_norm(x, (4,)) ** 3,
    "gather": lambda x, lib: x.gather(1, lib.tensor([[0, 1], [2, 3], [1, 1]])) ** 2,
    "index": lambda x, lib: x[lib.tensor([0, 2])] ** 2,
    "cat": lambda x, lib: lib.cat([x, x * x], 1) ** 2,
    "where": lambda x, lib: lib.where(x > 0, x * x, x**3),
    "norm": lambda x, lib: x.norm(),
    "cumsum": lambda x, lib: x.cumsum(1) ** 2,
    "einsum": lambda x, lib: lib.einsum("ij,kj->ik", x, x) ** 2,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_double_backward(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3, 4)
        y = FUNCTIONS[name](x, lib)
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (g.sin() * g).sum().backward()
        return y, g, x.grad

    same(program, rtol=3e-4, atol=3e-5)


def test_third_derivative_and_gradient_penalty() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        g = (x**4).sum()
        out = []
        for _ in range(3):
            (g,) = lib.autograd.grad(g.sum(), x, create_graph=True)
            out.append(g)
        w = leaf(lib, 3, seed=1)
        loss = (w * x).sin().sum()
        loss.backward(create_graph=True)
        penalty = (x.grad * x.grad).sum()
        x.grad, w.grad = None, None
        penalty.backward()
        return out, x.grad, w.grad, penalty

    same(program, rtol=1e-4)


# ------------------------------------------------------------------ autograd.Function
def test_function_saving_inputs_outputs_and_attributes() -> None:
    def program(lib: Any) -> Any:
        class Exp(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, k: float, unused: Any, flag: bool = True) -> Any:
                y = (x * k).exp()
                ctx.k = k
                ctx.save_for_backward(x, y, None)
                ctx.grad_mode = lib.is_grad_enabled()
                return y

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                x, y, nothing = ctx.saved_tensors
                seen.append((ctx.needs_input_grad, nothing, ctx.grad_mode, x.requires_grad, lib.is_grad_enabled()))
                return g * y * ctx.k, None, None, None

        seen: list[Any] = []
        x = leaf(lib, 3)
        y = Exp.apply(x, 0.5, lib.ones(2), False)
        name = y.grad_fn.name()
        (y * 2).sum().backward()
        return y, x.grad, seen, name, type(y.grad_fn).__name__, y.requires_grad

    same(program)


def test_function_double_backward() -> None:
    def program(lib: Any) -> Any:
        class Cube(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return g * 3 * x * x

        x = leaf(lib, 3)
        (g,) = lib.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
        g.sum().backward()
        return g, x.grad

    same(program)


def test_function_with_several_outputs() -> None:
    def program(lib: Any) -> Any:
        class Split(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, materialize: bool) -> Any:
                ctx.set_materialize_grads(materialize)
                index = (x > 0).to(lib.int64)
                kept = x * 7
                ctx.mark_non_differentiable(kept)
                return x * 2, "label", x * 3, index, kept

            @staticmethod
            def backward(ctx: Any, a: Any, label: Any, b: Any, index: Any, kept: Any) -> Any:
                seen.append([None if g is None else g.tolist() for g in (a, b, index, kept)])
                return (a * 2 if a is not None else 0) + (b * 3 if b is not None else 0), None

        seen: list[Any] = []
        x = leaf(lib, 3)
        outs = Split.apply(x, True)
        flags = [o.requires_grad for o in outs if isinstance(o, lib.Tensor)]
        outs[0].sum().backward()
        Split.apply(x, False)[2].sum().backward()
        return seen, flags, outs[1], x.grad

    same(program)


def test_function_that_writes_to_its_input() -> None:
    def program(lib: Any) -> Any:
        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.mark_dirty(x)
                x.mul_(2)
                return x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * 2

        x = leaf(lib, 3)
        y = x * 3
        z = Double.apply(y)
        plain = lib.ones(2)
        w = Double.apply(plain)
        z.sum().backward()
        base = leaf(lib, 4, seed=1)
        copy = base * 1
        Double.apply(copy[1:3])
        copy.sum().backward()
        return z is y, z.grad_fn.name(), y, x.grad, w is plain, w, w.requires_grad, copy, base.grad

    same(program)

    def dirty_leaf(lib: Any) -> None:
        class Zero(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.mark_dirty(x)
                return x.zero_()

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g

        Zero.apply(leaf(lib, 3))

    same_error(dirty_leaf, "a leaf Variable that requires grad has been used in an in-place operation")


def test_function_that_returns_its_input() -> None:
    def program(lib: Any) -> Any:
        class Scale(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, k: float) -> Any:
                ctx.k = k
                return x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * ctx.k, None

        class View(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x.view_as(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * 10

        x = leaf(lib, 3)
        y = Scale.apply(x, 3.0)
        z = View.apply(y)
        z.sum().backward()
        plain = lib.ones(2)
        return y is x, y.data_ptr() == x.data_ptr(), x.grad, Scale.apply(plain, 2.0).requires_grad

    same(program)


def test_function_with_setup_context() -> None:
    def program(lib: Any) -> Any:
        class Mul(lib.autograd.Function):
            @staticmethod
            def forward(a: Any, b: Any, k: int) -> Any:
                return a * b * k

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                a, b, ctx.k = inputs
                ctx.save_for_backward(a, b)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                a, b = ctx.saved_tensors
                return (g * b * ctx.k if ctx.needs_input_grad[0] else None), g * a * ctx.k, None

        a, b = leaf(lib, 3), leaf(lib, 3, seed=1)
        Mul.apply(a, b, 2).sum().backward()
        Mul.apply(a.detach(), b, 2).sum().backward()
        return a.grad, b.grad

    same(program)


def test_function_errors() -> None:
    def make(lib: Any, gradient: Any, once: bool = False) -> Any:
        def backward(ctx: Any, g: Any) -> Any:
            return gradient(g)

        class F(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * 2

        F.backward = staticmethod(lib.autograd.function.once_differentiable(backward) if once else backward)
        return F

    def run(lib: Any, gradient: Any) -> None:
        make(lib, gradient).apply(leaf(lib, 3)).sum().backward()

    same_error(lambda lib: run(lib, lambda g: (g, g)), "incorrect number of gradients")
    same_error(lambda lib: run(lib, lambda g: g[:2]), "invalid gradient at index 0")

    def twice(lib: Any) -> None:
        x = leaf(lib, 3)
        (g,) = lib.autograd.grad((make(lib, lambda g: g * 2, True).apply(x) ** 2).sum(), x, create_graph=True)
        g.sum().backward()

    same_error(twice, "trying to differentiate twice a function that was marked with @once_differentiable")

    def freed(lib: Any) -> None:
        y = make(lib, lambda g: g).apply(leaf(lib, 3)).sum()
        fn = y.grad_fn.next_functions[0][0]
        y.backward()
        _ = fn.saved_tensors

    same_error(freed, "Trying to backward through the graph a second time")


def test_function_whose_gradient_is_none() -> None:
    def program(lib: Any) -> Any:
        class Stop(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, y: Any) -> Any:
                return x + y

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return None, g

        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        mid = x * 2
        Stop.apply(mid, y).sum().backward()
        return x.grad, y.grad

    same(program)


def test_function_that_saved_a_tensor_which_was_written_to() -> None:
    def program(lib: Any) -> None:
        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * ctx.saved_tensors[0] * 2

        y = leaf(lib, 3) * 1
        z = Square.apply(y)
        y.add_(1)
        z.sum().backward()

    same_error(program, "modified by an inplace operation")


# ------------------------------------------------------------------ engine
def test_backward_inside_a_backward() -> None:
    def program(lib: Any) -> Any:
        class Inner(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                with lib.enable_grad():
                    z = x.detach().requires_grad_(True)
                    (z * z * w).sum().backward()
                return g * z.grad

        x, w = leaf(lib, 3), leaf(lib, 3, seed=1)
        (Inner.apply(Inner.apply(x * 2)) * 3).sum().backward()
        return x.grad, w.grad

    same(program)


def test_queue_callback() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 3), []
        engine = lib.autograd.Variable._execution_engine

        def hook(g: Any) -> None:
            seen.append("hook")
            engine.queue_callback(lambda: seen.append(("callback", x.grad.tolist())))

        y = x * 2
        y.register_hook(hook)
        y.sum().backward()
        seen.append("done")
        return seen

    same(program)
    same_error(
        lambda lib: lib.autograd.Variable._execution_engine.queue_callback(lambda: None),
        "Final callbacks can only be installed during backward pass",
    )


def test_an_error_in_a_backward_leaves_the_engine_usable() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2

        def fail(g: Any) -> None:
            raise KeyError("in the hook")

        y.register_hook(fail)
        with pytest.raises(KeyError, match="in the hook"):
            y.sum().backward()
        (x * 3).sum().backward()
        return x.grad, lib.is_grad_enabled()

    same(program)


def test_a_long_chain_needs_no_deep_recursion() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2)
        y = x
        for _ in range(3000):
            y = y + 0.001
        y.sum().backward()
        del y
        return x.grad

    same(program)


# ------------------------------------------------------------------ saved tensor hooks
def test_saved_tensors_hooks() -> None:
    def program(lib: Any) -> Any:
        x, w, seen = leaf(lib, 3), leaf(lib, 3, seed=1), []

        def pack(t: Any) -> Any:
            seen.append(("pack", t.tolist()))
            return t.clone()

        def unpack(t: Any) -> Any:
            seen.append(("unpack", t.tolist()))
            return t

        with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = x.exp()
            z = y * w
        (z * z).sum().backward()
        with lib.autograd.graph.save_on_cpu():
            (x * x).sum().backward()
        return sorted(seen), x.grad, w.grad

    same(program)


# ------------------------------------------------------------------ grad mode
def test_grad_mode_as_context_decorator_and_function() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2)

        @lib.no_grad()
        def off() -> Any:
            return x * 2

        @lib.enable_grad()
        def on() -> Any:
            return x * 2

        @lib.no_grad
        def off_without_call() -> Any:
            return x * 2

        @lib.set_grad_enabled(False)
        def off_too() -> Any:
            return x * 2

        out = [off().requires_grad, on().requires_grad, off_without_call().requires_grad, off_too().requires_grad]
        with lib.no_grad():
            out += [on().requires_grad, (x * 2).requires_grad, x.requires_grad]
            with lib.enable_grad():
                out.append((x * 2).requires_grad)
            with lib.set_grad_enabled(True):
                out.append(lib.is_grad_enabled())
            out.append(lib.is_grad_enabled())
        lib.set_grad_enabled(False)
        out.append(lib.is_grad_enabled())
        lib.set_grad_enabled(True)
        try:
            with lib.no_grad():
                raise KeyError
        except KeyError:
            out.append(lib.is_grad_enabled())
        return out, off.__name__, str(lib.set_grad_enabled(True))

    same(program)


def test_inference_mode() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2)
        with lib.inference_mode():
            a = (x * 2).requires_grad, lib.is_inference_mode_enabled(), lib.is_grad_enabled()
        with lib.inference_mode(False):
            b = (x * 2).requires_grad, lib.is_inference_mode_enabled()

        @lib.inference_mode()
        def f() -> Any:
            return (x * 2).requires_grad

        return a, b, f(), lib.is_inference_mode_enabled(), lib.is_grad_enabled()

    same(program)


def test_grad_mode_of_generators() -> None:
    def program(lib: Any) -> Any:
        @lib.no_grad()
        def numbers() -> Iterator[Any]:
            got = yield lib.is_grad_enabled()
            try:
                yield got, lib.is_grad_enabled()
            except ValueError:
                yield "caught", lib.is_grad_enabled()

        gen = numbers()
        out = [next(gen), lib.is_grad_enabled(), gen.send(5), lib.is_grad_enabled(), gen.throw(ValueError)]
        return [*out, lib.is_grad_enabled(), list(gen)]

    same(program)


def test_grad_mode_belongs_to_its_thread() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(lib, 2)

        def work() -> None:
            seen.append(lib.is_grad_enabled())
            (x * 2).sum().backward()

        with lib.no_grad():
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            seen.append(lib.is_grad_enabled())
        return seen, x.grad

    same(program)


# ------------------------------------------------------------------ lifetimes
@pytest.fixture
def _no_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_gc")
def test_tensors_and_nodes_die_with_the_last_reference() -> None:
    lib = mindtorch
    x = leaf(lib, 3)
    y = x * 2
    z = y.sin()
    w = z.view(3, 1)
    w.add_(2)
    out = (w.sin() * y.view(3, 1)).sum()
    refs = [weakref.ref(t) for t in (y, z, w, out)]
    node = weakref.ref(y.grad_fn)
    del y, z, w
    assert refs[3]() is out
    assert node() is not None
    out.backward()
    del out
    assert [r() for r in refs] == [None] * 4
    assert node() is None
    assert x.grad is not None


@pytest.mark.usefixtures("_no_gc")
def test_what_was_saved_dies_in_the_backward_and_with_an_unused_graph() -> None:
    lib = mindtorch
    x = leaf(lib, 3)
    y = x * 2
    out = (y * y).sum()
    ref = weakref.ref(y)
    del y
    assert ref() is not None
    out.backward()
    assert ref() is None
    y = x.sigmoid()
    array, node = weakref.ref(y), weakref.ref(y.grad_fn)
    del y
    assert array() is None
    assert node() is None


@pytest.mark.usefixtures("_no_gc")
def test_functions_and_checkpoints_make_no_cycles() -> None:
    lib = mindtorch

    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, _ = ctx.saved_tensors
            return g * x * 2

    from mindtorch.utils.checkpoint import checkpoint

    x = leaf(lib, 3)
    for reentrant in (True, False):
        for run in (False, True):
            h = Square.apply(x)
            y = checkpoint(lambda t: (t.exp() * t).sin(), h, use_reentrant=reentrant)
            out = y.sum()
            refs = [weakref.ref(o) for o in (h, y, out, h.grad_fn, y.grad_fn, out.grad_fn)]
            if run:
                out.backward()
            del h, y, out
            assert [r() for r in refs] == [None] * 6, (reentrant, run)


@pytest.mark.usefixtures("_no_gc")
def test_a_leaf_dies_with_its_graph() -> None:
    lib = mindtorch
    x = leaf(lib, 3)
    x.register_hook(lambda g: None)
    ref = weakref.ref(x)
    out = (x * 2).sum()
    del x
    assert ref() is not None
    out.backward()
    del out
    assert ref() is None


# ------------------------------------------------------------------ checkpoint
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        from importlib import import_module

        checkpoint = import_module(lib.__name__ + ".utils.checkpoint").checkpoint
        calls = []

        def block(t: Any, scale: float, other: Any) -> Any:
            calls.append(lib.is_grad_enabled())
            h = lib.nn.functional.dropout(t * w, 0.5, training=True)
            return h.exp() * scale, other * 2 + h

        lib.manual_seed(3)
        x, w = leaf(lib, 4, 5), leaf(lib, 5, seed=1)
        other = lib.ones(4, 5)
        a, b = checkpoint(block, x, 0.5, other, use_reentrant=reentrant)
        before = len(calls)
        drawn = lib.rand(2)
        (a.sum() + (b * b).sum()).backward()
        after = lib.rand(2)
        return a, b, x.grad, w.grad, before, calls, drawn, after

    same(program)


@pytest.mark.parametrize("reentrant", [True, False])
def test_nested_checkpoints_and_modules(reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        from importlib import import_module

        checkpoint = import_module(lib.__name__ + ".utils.checkpoint").checkpoint
        lib.manual_seed(0)
        a, b = lib.nn.Linear(4, 4), lib.nn.Linear(4, 4)
        drop = lib.nn.Dropout(0.3)
        x = leaf(lib, 3, 4)

        def inner(t: Any) -> Any:
            return drop(b(t)).sigmoid()

        def outer(t: Any) -> Any:
            return checkpoint(inner, drop(a(t)), use_reentrant=reentrant) * t

        checkpoint(outer, x, use_reentrant=reentrant).sum().backward()
        return x.grad, [p.grad for m in (a, b) for p in m.parameters()]

    same(program)


def test_checkpoint_refuses_autograd_grad_when_reentrant() -> None:
    def program(lib: Any) -> None:
        from importlib import import_module

        checkpoint = import_module(lib.__name__ + ".utils.checkpoint").checkpoint
        x = leaf(lib, 3)
        lib.autograd.grad(checkpoint(lambda t: t.exp(), x, use_reentrant=True).sum(), x)

    same_error(program, "use_reentrant=True")


def test_checkpoint_without_reentry_works_with_grad_and_keywords() -> None:
    def program(lib: Any) -> Any:
        from importlib import import_module

        checkpoint = import_module(lib.__name__ + ".utils.checkpoint").checkpoint
        x = leaf(lib, 3)
        y = checkpoint(lambda t, k: (t * k).exp(), x, k=2.0, use_reentrant=False)
        return lib.autograd.grad(y.sum(), x)

    same(program)


def test_a_batch_of_gradients_needs_vectors() -> None:
    x = leaf(mindtorch, 3)
    with pytest.raises(ValueError, match="grad_outputs must be of one size in their first dimension"):
        mindtorch.autograd.grad(x.sum(), x, is_grads_batched=True)
