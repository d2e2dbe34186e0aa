"""Views, in-place writes, version counters and their gradients, side by side with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import assert_same, leaf, plain, same, same_error  # noqa: E402

MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation"

# A view of a (2, 3, 4) tensor, by operator.
VIEWS: dict[str, Callable[[Any, Any], Any]] = {
    "view": lambda x, lib: x.view(4, 6),
    "view_infer": lambda x, lib: x.view(-1, 2),
    "view_as": lambda x, lib: x.view_as(lib.zeros(3, 8)),
    "reshape": lambda x, lib: x.reshape(6, 4),
    "reshape_as": lambda x, lib: x.reshape_as(lib.zeros(24)),
    "flatten": lambda x, lib: x.flatten(1),
    "unflatten": lambda x, lib: x.unflatten(2, (2, 2)),
    "ravel": lambda x, lib: x.ravel(),
    "permute": lambda x, lib: x.permute(2, 0, 1),
    "transpose": lambda x, lib: x.transpose(0, 2),
    "swapaxes": lambda x, lib: lib.swapaxes(x, 0, 1),
    "movedim": lambda x, lib: x.movedim(0, 2),
    "T": lambda x, lib: x[0].T,
    "mT": lambda x, lib: x.mT,
    "t": lambda x, lib: x[1].t(),
    "unsqueeze": lambda x, lib: x.unsqueeze(1),
    "squeeze": lambda x, lib: x[:1].squeeze(0),
    "squeeze_all": lambda x, lib: x[:1, :, :1].squeeze(),
    "narrow": lambda x, lib: x.narrow(2, 1, 2),
    "select": lambda x, lib: x.select(1, -1),
    "slice": lambda x, lib: x[:, 1:, ::2],
    "negative_slice": lambda x, lib: x[:, -2:, :-1],
    "ellipsis": lambda x, lib: x[..., 1],
    "newaxis": lambda x, lib: x[None, :, 0, None],
    "int_index": lambda x, lib: x[1],
    "diagonal": lambda x, lib: x.diagonal(0, 1, 2),
    "diagonal_offset": lambda x, lib: x.diagonal(1, 0, 2),
    "as_strided": lambda x, lib: x.as_strided((3, 2), (4, 1), 2),
    "unfold": lambda x, lib: x.unfold(2, 2, 2),
    "tensor_split": lambda x, lib: x.tensor_split([1, 3], 2)[1],
    "expand": lambda x, lib: x.unsqueeze(0).expand(1, 2, 3, 4),
    "chain": lambda x, lib: x.transpose(0, 1)[1:].unsqueeze(0)[..., 1:].permute(3, 2, 1, 0),
}  # fmt: skip
MULTI: dict[str, Callable[[Any], Any]] = {
    "split": lambda x: x.split(2, 2),
    "split_sizes": lambda x: x.split([1, 3], 2),
    "chunk": lambda x: x.chunk(2, 0),
    "unbind": lambda x: x.unbind(1),
    "iteration": lambda x: tuple(x),
}


def place(v: Any) -> tuple[Any, ...]:
    return tuple(v.shape), tuple(v.stride()), v.storage_offset(), v.is_contiguous(), v._is_view()


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_through_a_view_is_seen_by_the_base_and_by_other_views(name: str) -> None:
    def program(lib: Any) -> Any:
        x = lib.arange(24.0).view(2, 3, 4).clone()
        v, other = VIEWS[name](x, lib), x.view(12, 2)
        where = place(v), v._base is x, v.data_ptr() - x.data_ptr()
        v.mul_(10).add_(1)
        x.sub_(2)
        return where, v, x, other, v._version, x._version, other._version

    same(program)


@pytest.mark.parametrize("name", VIEWS)
def test_the_gradient_of_a_view(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3, 4)
        v = VIEWS[name](x, lib)
        (v * v.sin()).sum().backward()
        return x.grad, v.grad_fn is not None, v.is_leaf

    same(program)


@pytest.mark.parametrize("write", ["mul", "copy", "fill", "self"])
@pytest.mark.parametrize("name", VIEWS)
def test_an_inplace_write_to_a_view_is_differentiated(name: str, write: str) -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(lib, 2, 3, 4), leaf(lib, seed=1)
        base = x * 2
        before = base.view(4, 6)
        v = VIEWS[name](base, lib)
        if write == "mul":
            v.mul_(w)
        elif write == "copy":
            v.copy_(w)
        elif write == "fill":
            v.fill_(3.0)
        else:
            v.mul_(v.sigmoid())
        after = base.view(4, 6)
        out = (base.sin() * base).sum() + (v.cos() * 0.5).sum() + (before * 3 * after).sum()
        out.backward()
        return base, v, before, after, out, x.grad, w.grad, base._version

    same(program)


@pytest.mark.parametrize("name", VIEWS)
def test_an_inplace_write_to_the_base_is_differentiated_through_views(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3, 4)
        base = x.sin()
        v = VIEWS[name](base, lib)
        base.mul_(x)
        base[0] = 1.5
        (v * v).sum().backward()
        return v, x.grad

    same(program)


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_to_a_view_of_a_tensor_that_required_no_grad(name: str) -> None:
    def program(lib: Any) -> Any:
        w = leaf(lib, seed=3)
        base = lib.arange(24.0).view(2, 3, 4).clone()
        v = VIEWS[name](base, lib)
        v.mul_(w)
        flags = base.requires_grad, v.requires_grad, base.is_leaf
        (base * base).sum().backward()
        return base, flags, w.grad

    same(program)


def test_writes_through_a_chain_of_views() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 4, 4), leaf(lib, 4, seed=1)
        base = x.clone()
        a = base.t()
        b = a[1:3]
        c = b.select(1, 2)
        b.mul_(2)
        c.add_(y[:2])
        a[0] = y
        base.exp_()
        d = b.reshape(-1)
        (base.sum() + (a * a).sum() + (b * 3).sum() + c.prod() + d.sum()).backward()
        return base, a, b, c, d, x.grad, y.grad, [t._version for t in (base, a, b, c)]

    same(program)


def test_setitem_forms() -> None:
    def program(lib: Any) -> Any:
        x, y, z = leaf(lib, 4, 5), leaf(lib, 5, seed=1), leaf(lib, seed=2)
        out = x * 1
        out[...] = out * 2
        out[0] = y
        out[1, 2] = z
        out[2:, 1:3] = z
        out[lib.tensor([0, 3]), lib.tensor([1, 4])] = y[:2]
        out[lib.tensor([1, 2])] = y
        out[out > 1.0] = z * 3
        out[lib.tensor([True, False, False, True])] = 0.25
        out[:, 3] = 7
        out[:, None, 0] = y[:4, None]
        (out * out).sum().backward()
        return out, x.grad, y.grad, z.grad, out._version

    same(program)


def test_masked_assignment_of_as_many_values() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 6), leaf(lib, 3, seed=1)
        out = x * 2
        out[lib.tensor([True, False, True, False, False, True])] = y
        out.masked_fill_(lib.tensor([False, True, False, False, False, True]), -1.0)
        (out * lib.arange(6.0)).sum().backward()
        return out, x.grad, y.grad

    same(program)


def test_copy_broadcasts_and_casts() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3, 4), leaf(lib, 4, seed=1)
        d = lib.zeros(3, 4, dtype=lib.float64)
        d.copy_(y)
        base = x * 2
        base[1:].copy_(y.double())
        (d.sum() * 2 + (base * base).sum()).backward()
        i = lib.zeros(4, dtype=lib.int64).copy_(lib.tensor([1.7, -1.7, 2.0, 0.0]))
        return d, base, x.grad, y.grad, i, y.grad.dtype

    same(program)


def test_augmented_assignment_on_items() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3, 3)
        y = x.clone()
        y[0] += 1
        y[:, 1] *= y[:, 2].clone()
        y[lib.tensor([0, 0, 2])] += 1
        y -= x * 0.5
        y /= 2
        y **= 2
        y.sum().backward()
        return y, x.grad, y._version

    same(program)


# ------------------------------------------------------------------ version counters
def test_version_counters_are_shared_by_views_and_detached_tensors_but_not_by_data() -> None:
    def program(lib: Any) -> Any:
        x = lib.zeros(4)
        v, d, p = x[:2], x.detach(), x.data
        trail = []
        for write in (x, v, d, p):
            write.add_(1)
            trail.append([t._version for t in (x, v, d, p)])
        with lib.no_grad():
            x.zero_()
        trail.append(x._version)
        x[0] = 1
        trail.append(x._version)
        y = lib.zeros(2)
        lib.add(y, 1, out=y)
        trail.append(y._version)
        return trail, x, v, d, p

    same(program)


@pytest.mark.parametrize(
    "write", ["base", "view", "detached", "setitem", "out"],
)  # fmt: skip
def test_a_saved_tensor_that_was_written_to_is_an_error(write: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        z = (y * y).sum()
        if write == "base":
            y.add_(1)
        elif write == "view":
            y[:1].zero_()
        elif write == "detached":
            y.detach().zero_()
        elif write == "setitem":
            y[0] = 1
        else:
            lib.add(lib.ones(3), 1, out=y.detach())
        z.backward()

    same_error(program, MODIFIED)


def test_the_error_tells_the_versions() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3)
        y = x.exp()
        y.add_(1)
        y.mul_(1)
        y.sum().backward()

    same_error(program, "[torch.FloatTensor [2, 3]], which is output 0 of")
    same_error(program, "is at version 2; expected version 0 instead")


def test_writes_that_do_not_matter_to_the_backward_are_allowed() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        a = x + 1  # saves nothing
        b = a.sum()
        a.mul_(2)
        c = x * 3
        e = c.exp_()  # saves its result
        f = e.view(3)
        y = x * 1
        (y * y).sum()
        y.data.zero_()  # not seen by the version counter
        b.backward()
        (e.sum() + f.sum()).backward()
        return a, c, x.grad, e is c

    same(program)


@pytest.mark.parametrize("name", ["exp_", "sigmoid_", "tanh_", "sqrt_", "relu_", "abs_", "neg_", "log_", "sin_"])
def test_inplace_pointwise_functions(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 5)
        y = x.abs() + 0.5
        v = y[1:4]
        getattr(v, name)()
        z = x.abs() + 0.5
        getattr(z, name)()
        (y.sum() + (z * 2).sum()).backward()
        return y, v, x.grad

    same(program)


# ------------------------------------------------------------------ errors
def test_leaf_errors() -> None:
    text = "a leaf Variable that requires grad is being used in an in-place operation"
    same_error(lambda lib: leaf(lib, 3).add_(1), text)
    same_error(lambda lib: leaf(lib, 3).__setitem__(0, 1.0), text)
    same_error(lambda lib: leaf(lib, 3).view(3).zero_(), "a view of a leaf Variable that requires grad is being used")
    same_error(lambda lib: leaf(lib, 3).zero_(), text)


def test_leaves_may_be_written_to_without_recording() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        with lib.no_grad():
            x.add_(1)
            x[0] = 5
            x.view(3, 1).mul_(2)
        return x, x.requires_grad, x.is_leaf, x._version

    same(program)


def test_a_view_made_without_recording_must_not_be_written_to_with_recording() -> None:
    def program(lib: Any) -> Any:
        base = leaf(lib, 4) * 2
        with lib.no_grad():
            v = base[1:]
        v.mul_(2)

    same_error(program, "A view was created in no_grad mode and is being modified inplace with grad mode enabled")


def test_a_view_made_without_recording_may_be_written_to_without_recording() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 4)
        base = x * 2
        with lib.no_grad():
            v = base[1:]
            v.mul_(2)
        base.sum().backward()
        return base, v, x.grad, v.requires_grad, v._is_view()

    same(program)


@pytest.mark.parametrize("name", MULTI)
def test_outputs_of_functions_with_several_views(name: str) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3, 4)
        pieces = MULTI[name](x)
        sum((p * i).sum() for i, p in enumerate(pieces, 1)).backward()
        plain = lib.arange(24.0).view(2, 3, 4).clone()
        for i, p in enumerate(MULTI[name](plain)):
            p.add_(i * 100)
        return x.grad, plain, plain._version, [place(p) for p in pieces]

    same(program)
    same_error(
        lambda lib: MULTI[name](leaf(lib, 2, 3, 4) * 1)[0].mul_(2),
        "is a view and is being modified inplace. This view is the output of a function that returns multiple views",
    )
    same_error(lambda lib: MULTI[name](leaf(lib, 2, 3, 4) * 1)[0][0].mul_(2), "returns multiple views")


def test_one_of_several_views_without_gradient() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 5)
        _, b, _ = x.split(2)
        (b * 2).sum().backward()
        first = x.grad.clone()
        x.unbind(0)[3].backward()
        return first, x.grad

    same(program)


def test_writing_to_an_expanded_tensor_is_an_error() -> None:
    same_error(lambda lib: lib.zeros(1).expand(3).add_(1), "more than one element of the written-to tensor refers to")


def test_a_write_must_not_broadcast_or_change_category() -> None:
    same_error(lambda lib: lib.zeros(3).add_(lib.zeros(2, 3)), "doesn't match the broadcast shape [2, 3]")
    same_error(lambda lib: lib.zeros(3, dtype=lib.int64).add_(1.5), "result type Float can't be cast to")
    same_error(lambda lib: leaf(lib, 3)[:2].detach_(), "Can't detach views in-place")


def test_view_errors() -> None:
    same_error(lambda lib: lib.zeros(2, 3).t().view(6), "view size is not compatible with input tensor's size")
    same_error(lambda lib: lib.zeros(2, 3).view(4), "shape '[4]' is invalid for input of size 6")
    same_error(lambda lib: lib.zeros(6).view(-1, -1), "only one dimension can be inferred")
    same_error(lambda lib: lib.zeros(2).as_strided((3,), (1,)), "out of bounds for storage of size 8")
    same_error(lambda lib: lib.zeros(2)[2], "out of", IndexError)
    same_error(lambda lib: lib.zeros(2)[0, 0], "too many indices for tensor of dimension 1", IndexError)


# ------------------------------------------------------------------ detach, data, base
def test_detach_and_data_share_memory() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 4)
        y = x * 2
        d, p = y.detach(), y.data
        d.mul_(3)
        p.add_(1)
        flags = [(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in (y, d, p)]
        y.sum().backward()
        return y, d, p, flags, x.grad, y.data_ptr() == d.data_ptr() == p.data_ptr()

    same(program)


def test_assigning_data() -> None:
    def program(lib: Any) -> Any:
        x, new = leaf(lib, 3), lib.arange(4.0).view(2, 2)
        old = x.detach()
        x.data = new
        shared = x.data_ptr() == new.data_ptr()
        new.add_(1)
        versions = x._version, new._version
        (x * x).sum().backward()
        return x, old, shared, x.requires_grad, x.grad, versions, x.is_leaf

    same(program)


def test_assigning_data_of_another_dtype() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        x.data = x.data.double()
        (x * 2).sum().backward()
        return x, x.grad, x.dtype

    same(program)


def test_data_of_a_dtype_without_gradients() -> None:
    def program(lib: Any) -> None:
        leaf(lib, 3).data = lib.tensor([1, 2, 3])

    same_error(program, "data set to a tensor that requires gradients must be floating point or complex dtype")


def test_base_of_views() -> None:
    def program(lib: Any) -> Any:
        x = lib.arange(6.0).clone()
        a = x.view(2, 3)
        b = a[0]
        with lib.no_grad():
            c = b[1:]
        return (
            [t._base is x for t in (a, b, c)], x._base is None, [t._is_view() for t in (x, a, b, c, a.clone())],
            a.detach()._is_view(),
        )  # fmt: skip

    same(program)


def test_contiguous_and_reshape_copy_only_where_they_must() -> None:
    def program(lib: Any) -> Any:
        x = lib.arange(12.0).view(3, 4)
        y = x.t()
        return (
            x.contiguous() is x, y.contiguous().data_ptr() == x.data_ptr(), y.reshape(12).data_ptr() == x.data_ptr(),
            x.reshape(12).data_ptr() == x.data_ptr(), y.reshape(2, 2, 3), y.contiguous().stride(), y.clone().stride(),
            x[:, :2].reshape(6), x[:, :2].view(3, 2, 1).stride(), lib.empty(0, 3).stride(), x[1:, 1].stride(),
        )  # fmt: skip

    same(program)


def test_as_strided_and_its_gradient() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3, 4)
        windows = x.as_strided((3, 3, 2), (4, 1, 1))  # overlapping
        (windows * lib.arange(18.0).view(3, 3, 2)).sum().backward()
        y = lib.arange(12.0)[2:]
        return windows, x.grad, y.as_strided((2, 2), (3, 1)), y.as_strided((2,), (2,), 0)

    same(program)


def test_hooks_on_a_tensor_before_and_after_an_inplace_write() -> None:
    def program(lib: Any) -> Any:
        x, seen = leaf(lib, 3), []
        y = x * 2
        y.register_hook(lambda g: seen.append(("before", g.tolist())))
        y.mul_(3)
        y.register_hook(lambda g: seen.append(("after", g.tolist())))
        (y * lib.arange(3.0)).sum().backward()
        return seen, x.grad

    same(program)


def test_retain_grad_follows_an_inplace_write() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        y.retain_grad()
        y.mul_(3)
        (y * 5).sum().backward()
        return y.grad, x.grad, y.retains_grad

    same(program)


def test_an_inplace_write_of_a_constant_leaves_zero_gradients() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 3)
        y = x * 2
        y.copy_(lib.ones(3))
        z = x * 3
        z.zero_()
        flags = y.requires_grad, z.requires_grad
        (y.sum() + z.sum()).backward()
        return flags, x.grad

    same(program)


def test_double_backward_through_an_inplace_write() -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(lib, 4), leaf(lib, 2, seed=1)
        y = x * x
        y[1:3].mul_(w)
        (g,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
        (g * g).sum().backward()
        return g, x.grad, w.grad

    same(program)


def test_gradients_are_not_aliases_of_each_other() -> None:
    def program(lib: Any) -> Any:
        x, y = leaf(lib, 3), leaf(lib, 3, seed=1)
        (x + y).sum().backward()
        x.grad.add_(1)
        z = leaf(lib, 3)
        z.sum().backward()  # an expanded gradient
        z.grad.add_(1)
        return x.grad, y.grad, z.grad, z.grad.stride()

    same(program)


# ------------------------------------------------------------------ random programs
_VIEW_STEPS = {
    "t": lambda x, k: x.transpose(0, -1) if x.dim() > 1 else x.view(-1),
    "flat": lambda x, k: x.reshape(-1),
    "select": lambda x, k: x.select(k % x.dim(), 0) if x.dim() > 1 else x[0:1],
    "narrow": lambda x, k: x.narrow(k % x.dim(), 0, max(1, x.shape[k % x.dim()] - 1)),
    "stride": lambda x, k: x[::2],
    "unsqueeze": lambda x, k: x.unsqueeze(k % (x.dim() + 1)),
    "squeeze": lambda x, k: x.squeeze(0) if x.dim() > 1 else x,
    "detach": lambda x, k: x.detach(),
    "diagonal": lambda x, k: x.diagonal() if x.dim() > 1 else x,
}
_WRITES = {
    "mul_": lambda x, y: x.mul_(1.5),
    "add_": lambda x, y: x.add_(y.sum() * 0.1),
    "tanh_": lambda x, y: x.tanh_(),
    "zero_": lambda x, y: x.zero_(),
    "fill_first": lambda x, y: x.__setitem__(0, 0.5),
    "copy_": lambda x, y: x.copy_(y.mean()),
    "masked": lambda x, y: x.__setitem__(x > 0.3, 0.125),
    "self": lambda x, y: x.mul_(x),
    "index": lambda x, y: x.__setitem__([0], y.max()),
}
_POINTWISE = {
    "sin": lambda x, y: x.contiguous().sin(),
    "mul": lambda x, y: x.contiguous() * y.mean(),
    "exp": lambda x, y: (x.contiguous() * 0.1).exp(),
    "double": lambda x, y: x.contiguous() + x,
    "clone": lambda x, y: x.contiguous().clone(),
}
_STEP = st.tuples(
    st.one_of(
        st.tuples(st.just("view"), st.sampled_from(sorted(_VIEW_STEPS))),
        st.tuples(st.just("write"), st.sampled_from(sorted(_WRITES))),
        st.tuples(st.just("op"), st.sampled_from(sorted(_POINTWISE))),
    ),
    st.integers(0, 7), st.integers(0, 7), st.booleans(),
)  # fmt: skip


def strides(t: Any) -> list[int]:
    """The strides that matter: of dimensions with more than one entry."""
    return [s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1]


def run(lib: Any, steps: list[Any]) -> Any:
    """Apply the steps to a growing list of tensors; tell the values, versions, errors and gradients."""
    x, w = leaf(lib, 3, 4), leaf(lib, 4, seed=1)
    tensors = [x * 1.0, w.clone(), lib.arange(6.0).view(2, 3)]
    trail: list[Any] = []
    for (kind, name), i, j, recorded in steps:
        a, b = tensors[i % len(tensors)], tensors[j % len(tensors)]
        with lib.set_grad_enabled(recorded or kind == "op"):
            try:
                if kind == "view":
                    tensors.append(_VIEW_STEPS[name](a, j))
                elif kind == "op":
                    tensors.append(_POINTWISE[name](a, b))
                else:
                    _WRITES[name](a, b)
            except (RuntimeError, IndexError) as exc:
                trail.append(("error", type(exc).__name__))
    trail.extend((t, strides(t), t._version, t.requires_grad, t._is_view()) for t in tensors)
    try:
        trail.append([t.is_leaf for t in tensors])
        out = sum((t.sin() * (i + 1)).sum() for i, t in enumerate(tensors))
    except RuntimeError:  # a view whose base was written to, of a kind that forbids that
        return [*trail, "forbidden"]
    try:
        out.backward()
    except RuntimeError as exc:
        return [*trail, MODIFIED if MODIFIED in str(exc) else str(exc)]
    return [*trail, [x.grad, w.grad]]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(_STEP, min_size=2, max_size=12))
def test_random_programs_of_views_writes_and_pointwise_operators(steps: list[Any]) -> None:
    theirs, ours = plain(run(torch, steps)), plain(run(mindtorch, steps))
    if theirs[-1] == MODIFIED:
        # mindtorch keeps results of writes through views apart from the memory written to: it may have the gradient
        # where PyTorch has not. The reverse must not happen.
        del theirs[-1], ours[-1]
    assert_same(ours, theirs, rtol=2e-4, atol=1e-5)
