"""Activation recomputation against PyTorch's: gradients, random numbers, order of events."""

from __future__ import annotations

import contextlib
from typing import Any

import mindtorch
import mindtorch.utils.checkpoint
import pytest

torch = pytest.importorskip("torch")

from side_by_side import leaf, same, same_error  # noqa: E402

BOTH = pytest.mark.parametrize("use_reentrant", [True, False])


def block(lib: Any, log: list[str] | None = None) -> Any:
    """A module with dropout that notes when it runs, and with what grad mode."""
    lib.manual_seed(0)
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(4, 8)
            self.drop = nn.Dropout(0.5)
            self.down = nn.Linear(8, 4)

        def forward(self, x: Any, scale: Any = 1.0) -> Any:
            if log is not None:
                log.append("grad" if lib.is_grad_enabled() else "no_grad")
            return self.down(self.drop(lib.nn.functional.gelu(self.up(x)))) * scale

    return Block()


def run(lib: Any, use_reentrant: bool | None, **kwargs: Any) -> Any:
    """Two blocks, each recomputed (or kept for None); everything that must not depend on it."""
    a, b = block(lib), block(lib)
    lib.manual_seed(7)
    x = leaf(lib, 3, 4)
    if use_reentrant is None:
        out = b(a(x) + x, 2.0)
    else:
        recomputed = lib.utils.checkpoint.checkpoint
        out = recomputed(a, x, use_reentrant=use_reentrant, **kwargs) + x
        out = recomputed(b, out, 2.0, use_reentrant=use_reentrant, **kwargs)
    out.square().sum().backward()
    # The stream of random numbers goes on from where the forward left it.
    return out, x.grad, [p.grad for m in (a, b) for p in m.parameters()], lib.rand(3)


@BOTH
def test_equal_to_pytorch_and_to_keeping_the_activations(use_reentrant: bool) -> None:
    recomputed = same(lambda lib: run(lib, use_reentrant), rtol=1e-5, atol=1e-5)
    kept = same(lambda lib: run(lib, None), rtol=1e-5, atol=1e-5)
    assert str(recomputed) == str(kept)


@BOTH
def test_forward_runs_twice(use_reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        log: list[str] = []
        m = block(lib, log)
        out = lib.utils.checkpoint.checkpoint(m, leaf(lib, 2, 4), use_reentrant=use_reentrant)
        log.append("backward")
        out.sum().backward()
        return log

    expected = ["no_grad", "backward", "grad"] if use_reentrant else ["grad", "backward", "grad"]
    assert same(program) == expected


@BOTH
def test_without_the_random_state_another_mask_is_drawn(use_reentrant: bool) -> None:
    lib = mindtorch
    masks: list[Any] = []

    def drop(x: Any) -> Any:
        out = lib.nn.functional.dropout(x, 0.5)
        masks.append(out.detach() != 0)
        return out * x

    for preserve in (True, False):
        masks.clear()
        lib.manual_seed(0)
        x = lib.ones(200, requires_grad=True)
        lib.utils.checkpoint.checkpoint(
            drop, x, use_reentrant=use_reentrant, preserve_rng_state=preserve
        ).sum().backward()
        assert len(masks) == 2
        assert lib.equal(masks[0], masks[1]) is preserve


@BOTH
def test_several_outputs_and_other_arguments(use_reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        def fn(x: Any, n: int, y: Any, none: Any) -> Any:
            assert none is None
            return x * n, (x * y).sum()

        x, y = leaf(lib, 3), leaf(lib, 3, seed=1, requires_grad=False)
        a, b = lib.utils.checkpoint.checkpoint(fn, x, 3, y, None, use_reentrant=use_reentrant)
        (a.sum() + b).backward()
        return x.grad, y.grad

    same(program)


def test_keyword_arguments_without_reentry() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        out = lib.utils.checkpoint.checkpoint(lambda x, scale: x.exp() * scale, x, scale=3.0, use_reentrant=False)
        out.sum().backward()
        return x.grad

    same(program)
    same_error(
        lambda lib: lib.utils.checkpoint.checkpoint(lambda x: x, leaf(lib, 1), k=1, use_reentrant=True),
        "Unexpected keyword arguments: k",
        ValueError,
    )


def test_autograd_grad_without_reentry() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        out = lib.utils.checkpoint.checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)
        return lib.autograd.grad(out.sum(), x)

    same(program)


def test_autograd_grad_with_reentry_is_refused() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        out = lib.utils.checkpoint.checkpoint(lambda x: x.exp(), x, use_reentrant=True)
        return lib.autograd.grad(out.sum(), x)

    same_error(program, "torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter")


@BOTH
def test_nested(use_reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        recomputed = lib.utils.checkpoint.checkpoint
        x = leaf(lib, 3)

        def inner(x: Any) -> Any:
            return x.exp().sin()

        def outer(x: Any) -> Any:
            return recomputed(inner, x, use_reentrant=use_reentrant).cos() * x

        out = recomputed(outer, x, use_reentrant=use_reentrant)
        out.sum().backward()
        return out, x.grad

    same(program)


def test_context_functions() -> None:
    def program(lib: Any) -> Any:
        log: list[str] = []

        @contextlib.contextmanager
        def noted(name: str) -> Any:
            log.append(name)
            yield
            log.append("end " + name)

        x = leaf(lib, 3)
        out = lib.utils.checkpoint.checkpoint(
            lambda x: x.exp(),
            x,
            use_reentrant=False,
            context_fn=lambda: (noted("forward"), noted("recompute")),
        )
        out.sum().backward()
        return log[:3], x.grad

    same(program)
    same_error(
        lambda lib: lib.utils.checkpoint.checkpoint(
            lambda x: x, leaf(lib, 1), use_reentrant=True, context_fn=contextlib.nullcontext
        ),
        "Passing `context_fn` or `debug` is only supported when use_reentrant=False.",
        ValueError,
    )


def test_a_recomputation_that_differs_is_noticed() -> None:
    def program(lib: Any) -> Any:
        runs: list[int] = []

        def fn(x: Any) -> Any:
            runs.append(1)
            return x.exp().exp() if len(runs) == 1 else x.exp()

        lib.utils.checkpoint.checkpoint(fn, leaf(lib, 3), use_reentrant=False).sum().backward()

    same_error(program, "A different number of tensors was saved during the original forward and recomputation.")


def test_detach_variable() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2)
        a, b, c = lib.utils.checkpoint.detach_variable((x * 2, lib.ones(1), "s"))
        return a, a.requires_grad, a.is_leaf, b.requires_grad, c

    same(program)
    same_error(lambda lib: lib.utils.checkpoint.detach_variable([lib.ones(1)]), "Only tuple of tensors is supported.")


def test_activations_inside_are_not_kept() -> None:
    import gc
    import weakref

    lib = mindtorch
    seen: list[Any] = []

    def fn(x: Any) -> Any:
        middle = x.exp()
        seen.append(weakref.ref(middle))
        return middle.sin()

    gc.disable()
    try:
        for use_reentrant in (True, False):
            seen.clear()
            out = lib.utils.checkpoint.checkpoint(fn, leaf(lib, 3), use_reentrant=use_reentrant)
            assert seen[0]() is None
            out.sum().backward()
            assert len(seen) == 2
    finally:
        gc.enable()
