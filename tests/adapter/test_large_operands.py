"""Operands that kernels take in blocks and share between threads, and arithmetic straight into memory: PyTorch's
results, and bit for bit those of the undivided kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from mindtorch import kernels  # noqa: E402
from mindtorch.kernels.reference import KERNELS, _blocks  # noqa: E402
from mindtorch.optim import _adam_on_host  # noqa: E402

ROWS, COLUMNS = 1100, 300  # more than a block, enough for threads to share


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_blocks, "ONE_PASS", _blocks.SHARED)
    before = mindtorch.get_num_threads()
    mindtorch.set_num_threads(2)
    yield
    mindtorch.set_num_threads(before)


def numbers(*shape: int, seed: int = 0, dtype: Any = np.float32) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def both(array: Any) -> tuple[Any, Any]:
    return mindtorch.from_numpy(np.array(array)), torch.from_numpy(np.array(array))


def equal(ours: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert str(ours.dtype) == str(theirs.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("other", [(ROWS, COLUMNS), (ROWS, 1), (COLUMNS,), (1, COLUMNS), (), (1, 1), (3, 1, COLUMNS)])
def test_arithmetic(other: tuple[int, ...], dtype: Any) -> None:
    a, x = both((numbers(ROWS, COLUMNS) * 9).astype(dtype))
    b, y = both((numbers(*other, seed=1) * 9 + 30).astype(dtype))
    for ours, theirs in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (b * a, y * x), (a / b, x / y)):
        equal(ours, theirs)
    equal(a.t() + (b.t() if b.dim() == 2 else 1), x.t() + (y.t() if y.dim() == 2 else 1))
    equal(-a, -x)


@pytest.mark.parametrize("name", ["sigmoid_backward", "tanh_backward", "silu_backward", "gelu_backward", "gelu"])
@pytest.mark.parametrize("by_columns", [False, True])
def test_blocks_change_no_bit(name: str, by_columns: bool) -> None:
    operands = [numbers(ROWS, COLUMNS, seed=seed)[:, :: 1 + by_columns] for seed in range(1 if name == "gelu" else 2)]
    fn = KERNELS[name].fn
    for extra in ((True,), (False,)) if name.startswith("gelu") else ((),):
        found, whole = fn(*operands, *extra), fn.__wrapped__(*operands, *extra)
        np.testing.assert_array_equal(found, whole)
        assert found.dtype == whole.dtype


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax(dim: int) -> None:
    a, x = both(numbers(3, ROWS, COLUMNS))
    g, h = both(numbers(3, ROWS, COLUMNS, seed=1))
    mindtorch.softmax(a.requires_grad_(), dim).backward(g)
    torch.softmax(x.requires_grad_(), dim).backward(h)
    np.testing.assert_allclose(a.grad.numpy(), x.grad.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mask", [(ROWS, COLUMNS), (COLUMNS,), (ROWS, 1), (), (2, ROWS, COLUMNS)])
def test_where_with_a_number(mask: tuple[int, ...]) -> None:
    a, x = both(numbers(ROWS, COLUMNS))
    m, n = both(numbers(*mask, seed=1) > 0) if mask else both(np.array(True))
    equal(mindtorch.where(m, 2.5, a), torch.where(n, 2.5, x))
    equal(mindtorch.where(m, a, 2.5), torch.where(n, x, 2.5))
    equal(mindtorch.where(m, a.long(), 2.5), torch.where(n, x.long(), 2.5))
    if len(mask) < 3:
        equal(a.masked_fill(m, -1e4), x.masked_fill(n, -1e4))
        equal(a.t().masked_fill_(m.t() if m.dim() == 2 else m.any(), 1.0),
              x.t().masked_fill_(n.t() if n.dim() == 2 else n.any(), 1.0))  # fmt: skip


def test_empty_operands() -> None:
    for shape in ((0, 5), (5, 0), (0,)):
        a, x = both(numbers(*shape))
        equal(a.masked_fill(a > 0, 1.0).mul_(2), x.masked_fill(x > 0, 1.0).mul_(2))


def test_threads_in_a_forked_child() -> None:
    a = numbers(ROWS, COLUMNS)
    np.testing.assert_array_equal(KERNELS["mul"].fn(a, a), a * a)
    assert _blocks._pools  # threads do not live on in the child
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(KERNELS["mul"].fn(a, a), a * a) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_error_in_another_thread_is_raised() -> None:
    def fail(rows: slice) -> None:
        if rows.start:
            raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        _blocks.each_block(fail, ROWS, COLUMNS)


def test_threads_raise_no_warnings() -> None:
    a = mindtorch.full((ROWS, COLUMNS), -1.0)
    with np.errstate(all="raise"):
        assert bool((a / 0).isinf().all())
        assert bool(a.sqrt().isnan().all())
        assert bool(a.div_(0.0).isinf().all())


def test_threads_as_the_environment_says() -> None:
    program = "import mindtorch; print(mindtorch.get_num_threads())"
    for variables, wanted in (({"OMP_NUM_THREADS": "3"}, "3"), ({"OMP_NUM_THREADS": "", "MKL_NUM_THREADS": "5"}, "5")):
        env = {**os.environ, **variables, "MINDTORCH_KERNELS": "reference"}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == wanted


NAMES = st.sampled_from(["add_", "sub_", "mul_", "div_"])


@given(
    name=NAMES,
    dtype=st.sampled_from(["float32", "float64", "int64", "bfloat16", "bool", "complex64"]),
    other_dtype=st.sampled_from(["float32", "float64", "int64"]),
    kind=st.sampled_from(["tensor", "row", "0-d", "number", "itself", "window", "flipped window"]),
    alpha=st.sampled_from([None, 1, 2]),
    transposed=st.booleans(),
)
def test_arithmetic_in_place(
    name: str, dtype: str, other_dtype: str, kind: str, alpha: int | None, transposed: bool
) -> None:
    outcomes = []
    for library, index in ((mindtorch, 0), (torch, 1)):
        base = both(numbers(6, 6))[index].to(getattr(library, dtype))
        t = base.t()[1:] if transposed else base[1:]
        other = both(numbers(5, 6, seed=1))[index].to(getattr(library, other_dtype))
        b = {
            "tensor": other, "row": other[0], "0-d": other[0, 0], "number": 3, "itself": t,
            "window": (base.t() if transposed else base)[:-1].clone(), "flipped window": t.flip(0),
        }[kind]  # fmt: skip
        version = t._version
        try:
            options = {"alpha": alpha} if alpha is not None and name in ("add_", "sub_") else {}
            result = getattr(t, name)(b, **options)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            outcomes.append(type(error).__name__)
            continue
        assert result is t
        outcomes.append((t._version - version, base.to(library.complex128).numpy()))
    ours, theirs = outcomes
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert ours[0] == theirs[0]
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6 if dtype != "bfloat16" else 1e-2, equal_nan=True)


def test_arithmetic_of_overlapping_windows_reads_before_it_writes() -> None:
    a = mindtorch.arange(ROWS * COLUMNS, dtype=mindtorch.float32).view(ROWS, COLUMNS)
    wanted = a.numpy()[1:] + a.numpy()[:-1]
    a[1:].add_(a[:-1])
    np.testing.assert_array_equal(a[1:].numpy(), wanted)


def test_arithmetic_in_place_is_counted_and_recorded() -> None:
    a = mindtorch.ones(3)
    before = kernels.COUNTS["add"][1]
    a.add_(1)
    assert kernels.COUNTS["add"][1] == before + 1
    w = mindtorch.ones(3, requires_grad=True)
    b = w * 2
    b.add_(a).mul_(w)
    b.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6, 6, 6])  # (2 w + 2) w
    with mindtorch.profiler.profile() as profile:
        a.add_(1)
    assert any("add" in event.key for event in profile.key_averages())


@given(
    dtype=st.sampled_from([mindtorch.float32, mindtorch.float64]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    decoupled=st.booleans(),
    maximize=st.booleans(),
    betas=st.sampled_from([(0.9, 0.999), (0.3, 0.95)]),
)
def test_adam_in_one_pass_changes_no_bit(
    dtype: Any, weight_decay: float, decoupled: bool, maximize: bool, betas: tuple[float, float]
) -> None:
    results = []
    can_update = _adam_on_host.can_update
    for allowed in (True, False):
        _adam_on_host.can_update = lambda *t, allowed=allowed: allowed and can_update(*t)  # type: ignore[assignment]
        try:
            p = mindtorch.from_numpy(numbers(40, 1000)).to(dtype).requires_grad_()
            options = {"betas": betas, "weight_decay": weight_decay, "maximize": maximize}
            optimizer = mindtorch.optim.Adam([p], decoupled_weight_decay=decoupled, **options)
            for seed in range(3):
                p.grad = mindtorch.from_numpy(numbers(40, 1000, seed=seed)).to(dtype)
                optimizer.step()
            state = optimizer.state[p]
            results.append([x.detach().numpy() for x in (p, state["exp_avg"], state["exp_avg_sq"], state["step"])])
        finally:
            _adam_on_host.can_update = can_update
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((4, 6), (6, 1), 0), ((24,), (1,), 0), ((6, 4), (1, 6), 0), ((2, 3), (12, 2), 1), ((3, 3), (2, 1), 0),
        ((2, 2, 2), (0, 1, 3), 2), ((4, 1, 6), (6, 99, 1), 0),
    ],
)  # fmt: skip
def test_the_gradient_of_as_strided(size: Any, stride: Any, offset: int) -> None:
    grads = []
    for library, index in ((mindtorch, 0), (torch, 1)):
        x = both(numbers(4, 6, dtype=np.float64))[index].requires_grad_()
        y = x.as_strided(size, stride, offset)
        g = both(numbers(*size, seed=1, dtype=np.float64))[index].requires_grad_()
        (first,) = library.autograd.grad((y**3).sum() + (y * g).sum(), x, create_graph=True)
        (second,) = library.autograd.grad((first**2).sum(), x)
        grads.append((first, second))
    for ours, theirs in zip(*grads, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("write", ["masked_fill", "add", "zero", "mul"])
@pytest.mark.parametrize("window", ["whole", "rows", "transposed"])
def test_gradients_through_a_write_into_a_view(write: str, window: str) -> None:
    grads = []
    for index in (0, 1):
        x, w = (both(numbers(4, 6, seed=seed))[index].requires_grad_() for seed in (0, 1))
        base = x * 3
        view = {"whole": base.view(6, 4), "rows": base[1:], "transposed": base.t()}[window]
        if write == "masked_fill":
            view.masked_fill_(view.detach() > 0, 7.0)
        elif write == "zero":
            view.zero_()
        else:
            getattr(view, write + "_")(w.reshape(-1)[: view.numel()].view(view.shape))
        (base * base + view.sum() * 2).sum().backward()
        grads.append((x.grad, w.grad))
    (gx, gw), (hx, hw) = grads
    np.testing.assert_allclose(gx.numpy(), hx.numpy(), rtol=1e-6)
    assert (gw is None) == (hw is None)
    if hw is not None:
        np.testing.assert_allclose(gw.numpy(), hw.numpy(), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.125, -2.0, 0.3, 2])
@pytest.mark.parametrize("beta", [0, 1.0, 0.5])
@pytest.mark.parametrize("inner", [3, 40])
def test_baddbmm(alpha: float, beta: float, inner: int) -> None:
    found = []
    for library, index in ((mindtorch, 0), (torch, 1)):
        base, a, b = (
            both(numbers(*shape, seed=seed, dtype=np.float64))[index].requires_grad_()
            for seed, shape in enumerate(((2, 5, 20), (2, 5, inner), (2, inner, 20)))
        )
        out = library.baddbmm(base, a, b, beta=beta, alpha=alpha)
        (out**2).sum().backward()
        found.append((out, a.grad, b.grad))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10)
