"""Operators that PyTorch's operator database does not hold, or holds in another form: small programs run on both sides.

A program takes the library (torch or mindtorch) and returns tensors or plain values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindtorch
import numpy as np
import pytest
import spatial_programs
import test_ops_database as database
import torch
from mindtorch.ops import OPERATORS

A = np.random.RandomState(0).randn(4, 5)
B = np.random.RandomState(1).randn(4, 5)
MATRIX = np.random.RandomState(2).randn(5, 3)
INTS = np.arange(12).reshape(3, 4)


def _x(t: Any, a: np.ndarray = A, grad: bool = False) -> Any:
    return t.tensor(a, requires_grad=grad)


def _grads(t: Any, f: Callable[..., Any], *arrays: np.ndarray) -> list[Any]:
    """The outputs' sum of squares differentiated with respect to every operand."""
    leaves = [_x(t, a, True) for a in arrays]
    out = f(*leaves)
    outs = out if isinstance(out, (tuple, list)) else [out]
    sum((o * o).sum() for o in outs).backward()
    return [*outs, *(leaf.grad for leaf in leaves)]


def _foreach(name: str, *others: Any) -> Callable[[Any], Any]:
    def program(t: Any) -> Any:
        lists = [_x(t, np.abs(A) + 1), _x(t, np.abs(B) + 1)]
        rest = [[_x(t, B), _x(t, A)] if o == "list" else o for o in others]
        out = getattr(t, name)(lists, *rest)
        return list(out) if out is not None else lists

    return program


def _drawn(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A random program from one seed, and the generator's state after it."""

    def program(t: Any) -> Any:
        t.manual_seed(1234)
        return [f(t), t.get_rng_state()]

    return program


def _set(t: Any) -> Any:
    x = t.zeros(2, dtype=t.float64)
    x.set_(_x(t))
    return x


def _getitem(t: Any) -> Any:
    index = t.tensor([2, 0, 0])
    return _grads(
        t,
        lambda x: [
            x[1],
            x[..., 2],
            x[1:3, ::2],
            x[index],
            x[:, index],
            x[index, index],
            x[None, -1],
            x[x > 0],
            x[[0, 1]],
        ],
        A,
    )


def _setitem(t: Any) -> Any:
    x = _x(t).clone()
    x[1] = 7
    x[:, 2] = _x(t, A[:, 0])
    x[t.tensor([0, 3])] = 1.5
    x[x > 1] = -1
    return x


def _amp(t: Any) -> Any:
    grads, found = [_x(t, A.astype("f4")), t.tensor([1.0, float("inf")])], t.zeros(1)
    t._amp_foreach_non_finite_check_and_unscale_(grads, found, t.tensor(0.5))
    return [*grads, found]


def _amp_scale(t: Any) -> Any:
    scale, tracker = t.tensor(8.0), t.zeros((), dtype=t.int32)
    t._amp_update_scale_(scale, tracker, t.zeros(()), 2.0, 0.5, 2)
    t._amp_update_scale_(scale, tracker, t.zeros(()), 2.0, 0.5, 2)
    grown = scale.clone()
    t._amp_update_scale_(scale, tracker, t.ones(()), 2.0, 0.5, 2)
    return [grown, scale, tracker]


def _attention(**kwargs: Any) -> Callable[[Any], Any]:
    def program(t: Any) -> Any:
        arrays = [np.random.RandomState(s).randn(2, 4, 6, 8) for s in range(3)]
        mask = t.tensor(np.random.RandomState(3).rand(6, 6) > 0.3) if kwargs.get("attn_mask") else None
        rest = {k: v for k, v in kwargs.items() if k != "attn_mask"}
        return _grads(
            t, lambda q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, **rest), *arrays
        )

    return program


def _embedding(t: Any) -> Any:
    index = t.tensor([[0, 2], [3, 3]])
    return _grads(
        t, lambda w: [t.nn.functional.embedding(index, w), t.nn.functional.embedding(index, w, padding_idx=3)], A
    )


def _where(t: Any) -> Any:
    m = _x(t) > 0
    return [*_grads(t, lambda a, b: t.where(m, a, b), A, B), t.where(m, 1, _x(t)), *t.where(m), _x(t).where(m, 0)]


PROGRAMS: dict[str, list[Callable[[Any], Any]]] = {
    "__getitem__": [_getitem],
    "__setitem__": [_setitem],
    "__rfloordiv__": [lambda t: 7 // _x(t, INTS + 1)],
    "__rmatmul__": [lambda t: _x(t, MATRIX.T).__rmatmul__(_x(t, MATRIX))],
    "__rmod__": [lambda t: 7 % _x(t, INTS + 1)],
    "__rpow__": [lambda t: _grads(t, lambda x: 2**x, A)],
    "__rtruediv__": [lambda t: _grads(t, lambda x: 2 / x, A)],
    "_amp_foreach_non_finite_check_and_unscale_": [_amp],
    "_amp_update_scale_": [_amp_scale],
    **{
        f"_foreach_{n}{s}": [_foreach(f"_foreach_{n}{s}")]
        for n in ("abs", "exp", "neg", "reciprocal", "sqrt")
        for s in ("", "_")
    },
    **{
        f"_foreach_{n}{s}": [_foreach(f"_foreach_{n}{s}", 2.5), _foreach(f"_foreach_{n}{s}", "list")]
        for n in ("add", "sub", "mul", "div", "pow")
        for s in ("", "_")
    },
    "_foreach_norm": [_foreach("_foreach_norm"), _foreach("_foreach_norm", 1)],
    "_foreach_zero_": [_foreach("_foreach_zero_")],
    "as_tensor": [lambda t: [t.as_tensor(A), t.as_tensor([1, 2]), t.as_tensor(3.5, dtype=t.float64)]],
    **{n: [lambda t, n=n: getattr(_x(t, np.abs(A) * 9), n)()] for n in
       ("bfloat16", "bool", "byte", "char", "double", "float", "half", "int", "long", "short", "cpu", "contiguous")},
    "copy_": [lambda t: _grads(t, lambda a, b: a.clone().copy_(b[0]), A, B)],
    "div": [lambda t: _grads(t, lambda a, b: a.div(b), A, B),
            lambda t: [_x(t).div(_x(t, B), rounding_mode=m) for m in ("floor", "trunc")],
            lambda t: _x(t, INTS - 5).div(3, rounding_mode="trunc")],
    "expand": [lambda t: _grads(t, lambda a: a[:, :1].expand(2, 4, 5), A)],
    "expand_as": [lambda t: _grads(t, lambda a, b: a[:1].expand_as(b) * b, A, B)],
    "fill_": [lambda t: _grads(t, lambda a: a.clone().fill_(2.5) + a, A)],
    "zero_": [lambda t: _grads(t, lambda a: a.clone().zero_() + a, A)],
    "from_numpy": [lambda t: [t.from_numpy(A), t.from_numpy(A.T), t.from_numpy(INTS[:, ::2])]],
    "frombuffer": [lambda t: t.frombuffer(bytearray(A.tobytes()), dtype=t.float64, offset=8, count=5)],
    "is_complex": [lambda t: t.is_complex(_x(t))],
    "is_floating_point": [lambda t: [t.is_floating_point(_x(t)), t.is_floating_point(_x(t, INTS))]],
    "is_signed": [lambda t: [t.is_signed(_x(t)), t.is_signed(_x(t).byte())]],
    "is_tensor": [lambda t: [t.is_tensor(_x(t)), t.is_tensor(3)]],
    "numel": [lambda t: t.numel(_x(t))],
    "max": [lambda t: _grads(t, lambda a: [a.max(), a.max(1)[0], a.max(0, keepdim=True).values], A),
            lambda t: [*_x(t).max(-1), _x(t).max(_x(t, B))]],
    "min": [lambda t: _grads(t, lambda a: [a.min(), a.min(1)[0]], A), lambda t: [*_x(t).min(-1), _x(t).min(_x(t, B))]],
    "meshgrid": [lambda t, i=i: list(t.meshgrid(_x(t, A[0]), _x(t, B[0, :3]), indexing=i)) for i in ("ij", "xy")],
    "new_full": [lambda t: _x(t).new_full((2, 3), 4)],
    "new_ones": [lambda t: _x(t).new_ones(2, 3)],
    "new_zeros": [lambda t: _x(t).new_zeros((2,), dtype=t.int64)],
    "new_tensor": [lambda t: _x(t).new_tensor([1, 2])],
    "pad": [lambda t: _grads(t, lambda a: t.nn.functional.pad(a, (1, 2, 0, 1), value=3.0), A),
            lambda t: t.nn.functional.pad(_x(t), (-1, 2))],
    "pin_memory": [lambda t: _x(t).sum() if t is torch else _x(t).pin_memory().sum()],
    "record_stream": [lambda t: None if t is torch else _x(t).record_stream(None)],
    "cuda": [lambda t: None],  # compared in test_cuda_facade.py
    "repeat": [lambda t: _grads(t, lambda a: a.repeat(2, 1, 3), A)],
    "reshape_as": [lambda t: _grads(t, lambda a: a.t().reshape_as(a), A)],
    "resize_": [lambda t: [_x(t).resize_(2, 3), _x(t).resize_(10)]],
    "resize_as_": [lambda t: _x(t).resize_as_(t.zeros(3, 2))],
    "result_type": [lambda t: str(t.result_type(_x(t), 1)), lambda t: str(t.result_type(_x(t, INTS), 1.0))],
    "set_": [_set],
    "sum_to_size": [lambda t: _grads(t, lambda a: a.sum_to_size(4, 1), A)],
    "tensor": [lambda t: [t.tensor(A), t.tensor([[1, 2], [3, 4]]), t.tensor(True), t.tensor([1.5, 2]), t.tensor([])]],
    "to": [lambda t: _grads(t, lambda a: a.to(t.float32).to(a), A), lambda t: _x(t).to("cpu", t.int32, copy=True)],
    "to_dense": [lambda t: _x(t).to_dense()],
    "type": [lambda t: [_x(t).type(), _x(t).type(t.int64), _x(t).type("torch.FloatTensor")]],
    "type_as": [lambda t: _x(t).type_as(_x(t, INTS))],
    "unfold": [lambda t: _grads(t, lambda a: a.unfold(1, 3, 1), A)],
    "view": [lambda t: _grads(t, lambda a: a.view(2, -1), A), lambda t: _x(t).view(t.int64)],
    "view_as": [lambda t: _grads(t, lambda a: a.view_as(a), A)],
    "_slice": [lambda t: _x(t)[1:3]],
    "where": [_where],
    "embedding": [_embedding],
    "scaled_dot_product_attention": [
        _attention(), _attention(is_causal=True), _attention(attn_mask=True), _attention(scale=0.3),
    ],
    # random
    "rand": [_drawn(lambda t: t.rand(3, 50)), _drawn(lambda t: t.rand(7, dtype=t.float64))],
    "rand_like": [_drawn(lambda t: t.rand_like(t.zeros(40)))],
    "randn": [_drawn(lambda t: t.randn(3, 50)), _drawn(lambda t: t.randn(7))],
    "randn_like": [_drawn(lambda t: t.randn_like(t.zeros(40)))],
    "randint": [_drawn(lambda t: t.randint(3, 100, (50,))), _drawn(lambda t: t.randint(10, (5,), dtype=t.int32))],
    "randint_like": [_drawn(lambda t: t.randint_like(t.zeros(30), 2, 9))],
    "randperm": [_drawn(lambda t: t.randperm(101))],
    "normal": [_drawn(lambda t: t.normal(1.0, 2.0, (40,)))],
    "normal_": [_drawn(lambda t: t.empty(40).normal_(1, 2)), _drawn(lambda t: t.empty(5).normal_())],
    "uniform_": [_drawn(lambda t: t.empty(40).uniform_(-1, 3))],
    "random_": [_drawn(lambda t: t.empty(40).random_()), _drawn(lambda t: t.empty(40).random_(3, 9))],
    "exponential_": [_drawn(lambda t: t.empty(40, dtype=t.float64).exponential_(2.0))],
    "bernoulli": [_drawn(lambda t: t.bernoulli(t.full((60,), 0.3)))],
    "bernoulli_": [_drawn(lambda t: t.empty(60).bernoulli_(0.3))],
    "multinomial": [_drawn(lambda t: t.multinomial(t.tensor([0.1, 0.5, 0.4]), 20, replacement=True))],
    "dropout": [_drawn(lambda t: t.nn.functional.dropout(t.ones(80), 0.3)),
                _drawn(lambda t: t.nn.functional.dropout(t.ones(8), 0.3, training=False))],
}  # fmt: skip


PROGRAMS.update(spatial_programs.PROGRAMS)


PROGRAMS |= {
    "__rlshift__": [lambda t: 3 << t.tensor(INTS)],
    "__rrshift__": [lambda t: 4000 >> t.tensor(INTS)],
    "_log_softmax_backward_data": [
        lambda t: t._log_softmax_backward_data(_x(t), t.log_softmax(_x(t, B), 1), 1, t.float64),
    ],
    "adjoint": [lambda t: t.adjoint(_x(t)) + 0],
    "bartlett_window": [lambda t: t.bartlett_window(9, dtype=t.float64)],
    "blackman_window": [lambda t: t.blackman_window(9, False, dtype=t.float64)],
    "kaiser_window": [lambda t: t.kaiser_window(9, True, 10.0, dtype=t.float64)],
    "cdouble": [lambda t: t.view_as_real(_x(t).float().cdouble())],
    "chain_matmul": [lambda t: t.linalg.multi_dot([_x(t), _x(t, MATRIX), _x(t, MATRIX.T)])],
    "detach_copy": [lambda t: t.detach_copy(_x(t))],
    "select_copy": [lambda t: t.select_copy(_x(t), 1, 2)],
    "slice_copy": [lambda t: t.slice_copy(_x(t), 1, 1, 4, 2)],
    "split_copy": [lambda t: t.split_copy(_x(t), 2, 1)],
    "unsafe_split_with_sizes": [lambda t: t.unsafe_split_with_sizes(_x(t), [1, 4], 1)],
    "swapdims_": [lambda t: (_x(t) + 0).swapdims_(0, 1)],
    "is_conj": [lambda t: t.is_conj(_x(t))],
    "is_neg": [lambda t: t.is_neg(_x(t))],
    "orgqr": [lambda t: t.orgqr(*t.geqrf(_x(t, A.T)))],
    "dropout1d": [lambda t: t.nn.functional.dropout1d(_x(t), 0.3, training=False)],
    "feature_dropout": [lambda t: t.feature_dropout(_x(t), 0.3, False)],
}


@pytest.mark.parametrize(
    ("name", "program"), [pytest.param(n, p, id=f"{n}-{i}") for n, ps in PROGRAMS.items() for i, p in enumerate(ps)]
)
def test_program(name: str, program: Callable[[Any], Any]) -> None:
    database._compare(program(mindtorch), program(torch), torch.float64)


def _by_family(names: set[str]) -> set[str]:
    """Operators on lists, layers of recurrent modules and in-place forms: tested by loops over names or as modules."""
    recurrent = {f"{kind}{cell}" for kind in ("gru", "lstm", "rnn_relu", "rnn_tanh") for cell in ("", "_cell")}
    in_place = {name for name in names if name.endswith("_") and name.rstrip("_") in names}
    return recurrent | in_place | {name for name in names if name.startswith("_foreach_")} | {"index_reduce"}


# The values of these are not defined.
EMPTY = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


def test_every_operator_is_compared() -> None:
    """Each operator is in PyTorch's database, has a program here, or is called by name in another test."""
    compared = {n.rpartition(".")[2] for n in database.ENTRIES} | set(PROGRAMS) | EMPTY
    tests = Path(__file__).resolve().parents[1]
    sources = "\n".join(p.read_text() for folder in ("adapter", "parity") for p in (tests / folder).glob("*.py"))
    called = set(re.findall(r"\w+", sources))
    names = {operator.name for operator in OPERATORS.values()}
    assert names - compared - called - _by_family(names) == set()
