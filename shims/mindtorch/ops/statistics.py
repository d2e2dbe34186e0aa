"""Order statistics and histograms: median, mode, quantile, histc, bincount, searchsorted, segment_reduce."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from .._array import Array
from .._dtype import FLOATING, INTEGRAL, float32, float64, int32, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._checks import anywhere
from ._prim import Prim
from ._promote import result_type
from ._registry import op, type_name
from .reduce import _named


def _put_back(c: Any, g: Any, _: Any = None) -> tuple[Any]:
    """The backward of picking one element along a dimension."""
    if g is None:
        return (None,)
    dim, keepdim = c.params[:2]
    index = c.result(1)
    if not keepdim:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return (g.new_zeros(c.shapes[0]).scatter(dim, index, g),)


def _picking(name: str, node_name: str, run: Callable[..., tuple[Array, Array]]) -> Prim:
    """A primitive of values and positions; ``run(array, dim, *params)`` keeps the dimension with size 1."""

    def forward(a: Array, dim: int, keepdim: bool, *params: Any) -> tuple[Array, Array]:
        values, where = run(a, dim, *params)
        if keepdim:
            return values, where
        shape = a.shape[:dim] + a.shape[dim + 1 :]
        return tuple(Array(x.np.reshape(shape), a.device, x.dtype) for x in (values, where))  # type: ignore[return-value]

    return Prim(name, forward, _put_back, save_out=(1,), node_name=node_name)


_kthvalue = _picking("kthvalue", "KthvalueBackward0", lambda a, dim, k: call("kthvalue", a, k, dim))
_mode = _picking("mode", "ModeBackward0", lambda a, dim: call("mode", a, dim))
_MEDIANS = {
    name: _picking(name, f"{name.capitalize()}Backward1", lambda a, dim, skip: call("median", a, dim, skip))
    for name in ("median", "nanmedian")
}


def _picked(name: str, prim: Prim, input: Tensor, dim: int, keepdim: bool, *params: Any) -> Any:
    if input.dim() == 0:
        _wrap_dim(dim, 0)
        return _named(name)(input.clone(), input.new_zeros((), dtype=int64))
    dim = _wrap_dim(dim, input.dim())
    if input._arr.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return _named(name)(*prim((input,), dim, bool(keepdim), *params))


@op(out=True)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    n = input._arr.shape[_wrap_dim(dim, input.dim())] if input.dim() else 1
    if input.dim() and n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))
    return _picked("kthvalue", _kthvalue, input, dim, keepdim, k)


def _whole_median(name: str, skip: bool) -> Prim:
    def forward(a: Array) -> Array:
        flat = Array(a.np.reshape(-1), a.device, a.dtype)
        return Array(call("median", flat, 0, skip)[0].np.reshape(()), a.device, a.dtype)

    def backward(c: Any, g: Tensor) -> tuple[Tensor]:
        x, middle = c.input(0), c.result()
        mask = x.isnan() if anywhere(middle.isnan()) else x == middle
        return (mask.to(g.dtype) * (g / mask.sum()),)

    return Prim(name, forward, backward, save=(0,), save_out=(0,))


def _declare_median(name: str, skip: bool) -> None:
    whole = _whole_median(name, skip)

    @op(name, out=True)
    def declared(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is not None:
            return _picked(name, _MEDIANS[name], input, dim, keepdim, skip)
        if input.numel() == 0:
            lowest = -(2 ** (8 * input.itemsize - 1))
            return input.new_full((), math.nan if input.dtype.category >= FLOATING else lowest)
        return whole((input,))


_declare_median("median", False)
_declare_median("nanmedian", True)


@op(out=True)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    return _picked("mode", _mode, input, dim, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, how: str, skip: bool) -> Tensor:
    if input.dtype not in (float32, float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if how not in INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
        )
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = input.new_tensor(float(q))
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, but got a tensor with dimension {q.dim()}")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if anywhere((q < 0) | (q > 1)):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    flat = dim is None
    d = 0 if flat else _wrap_dim(dim, input.dim())  # type: ignore[arg-type]
    rows = input.reshape(-1) if flat or not input.dim() else input.movedim(d, -1)
    found = _quantile_of_sorted(rows.sort(-1)[0], q, how, skip).movedim(-1, 0)
    if keepdim:
        found = found.reshape((-1,) + (1,) * input.dim()) if flat or not input.dim() else found.unsqueeze(d + 1)
    return found if q.dim() else found.squeeze(0)


def _quantile_of_sorted(rows: Tensor, q: Tensor, how: str, skip: bool) -> Tensor:
    """Quantiles ``[..., q]`` of ascending rows ``[..., n]`` (NaN last)."""
    from .composite import where

    n = rows.shape[-1]
    nans = rows.detach().isnan()
    points = q.reshape(-1)
    missing = nans.sum(-1, keepdim=True)
    last = (points * (n - missing - 1)).clamp(min=0) if skip else points * (n - 1)
    ranks = last if skip else where(missing > 0, float(n - 1), last)
    ranks = ranks.to(rows.dtype)
    if how == "nearest":
        ranks = ranks.round()
    elif how in ("lower", "higher"):
        ranks = ranks.floor() if how == "lower" else ranks.ceil()
    below = ranks.to(int64)
    low = rows.gather(-1, below)
    if how not in ("linear", "midpoint"):
        return low
    weights = (ranks - below) if how == "linear" else ranks.new_full(ranks.shape, 0.5)
    return low.lerp(rows.gather(-1, ranks.ceil().to(int64)), weights)


def _declare_quantile(name: str, skip: bool) -> None:
    @op(name, out=True)
    def declared(
        input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        return _quantile(name, input, q, dim, keepdim, interpolation, skip)


_declare_quantile("quantile", False)
_declare_quantile("nanquantile", True)


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
        edges.append(linspace(low, high, int(b) + 1, dtype=points.dtype))
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
    return _named("histogram", ("hist", "bin_edges"))(hist, edges[0])


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
    return _named("histogramdd", ("hist", "bin_edges"))(*found)


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

