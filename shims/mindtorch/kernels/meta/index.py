"""Shape functions of gathering and scattering."""

from __future__ import annotations

from typing import Any

from ..._array import Array
from ..._dtype import bool as bool_
from ..._dtype import int64
from ._registry import Outline, outline, replaced
from .derived import broadcast


@outline("embedding")
def embedding(weight: Array, indices: Array) -> Outline:
    return indices.shape + weight.shape[1:], weight.dtype


@outline("index_select")
def index_select(x: Array, dim: int, index: Array) -> Outline:
    if not x.shape:
        return x.shape, x.dtype
    return replaced(x.shape, dim, index.shape[0] if index.shape else 1), x.dtype


@outline("gather")
def gather(x: Array, dim: int, index: Array) -> Outline:
    return index.shape, x.dtype


@outline("scatter", "scatter_add", "index_add", "index_put", "index_put_accumulate", "scatter_reduce", "index_reduce")
def written(x: Array, *_: Any) -> Outline:
    """A copy of the first operand with something written to it."""
    return x.shape, x.dtype


@outline("index")
def index(x: Array, items: tuple[Any, ...]) -> Outline:
    """NumPy's rule: the indexed dimensions become the index' shape, in front unless they stand side by side."""
    places = [i for i, item in enumerate(items) if type(item) is Array]
    shape = broadcast(*(items[i].shape for i in places))
    kept = [n for i, n in enumerate(x.shape) if i not in places]
    together = places[-1] - places[0] + 1 == len(places)
    front = places[0] if together else 0
    return (*kept[:front], *shape, *kept[front:]), x.dtype


@outline("searchsorted")
def searchsorted(boundaries: Array, values: Array, right: bool) -> Outline:
    return values.shape, int64


@outline("isin")
def isin(x: Array, *_: Any) -> Outline:
    return x.shape, bool_


@outline("plane_gather")
def plane_gather(x: Array, index: Array) -> Outline:
    return (*x.shape[:2], index.shape[2]), x.dtype


@outline("plane_scatter", "plane_put")
def plane_scatter(g: Array, index: Array, size: int) -> Outline:
    return (*g.shape[:2], size), g.dtype
