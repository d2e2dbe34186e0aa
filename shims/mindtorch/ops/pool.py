"""Pooling by averages, powers and norms. Averages are linear maps along each spatial dimension."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from .._dtype import FLOATING
from .._tensor import Tensor, wrap
from ._registry import op
from .memory_format import follow
from .planes import AxisMap, axis_map

F = "nn.functional"
Ints = tuple[int, ...]


def sizes(value: Any, dims: int, name: str, function: str) -> Ints:
    """One number for all dimensions, or one for each. Raises RuntimeError for another count."""
    values = tuple(int(v) for v in value) if isinstance(value, Sequence) else (int(value),)
    if len(values) not in (1, dims):
        choices = "a single int" if dims == 1 else f"either a single int, or a tuple of {dims} ints"
        raise RuntimeError(f"{function}: {name} must {'be' if dims == 1 else 'either be'} {choices}")
    return values * dims if len(values) == 1 else values


def batched(input: Tensor, dims: int, function: str) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had one. Raises RuntimeError for other ranks, empty planes."""
    if input.dim() not in (dims + 1, dims + 2) or 0 in tuple(input.shape)[-dims - 1 :]:
        raise RuntimeError(
            f"{function}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got: {list(input.shape)}"
        )
    return (input, True) if input.dim() == dims + 2 else (input.unsqueeze(0), False)


def pooled_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """Number of windows along a dimension; with `ceil_mode` also one that reaches beyond the end, but begins before."""
    out = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil_mode else 0)) // s + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p else out


def check_window(function: str, input: Tensor, k: Ints, s: Ints, p: Ints, d: Ints, ceil_mode: bool) -> Ints:
    """The pooled spatial shape. Raises RuntimeError for settings that PyTorch refuses."""
    if min(k) <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(k)}")
    if min(s) <= 0:
        raise RuntimeError(f"stride should be greater than zero, but got {list(s)}")
    if min(d) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got dilation = {list(d)}")
    if min(p) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(p)}")
    if any(a > (b * (c - 1) + 1) // 2 for a, b, c in zip(p, d, k, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={max(p)}, kernel_size={k[0]} and "
            f"dilation={d[0]}"
        )
    spatial = tuple(input.shape)[-len(k) :]
    out = tuple(pooled_size(*each, ceil_mode) for each in zip(spatial, k, s, p, d, strict=True))
    if min(out) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, tuple(input.shape)[-len(k) - 1 :]))}). Calculated output size: "
            f"({'x'.join(map(str, out))}). Output size is too small"
        )
    return out


def _bands(starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, n: int) -> AxisMap:
    """Rows with `weights[i]` in the columns from `starts[i]` to `ends[i]`."""
    lengths = ends - starts
    columns = np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)] or [np.zeros(0, np.int64)])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return AxisMap(scipy.sparse.csr_matrix((np.repeat(weights, lengths), columns, indptr), shape=(len(starts), n)))


@lru_cache(maxsize=512)
def _average_table(n: int, out: int, k: int, s: int, p: int, counted: str) -> AxisMap:
    """`counted`: what a window is divided by: 'padded' its size with padding, 'inside' without, 'none' nothing."""
    starts = np.arange(out) * s - p
    ends = np.minimum(starts + k, n + p)
    reach = ends - starts
    starts, ends = np.maximum(starts, 0), np.minimum(ends, n)
    by = {"padded": reach, "inside": ends - starts, "none": np.ones(out)}[counted]
    return _bands(starts, ends, 1 / by, n)


def avg_pool(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{dims}d"
    x, had_batch = batched(input, dims, f"{name}()")
    k = sizes(kernel_size, dims, "kernel_size", name)
    s = k if stride in (None, (), []) else sizes(stride, dims, "stride", name)
    p = sizes(padding, dims, "padding", name)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    out = check_window(name, input, k, s, p, (1,) * dims, ceil_mode)
    whole = x.dtype.category < FLOATING
    counted = "none" if whole or divisor_override is not None else "padded" if count_include_pad else "inside"
    source, spatial = x, tuple(x.shape[2:])
    if x.dtype.is_low:  # rounded once, as one pass over the windows does
        x = x.float()
    for i in range(dims):
        x = axis_map(x, _average_table(spatial[i], out[i], k[i], s[i], p[i], counted), i + 2)
    if divisor_override is not None:
        x = x.div(divisor_override, rounding_mode="trunc" if whole else None)
    elif whole:
        how = "padded" if count_include_pad else "inside"
        x = x.div(_window_sizes(spatial, out, k, s, p, how, x), rounding_mode="trunc")
    x = in_format_of(x.to(source.dtype), source)
    return x if had_batch else x.squeeze(0)


def _window_sizes(spatial: Ints, out: Ints, k: Ints, s: Ints, p: Ints, counted: str, like: Tensor) -> Tensor:
    from .creation import from_numpy

    total = np.ones((), np.float64)
    for i in range(len(out)):
        table = _average_table(spatial[i], out[i], k[i], s[i], p[i], counted)
        total = total[..., None] * (1 / table.matrix.max(axis=1).toarray()[:, 0])
    return from_numpy(np.rint(total)).to(like.device, like.dtype)


def in_format_of(x: Tensor, source: Tensor) -> Tensor:
    """A fresh result in the memory format of the input that it comes from."""
    arranged = follow(x._arr, source._arr)
    if arranged is x._arr:
        return x
    if x.requires_grad:
        from .memory_format import suggested_format

        return x.contiguous(memory_format=suggested_format(arranged))
    return wrap(arranged)


@op(method=False)
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


op("avg_pool1d", module=F, method=False)(avg_pool1d)


@op(module=F, method=False, out=True)
def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    return avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@op(module=F, method=False, out=True)
def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    return avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


# ------------------------------------------------------------------ adaptive
@lru_cache(maxsize=512)
def _adaptive_table(n: int, out: int) -> AxisMap:
    i = np.arange(out)
    starts, ends = i * n // max(out, 1), -(-(i + 1) * n // max(out, 1))
    return _bands(starts, ends, 1 / np.maximum(ends - starts, 1), n)


def adaptive_sizes(input: Tensor, output_size: Any, dims: int, function: str) -> Ints:
    """The wanted spatial shape; None keeps a dimension. Raises RuntimeError for a wrong count or rank."""
    values = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,) * dims
    if len(values) != dims:
        raise RuntimeError(f"{function}: output_size must be {dims}")
    if dims > 1 and input.dim() <= dims:
        raise ValueError(f"Input dimension should be at least {dims + 1}")
    if input.dim() not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{function}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {list(input.shape)}"
        )
    spatial = tuple(input.shape)[-dims:]
    if 0 in spatial or (input.dim() == dims + 2 and input.shape[1] == 0):
        raise RuntimeError(
            f"{function}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(input.shape)}"
        )
    out = tuple(n if v is None else int(v) for v, n in zip(values, spatial, strict=True))
    if min(out) < 0:
        raise RuntimeError(f"{function}: elements of output_size must be greater than or equal to 0 but received {out}")
    return out


def adaptive_avg_pool(dims: int, input: Tensor, output_size: Any) -> Tensor:
    out = adaptive_sizes(input, output_size, dims, f"adaptive_avg_pool{dims}d")
    x = input if input.dim() == dims + 2 else input.unsqueeze(0)
    source = x
    if x.dtype.is_low:
        x = x.float()
    for i, m in enumerate(out):
        x = axis_map(x, _adaptive_table(x.shape[i + 2], m), i + 2)
    x = in_format_of(x.to(source.dtype), source)
    return x if input.dim() == dims + 2 else x.squeeze(0)


@op(method=False)
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    return adaptive_avg_pool(1, input, output_size)


op("adaptive_avg_pool1d", module=F, method=False)(adaptive_avg_pool1d)


@op(module=F, method=False, out=True)
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    return adaptive_avg_pool(2, input, output_size)


@op(module=F, method=False, out=True)
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    return adaptive_avg_pool(3, input, output_size)


# ------------------------------------------------------------------ powers
def _lp_pool(dims: int, input: Tensor, p: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    k = sizes(kernel_size, dims, "kernel_size", f"lp_pool{dims}d")
    out = avg_pool(dims, input.pow(p), kernel_size, stride, 0, ceil_mode, True, None)
    return (out.sign() * out.abs().relu()).mul(int(np.prod(k))).pow(1.0 / p)


def _declare_lp_pool(dims: int) -> None:
    @op(f"lp_pool{dims}d", module=F, method=False)
    def declared(
        input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Tensor:
        return _lp_pool(dims, input, norm_type, kernel_size, stride, ceil_mode)


for _dims in (1, 2, 3):
    _declare_lp_pool(_dims)
