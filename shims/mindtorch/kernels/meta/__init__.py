"""Kernels on the meta device: shapes and dtypes of results, without data.

Most results' outlines are derived from the NumPy kernels: pointwise ones run on single elements, and those that work
through a batch run on a batch of none. The others have a shape function each. Kernels whose result has a shape that
depends on data have none and raise NotImplementedError, as PyTorch's do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._array import Array
from ..._device import CPU, META
from ..._dtype import int64
from . import arrange, derived, fourier, index, linalg, nn, reduce
from ._registry import OUTLINES, made

__all__ = ["DATA_DEPENDENT", "OUTLINES", "run"]

DATA_DEPENDENT = frozenset({
    "bincount", "histogramdd", "masked_select", "nonzero", "repeat", "unique", "unique_consecutive", "unique_dim",
})  # fmt: skip
"""Kernels that the meta device cannot have."""

_INDEXED = frozenset({
    "embedding", "gather", "index", "index_add", "index_put", "index_put_accumulate", "index_select", "scatter",
    "scatter_add",
})  # fmt: skip
"""Kernels of which an index on the CPU may go with meta operands."""


def run(name: str, args: tuple[Any, ...]) -> Any:
    """The kernel's results as meta arrays. Raises RuntimeError for operands on another device (0-d ones apart), and
    NotImplementedError where there is no shape function."""
    for x in _arrays(args):
        an_index = name in _INDEXED and x.dtype is int64
        if x.device is not META and not (x.device is CPU and (an_index or not x.shape)):
            raise RuntimeError(f"Tensor on device {x.device} is not on the expected device meta!")
    fn = OUTLINES.get(name)
    if fn is not None:
        return made(fn(*args))
    if name in derived.POINTWISE:
        return made(derived.pointwise(name, args))
    why = "what it returns depends on data" if name in DATA_DEPENDENT else "there is no shape function for it"
    raise NotImplementedError(f"aten::{name}: attempted to run this operator with Meta tensors, but {why}")


def _arrays(args: tuple[Any, ...]) -> Iterator[Array]:
    for a in args:
        if type(a) is Array:
            yield a
        elif type(a) is tuple:
            yield from _arrays(a)
