"""Every operator that PyTorch's own operator database knows and mindtorch declares, on the database's samples.

Compared with PyTorch in the same process: structure, shapes, dtypes and values; gradients in float64, against PyTorch's
and against finite differences; the method, the in-place form and ``out=``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch
from mindtorch.ops import FUNCTIONS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import opinfo
    from torch.testing._internal.common_methods_invocations import op_db

# For each list of samples PyTorch looks through the whole stack, sources and all, for a test case of its own.
opinfo.core.extract_test_fn = lambda: None

SAMPLES = 10
DTYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16)
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-7, torch.bfloat16: 2e-2, torch.complex64: 2e-5}

# Why an entry of the database is not run here.
SKIPPED = {
    "where": "the database passes the operands in another order; see test_ops_programs.py",
    "nn.functional.embedding": "the database passes the operands in another order; see test_ops_programs.py",
    "nn.functional.dropout": "random; see test_ops_programs.py",
    "nn.functional.scaled_dot_product_attention": "most samples drop out at random; see test_ops_programs.py",
    "bernoulli": "random", "multinomial": "random", "normal": "random", "rand_like": "random", "randn": "random",
    "randn_like": "random", "randint": "random", "randint_like": "random", "uniform": "random",
    "empty": "the values are not defined", "empty_like": "the values are not defined",
    "empty_strided": "the values are not defined", "new_empty": "the values are not defined",
    "new_empty_strided": "the values are not defined",
}  # fmt: skip
# Positions among equal elements are not defined by PyTorch: only the values are compared.
TIES = {"sort", "argsort", "topk"}
# Samples that mindtorch refuses, by operator: at most these raise NotImplementedError.
PARTIAL = {
    "cumprod": "gradient at zeros",
    "digamma": "gradient",
    "scatter": "reduce=",
    "unique": "dim=",
    "nn.functional.pad": "modes other than constant",
    "norm": "nuclear norm",
    "linalg.norm": "matrix norms other than Frobenius",
    "nn.functional.cosine_similarity": "",
}


# By test, the entries that are not compared here but in tests/parity: random or complex results, several right answers
# (signs of factors, positions of ties), kinks at the samples, or more than rounding in low precision.
IN_PARITY: dict[str, list[str]] = json.loads((Path(__file__).parent / "database_known.json").read_text())


def _entries(test: str, names: Iterable[str]) -> list[str]:
    return sorted(set(names) - set(IN_PARITY.get(test, ())))


def _function(name: str) -> Any:
    module, _, short = name.rpartition(".")
    return FUNCTIONS.get(module, {}).get(short)


ENTRIES = {
    entry.name: entry
    for entry in op_db
    if not entry.variant_test_name and _function(entry.name) is not None and entry.name not in SKIPPED
}


def _ours(x: Any) -> Any:
    """The same value for mindtorch, transposed memory included."""
    if isinstance(x, torch.Tensor):
        t = x.detach()
        order = sorted(range(t.dim()), key=lambda i: -t.stride(i)) if t.numel() else list(range(t.dim()))
        t = t.permute(order)
        array = np.array((t.float() if t.dtype == torch.bfloat16 else t).numpy(), order="C")
        out = mindtorch.tensor(array).permute([order.index(i) for i in range(len(order))])
        return out.to(mindtorch.bfloat16) if x.dtype == torch.bfloat16 else out
    if isinstance(x, (torch.dtype, torch.memory_format)):
        return getattr(mindtorch, str(x).split(".")[1])
    if isinstance(x, torch.device):
        return mindtorch.device(str(x))
    if isinstance(x, (list, tuple)):
        return type(x)(map(_ours, x)) if type(x) in (list, tuple) else tuple(map(_ours, x))
    return {k: _ours(v) for k, v in x.items()} if isinstance(x, dict) else x


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, (list, tuple)):
        for y in x:
            yield from _leaves(y)
    elif isinstance(x, dict):
        yield from _leaves(list(x.values()))
    else:
        yield x


def _numpy(t: Any) -> np.ndarray:
    t = t.detach()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    return t.resolve_neg().numpy() if isinstance(t, torch.Tensor) else t.numpy()


def _compare(ours: Any, theirs: Any, dtype: torch.dtype, only_values: bool = False) -> None:
    a, b = list(_leaves(ours)), list(_leaves(theirs))
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        if not isinstance(y, torch.Tensor):
            assert x == y
            continue
        assert str(x.dtype) == str(y.dtype)
        assert tuple(x.shape) == tuple(y.shape)
        if only_values and y.dtype == torch.int64:
            continue
        tolerance = max(TOLERANCE.get(y.dtype, 0), TOLERANCE.get(dtype, 0) if dtype == torch.bfloat16 else 0)
        np.testing.assert_allclose(_numpy(x), _numpy(y), rtol=tolerance, atol=tolerance, equal_nan=True)


def _samples(entry: Any, dtype: torch.dtype, grad: bool = False) -> list[Any]:
    torch.manual_seed(0)
    return list(entry.sample_inputs("cpu", dtype, requires_grad=grad))[:SAMPLES]


def _theirs(entry: Any, sample: Any) -> Any:
    """PyTorch's result, or None where PyTorch itself raises."""
    try:
        return entry.op(sample.input, *sample.args, **sample.kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return None


@pytest.mark.parametrize("name", _entries("test_values", ENTRIES))
def test_values(name: str) -> None:
    entry, function = ENTRIES[name], _function(name)
    compared = 0
    for dtype in DTYPES:
        if dtype not in entry.supported_dtypes("cpu"):
            continue
        for sample in _samples(entry, dtype):
            theirs = _theirs(entry, sample)
            if theirs is None:
                continue
            try:
                ours = function(_ours(sample.input), *_ours(sample.args), **_ours(sample.kwargs))
            except NotImplementedError:
                assert name in PARTIAL
                continue
            if name == "argsort":
                ours = _ours(sample.input).gather(sample.kwargs.get("dim", -1), ours) if ours.dim() else ours
                theirs = sample.input.gather(sample.kwargs.get("dim", -1), theirs) if theirs.dim() else theirs
            _compare(ours, theirs, dtype, only_values=name in TIES)
            compared += 1
    assert compared


def _differentiable(name: str) -> Iterator[tuple[Any, list[Any], list[Any], list[Any], Any]]:
    """Samples with both sides' outputs and leaves, where a gradient exists."""
    entry, function = ENTRIES[name], _function(name)
    for sample in _samples(entry, torch.float64, grad=True):
        theirs = _theirs(entry, sample)
        if theirs is None:
            continue
        given = [sample.input, sample.args, sample.kwargs]
        ours_given = [_ours(x) for x in given]
        leaves = []
        for t, m in zip(_leaves(given), _leaves(ours_given), strict=True):
            if isinstance(t, torch.Tensor) and t.requires_grad:
                leaves.append((t, m.requires_grad_()))
        ours = function(ours_given[0], *ours_given[1], **ours_given[2])
        outs = [
            (m, t) for m, t in zip(_leaves(ours), _leaves(theirs), strict=True)
            if isinstance(t, torch.Tensor) and t.requires_grad
        ]  # fmt: skip
        if outs and leaves:
            call = (function, ours_given)
            yield call, [m for m, _ in outs], [t for _, t in outs], leaves, sample


GRADIENTS = sorted(n for n, e in ENTRIES.items() if e.supports_autograd and torch.float64 in e.supported_dtypes("cpu"))


@pytest.mark.parametrize("name", _entries("test_gradients", GRADIENTS))
def test_gradients(name: str) -> None:
    try:
        for _, ours, theirs, leaves, _ in _differentiable(name):
            assert all(m.requires_grad for m in ours)
            generator = torch.Generator().manual_seed(1)
            cotangents = [torch.randn(t.shape, dtype=t.dtype, generator=generator) for t in theirs]
            expected = torch.autograd.grad(theirs, [t for t, _ in leaves], cotangents, allow_unused=True)
            found = mindtorch.autograd.grad(
                ours, [m for _, m in leaves], [_ours(c) for c in cotangents], allow_unused=True
            )
            for e, f in zip(expected, found, strict=True):
                if e is None or f is None:
                    some = e if e is not None else f
                    assert some is None or not np.any(_numpy(some + 0))
                    continue
                np.testing.assert_allclose(_numpy(f), (e + 0).numpy(), rtol=1e-6, atol=1e-7, equal_nan=True)
    except NotImplementedError:
        assert name in PARTIAL


# Not smooth at the samples, or constant: finite differences say nothing there.
NOT_SMOOTH = {
    "floor", "ceil", "trunc", "round", "sign", "sgn", "frac", "remainder", "fmod", "floor_divide", "nan_to_num",
    "linalg.norm", "linalg.vector_norm", "norm",
}  # fmt: skip


@pytest.mark.parametrize("name", _entries("test_finite_differences", set(GRADIENTS) - NOT_SMOOTH))
def test_finite_differences(name: str) -> None:
    """The backward formula along a random direction, against (f(x + hv) - f(x - hv)) / 2h."""
    step = 1e-6
    try:
        for (function, given), ours, _, leaves, _ in list(_differentiable(name))[:3]:
            rng = np.random.RandomState(2)
            cotangents = [mindtorch.tensor(np.asarray(rng.randn(*m.shape))) for m in ours]
            grads = mindtorch.autograd.grad(ours, [m for _, m in leaves], cotangents, allow_unused=True)
            directions = [mindtorch.tensor(np.asarray(rng.randn(*m.shape))) for _, m in leaves]
            analytic = sum(float((g * v).sum()) for g, v in zip(grads, directions, strict=True) if g is not None)
            values = []
            for sign in (1, -1):
                with mindtorch.no_grad():
                    for (_, m), v in zip(leaves, directions, strict=True):
                        m.add_(v, alpha=sign * step)
                    out = [
                        o for o in _leaves(function(given[0], *given[1], **given[2]))
                        if isinstance(o, mindtorch.Tensor) and o.is_floating_point()
                    ]  # fmt: skip
                    values.append(sum(float((o * c).sum()) for o, c in zip(out, cotangents, strict=True)))
                    for (_, m), v in zip(leaves, directions, strict=True):
                        m.sub_(v, alpha=sign * step)
            numeric = (values[0] - values[1]) / (2 * step)
            if np.isfinite(numeric) and np.isfinite(analytic):
                assert analytic == pytest.approx(numeric, rel=2e-4, abs=2e-4)
    except NotImplementedError:
        assert name in PARTIAL


INPLACE = sorted(n for n, e in ENTRIES.items() if e.inplace_variant is not None and "." not in n)


@pytest.mark.parametrize("name", _entries("test_inplace", INPLACE))
def test_inplace(name: str) -> None:
    entry = ENTRIES[name]
    method = entry.inplace_variant.__name__
    for sample in _samples(entry, torch.float32):
        theirs = sample.input.clone()
        try:
            entry.inplace_variant(theirs, *sample.args, **sample.kwargs)
        except (RuntimeError, TypeError, IndexError):
            continue
        ours = _ours(sample.input).clone()
        address, version = ours.data_ptr(), ours._version
        try:
            returned = getattr(ours, method)(*_ours(sample.args), **_ours(sample.kwargs))
        except NotImplementedError:
            assert name in PARTIAL or not hasattr(mindtorch.Tensor, method)
            continue
        assert returned is ours
        assert ours.data_ptr() == address or ours.numel() == 0
        assert ours._version == version + 1
        _compare(ours, theirs, torch.float32)


OUT = sorted(n for n, e in ENTRIES.items() if e.supports_out and torch.float32 in e.supported_dtypes("cpu"))


@pytest.mark.parametrize("name", _entries("test_out", OUT))
def test_out(name: str) -> None:
    entry, function = ENTRIES[name], _function(name)
    for sample in _samples(entry, torch.float32)[:3]:
        theirs = _theirs(entry, sample)
        if not isinstance(theirs, torch.Tensor) or theirs.numel() == 0:
            continue
        out = mindtorch.full(tuple(theirs.shape), 7).to(_ours(theirs.dtype))
        try:
            returned = function(_ours(sample.input), *_ours(sample.args), **_ours(sample.kwargs), out=out)
        except (NotImplementedError, TypeError):  # the operator takes no out=: loud enough
            continue
        assert returned is out
        _compare(out, theirs, torch.float32)
