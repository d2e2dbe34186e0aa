"""Histograms, searching in what is sorted, and reductions of segments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from .._dtype import FLOATING, INTEGRAL, float32, float64, int32, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..return_types import named
from ._prim import Prim
from ._promote import result_type
from ._registry import op, type_name

# ------------------------------------------------------------------ histograms
_histc = Prim("histc", lambda a, bins, low, high: call("histc", a, bins, low, high))


def _bounds(name: str, x: Tensor, low: float, high: float) -> tuple[float, float]:
    """The range to divide: the data's own where none was given, widened where it is a point."""
    if low == high and x.numel() and not x.is_meta:
        low, high = float(x.min()), float(x.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return (low - 1, high + 1) if low == high else (low, high)


@op(out=True)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{type_name(input.dtype)}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    x = input.detach()
    return _histc((x,), int(bins), *_bounds("torch.histc", x, float(min), float(max)))


_histogramdd = Prim("histogramdd", lambda points, weight, *edges: call("histogramdd", points, weight, *edges))


def _histogram(
    name: str, points: Tensor, bins: Sequence[Any], range: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    from .creation import linspace

    edges = []
    for d, b in enumerate(bins):
        if isinstance(b, Tensor):
            edges.append(b.detach())
            continue
        if b <= 0:
            raise RuntimeError(f"{name}(): bins must be > 0, but got {b} for dimension {d}")
        given = (0.0, 0.0) if range is None else (float(range[2 * d]), float(range[2 * d + 1]))
        if range is not None and given[0] > given[1]:
            raise RuntimeError(f"{name}(): min should not exceed max, but got min {given[0]} max {given[1]}")
        low, high = _edges_of(name, points[:, d], given, range is None)
        edges.append(linspace(low, high, int(b) + 1, dtype=points.dtype, device=points.device))
    weights = points.new_ones((points.shape[0],)) if weight is None else weight.detach().reshape(-1)
    if weights.dtype is not points.dtype:
        raise RuntimeError(
            f"{name}(): if weight tensor is provided, input tensor and weight tensor should have the same dtype"
        )
    hist = _histogramdd((points, weights, *edges))
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / (e[1:] - e[:-1]).reshape((-1,) + (1,) * (len(edges) - 1 - d))
    return hist, tuple(edges)


def _edges_of(name: str, x: Tensor, given: tuple[float, float], own: bool) -> tuple[float, float]:
    low, high = given
    if own:
        low, high = (float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"{name}(): dimension 0's range [{low}, {high}] is not finite")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


@op(out=True)
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            "histogramdd(): if weight tensor is provided it should have the same shape as the input tensor excluding "
            "its innermost dimension"
        )
    hist, edges = _histogram("histogram", input.detach().reshape(-1, 1), [bins], range, weight, density)
    return named("histogram")(hist, edges[0])


@op(method=False)
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    if input.dim() < 2:
        raise RuntimeError("histogramdd(): input tensor should have at least 2 dimensions")
    n = input.shape[-1]
    if isinstance(bins, int):
        bins = [bins] * n
    if len(bins) != n:
        raise RuntimeError(
            f"histogramdd(): expected {n} sequences of bin edges for a {n}-dimensional histogram but got {len(bins)}"
        )
    found = _histogram("histogramdd", input.detach().reshape(-1, n), bins, range, weight, density)
    return named("histogramdd")(*found)


_bincount = Prim("bincount", lambda a, n: call("bincount", a, n))


@op()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.dim() == 1 and input.numel() == 0:
        return input.new_zeros((minlength,), dtype=int64)
    if input.dim() != 1 or input.dtype.category > INTEGRAL or int(input.min()) < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return _bincount((input,), int(minlength))
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    weights = weights.detach() if weights.dtype is float32 else weights.detach().to(float64)
    return weights.new_zeros((max(minlength, int(input.max()) + 1),)).index_add(0, input.to(int64), weights)


# ------------------------------------------------------------------ searching
_searchsorted = Prim("searchsorted", lambda b, v, right: call("searchsorted", b, v, right))


@op(method=False, out=True)
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:  # fmt: skip
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while "
                           "right was True")  # fmt: skip
    if sorted_sequence.dim() == 0:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 "
                           "dimension")  # fmt: skip
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise RuntimeError("torch.searchsorted(): boundary and sorter must have the same size")
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    if isinstance(input, Tensor):
        values = input.detach()
    elif sorted_sequence.dim() != 1:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension "
                           "is 1")  # fmt: skip
    else:
        values = sorted_sequence.detach().new_tensor(input)
    if sorted_sequence.dim() != 1 and tuple(sorted_sequence.shape[:-1]) != tuple(values.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sorted_sequence.shape)} and "
            f"input value tensor {list(values.shape)}"
        )
    if isinstance(input, Tensor) and values.dtype is not sorted_sequence.dtype:
        raise RuntimeError(
            "torch.searchsorted(): boundary tensor and input value tensor should have same dtype, but got boundary "
            f"tensor dtype {type_name(sorted_sequence.dtype)} and input value tensor dtype {type_name(values.dtype)}"
        )
    found = _searchsorted((sorted_sequence.detach(), values), right or side == "right")
    return found.to(int32) if out_int32 else found


@op(method=False, out=True)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    if boundaries.dim() != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    if isinstance(input, Tensor) and input.dtype is not boundaries.dtype:
        d = result_type(input, boundaries)
        input, boundaries = input.to(d), boundaries.to(d)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# ------------------------------------------------------------------ segments
_EMPTY = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}


def _reduced(piece: Tensor, reduce: str, initial: float | None) -> Tensor:
    """One segment ``[n, ...]`` reduced over its first dimension."""
    if piece.shape[0] == 0:
        return piece.new_full(piece.shape[1:], _EMPTY[reduce] if initial is None else initial)
    if reduce in ("sum", "mean", "prod"):
        out = piece.prod(0) if reduce == "prod" else piece.sum(0)
        if initial is not None:
            out = out * initial if reduce == "prod" else out + initial
        return out / piece.shape[0] if reduce == "mean" else out
    out = piece.amax(0) if reduce == "max" else piece.amin(0)
    if initial is None:
        return out
    return out.clamp(min=initial) if reduce == "max" else out.clamp(max=initial)


@op(method=False, aliases=("_segment_reduce",))
def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    if reduce not in _EMPTY:
        raise RuntimeError(f"segment_reduce(): unsupported reduction {reduce!r}")
    if indices is not None:
        raise NotImplementedError("torch.segment_reduce(indices=...) is not supported by PyTorch either")
    given = lengths if lengths is not None else offsets
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    axis = _wrap_dim(axis, data.dim())
    if given.dim() - 1 != axis:
        raise RuntimeError("segment_reduce(): Expected axis to be the last dimension of lengths/offsets.")

    from .shape import stack

    if given.is_meta:
        count = given.shape[-1] - (lengths is None)
        return data.sum(axis, keepdim=True).expand((*given.shape[:-1], count, *data.shape[axis + 1 :])).clone()

    def along(x: Tensor, entry: Any) -> Tensor:
        if x.dim() > data.dim() - axis:
            return stack([along(x[i], e) for i, e in enumerate(entry)])
        edges = [0, *itertools.accumulate(entry)] if lengths is not None else entry
        if not unsafe and lengths is not None and (min(entry, default=0) < 0 or edges[-1] != x.shape[0]):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when "
                "!unsafe."
            )
        pieces = [_reduced(x[a:b], reduce, initial) for a, b in itertools.pairwise(edges)]
        return stack(pieces) if pieces else x.new_zeros((0, *x.shape[1:]))

    return along(data, given.tolist())

