"""MindSpore kernels for CPU hosts: which call serves which kernel, for which dtypes.

An entry stands here when the call gives PyTorch's values on contiguous operands; among the right calls the one that
leaks least and costs least is chosen. Kernels without an entry are served by NumPy; docs/kernels.md gives the reason
for each. Operands are contiguous MindSpore tensors that are not empty.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# MindSpore warns on import about packages that a CPU host does not have; an import that prints is a nuisance.
os.environ.setdefault("GLOG_v", "3")

import mindspore
import numpy as np
from mindspore import mint, ops

from .._dtype import dtype, float32, float64
from .reference.nn import softmax as numpy_softmax

# Each kernel is waited for anyway (in-place writes go through NumPy), and handing kernels to MindSpore's dispatch
# thread only adds its wake-up, up to 2 ms on a host of two cores, to every wait. The failing call itself raises, too.
mindspore.runtime.launch_blocking()

from_numpy: Callable[[Any], Any] = mindspore.Tensor.from_numpy

FLOATS = frozenset({float32, float64})


@dataclass(frozen=True)
class Native:
    """A MindSpore call. `key` is the operand whose dtype decides; `dtypes` are those the call is right for; `least` is
    how many elements the largest operand (a tuple's together) has to have for it to be worth MindSpore's launch."""

    fn: Callable[..., Any]
    dtypes: frozenset[dtype]
    key: int = 0
    least: int = 0


@lru_cache(maxsize=256)
def _primitive(cls: type, *args: Any, **kwargs: Any) -> Any:
    """A primitive with its attributes fixed: passing them at each call costs more and leaks."""
    return cls(*args, **kwargs)


# Up to this size one sum tells, exactly enough, whether each row of a softmax adds up to one.
_SUMMED_ROWS = 1 << 16


def _softmax(x: Any, dim: int) -> Any:
    out = _primitive(ops.Softmax, dim)(x)
    a = out.asnumpy()
    # MindSpore's float32 kernel gives zeros for a row of -inf and for rows after it, and keeps a nan to its own
    # place instead of giving it to the whole row. Such operands are left to NumPy.
    if a.size <= _SUMMED_ROWS:
        right = np.add.reduce(a, axis=None) > a.size / (a.shape[dim] if a.ndim else 1) - 0.5
    else:
        right = np.maximum.reduce(a, axis=dim).min() > 0
    if right:
        return out
    with np.errstate(all="ignore"):
        return from_numpy(numpy_softmax(x.asnumpy(), dim))


def _layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    out, mean, var = _primitive(ops.LayerNorm, -1, -1, eps)(x, weight, bias)
    return out, mean, mint.rsqrt(mint.add(var, eps))


def _matmul(a: Any, b: Any, a_swapped: bool = False, b_swapped: bool = False) -> Any:
    return _primitive(ops.MatMul if a.ndim == 2 else ops.BatchMatMul, a_swapped, b_swapped)(a, b)


# From how many elements on MindSpore's call takes less time than NumPy's (benchmarks/bench_kernels.py, two cores).
# Launching a kernel takes some 100 us.
_HEAVY = 1 << 14
_MEDIUM = 1 << 16
_LIGHT = 1 << 18

NATIVE: dict[str, Native] = {
    # pointwise
    "exp": Native(mint.exp, FLOATS, least=_LIGHT),
    "log": Native(mint.log, FLOATS, least=_MEDIUM),
    "tanh": Native(mint.tanh, frozenset({float64}), least=_HEAVY),  # float32 is off by up to 1e-4
    "sigmoid": Native(mint.sigmoid, FLOATS, least=_HEAVY),
    "erf": Native(mint.erf, FLOATS, least=_HEAVY),
    "silu": Native(mint.nn.functional.silu, FLOATS, least=_HEAVY),
    # products, layers, gathering
    "matmul": Native(_matmul, FLOATS, least=_LIGHT),
    "softmax": Native(_softmax, FLOATS),
    "layer_norm": Native(_layer_norm, frozenset({float32})),  # float64 is computed in float32
    "embedding": Native(lambda weight, indices: ops.gather(weight, indices, 0), FLOATS),
    "index_select": Native(lambda x, dim, index: ops.gather(x, index, dim), FLOATS, least=_LIGHT),
    "cat": Native(lambda xs, dim: mint.cat(xs, dim), FLOATS, least=_MEDIUM),
}
