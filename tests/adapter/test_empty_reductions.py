"""Reductions of tensors without elements give PyTorch's values, gradients and classes of exceptions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import mindtorch
import pytest
import torch
from side_by_side import assert_same, plain

SHAPES = ((0,), (3, 0), (2, 0, 3))
DTYPES = ("float32", "bfloat16", "int64", "uint8", "bool", "complex64")
Reduce = Callable[..., Any]


def _method(name: str, *first: Any, **always: Any) -> Reduce:
    return lambda t, x, *dim, **kwargs: getattr(x, name)(*first, *dim, **always, **kwargs)


def _function(name: str, *first: Any) -> Reduce:
    def call(t: Any, x: Any, *dim: Any, **kwargs: Any) -> Any:
        f = t
        for part in name.split("."):
            f = getattr(f, part)
        return f(x, *first, *dim, **kwargs)

    return call


# By the forms of ``dim`` that they take: any (none, one, several), one (none or one).
ANY = {
    name: _method(name)
    for name in (
        "sum", "mean", "nansum", "nanmean", "amax", "amin", "all", "any", "logsumexp", "var", "std", "count_nonzero",
    )
} | {
    "var correction=0": _method("var", correction=0), "std correction=2": _method("std", correction=2),
    "var_mean": _function("var_mean"), "std_mean": _function("std_mean"), "norm": _method("norm", 2),
    "vector_norm": _function("linalg.vector_norm", 2), "vector_norm inf": _function("linalg.vector_norm", math.inf),
    "sum dtype": lambda t, x, *dim, **kwargs: x.sum(*dim, dtype=t.float64, **kwargs),
    "mean dtype": lambda t, x, *dim, **kwargs: x.mean(*dim, dtype=t.float32, **kwargs),
}  # fmt: skip
ONE = {
    name: _method(name)
    for name in (
        "prod", "max", "min", "argmax", "argmin", "median", "nanmedian", "mode", "sort", "argsort", "msort", "cumsum",
    )
} | {
    "quantile": _method("quantile", 0.5), "nanquantile": _method("nanquantile", 0.5),
    "kthvalue": _method("kthvalue", 1), "topk": _method("topk", 1), "topk 0": _method("topk", 0),
    "aminmax": lambda t, x, *dim, **kwargs: x.aminmax(**({"dim": dim[0]} if dim else {}), **kwargs),
    "unique": lambda t, x, *dim, **kwargs: x.unique(
        return_inverse=True, return_counts=True, **({"dim": dim[0]} if dim else {}), **kwargs
    ),
    "unique_consecutive": lambda t, x, *dim, **kwargs: x.unique_consecutive(
        return_inverse=True, return_counts=True, **({"dim": dim[0]} if dim else {}), **kwargs
    ),
}  # fmt: skip


def _forms(kind: str, keepdim: bool, ndim: int) -> Iterator[tuple[tuple[Any, ...], dict[str, bool]]]:
    """Arguments of a reduction of a tensor of ``ndim`` dimensions; the last dimension is one that it has not."""
    dims: list[tuple[Any, ...]] = [(d,) for d in range(-ndim, ndim + 1)]
    yield (), {}
    if kind == "any":
        yield ((),), {}
        several = [c for n in (1, 2) for c in itertools.combinations(range(ndim), n)]
        dims += [(c,) for c in [*several, (0, -ndim)]]
    for dim in dims:
        yield dim, {}
        if keepdim:
            yield dim, {"keepdim": True}


WITHOUT_KEEPDIM = ("count_nonzero", "sort", "argsort", "msort", "cumsum", "topk", "topk 0", "unique",
                   "unique_consecutive")  # fmt: skip
CASES = [(kind, name) for kind, group in (("any", ANY), ("one", ONE)) for name in group]


def _result(t: Any, f: Reduce, shape: tuple[int, ...], dtype: str, args: Any, kwargs: Any) -> Any:
    """The results, and the gradient of their sum where they have one; or the class of the exception."""
    x = t.zeros(shape, dtype=getattr(t, dtype))
    x.requires_grad_(x.is_floating_point())
    try:
        found = f(t, x, *args, **kwargs)
        outs = [y for y in (found if isinstance(found, tuple) else (found,)) if y.requires_grad]
        if outs:
            sum(y.sum() for y in outs).backward()
    except Exception as error:
        return type(error).__name__
    return plain(list(found) if isinstance(found, tuple) else found), plain(x.grad)


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda x: x.replace(" ", "-"))
@pytest.mark.filterwarnings("ignore")
def test_reductions_of_nothing(kind: str, name: str) -> None:
    f = {"any": ANY, "one": ONE}[kind][name]
    wrong = []
    for shape, dtype in itertools.product(SHAPES, DTYPES):
        for args, kwargs in _forms(kind, dtype == "float32" and name not in WITHOUT_KEEPDIM, len(shape)):
            ours, theirs = (_result(t, f, shape, dtype, args, kwargs) for t in (mindtorch, torch))
            try:
                assert_same(ours, theirs)
            except AssertionError as difference:
                wrong.append(f"{shape} {dtype} {args} {kwargs}: {' '.join(str(difference).split())[:200]}")
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])
