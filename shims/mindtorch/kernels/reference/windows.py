"""Sliding windows over spatial dimensions: what convolutions, unfold and fold share.

Arrays are (N, C, *spatial). ``stride``, ``padding`` and ``dilation`` have one entry per spatial dimension;
``padding`` is the number of zeros on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ._registry import kernel

Ints = tuple[int, ...]
CHUNK = 1 << 23
"""Elements of unfolded input that a convolution holds at a time; larger batches are worked off in parts."""


def output_size(spatial: Ints, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """Number of windows along each dimension."""
    parts = zip(spatial, kernel_size, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in parts)


def padded(x: np.ndarray, padding: Ints, value: float = 0) -> np.ndarray:
    """`x` with `padding` elements of `value` around its spatial dimensions; `x` itself if there are none."""
    if not any(padding):
        return x
    shape = x.shape[:2] + tuple(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
    out = np.full(shape, value, x.dtype)
    out[(..., *(slice(p, p + n) for n, p in zip(x.shape[2:], padding, strict=True)))] = x
    return out


def windows(x: np.ndarray, kernel_size: Ints, out: Ints, stride: Ints, dilation: Ints) -> np.ndarray:
    """A view (N, C, *kernel_size, *out) of an array that is padded already."""
    spatial = x.strides[2:]
    steps = tuple(b * d for b, d in zip(spatial, dilation, strict=True))
    jumps = tuple(b * s for b, s in zip(spatial, stride, strict=True))
    return as_strided(x, x.shape[:2] + kernel_size + out, x.strides[:2] + steps + jumps, writeable=False)


def taps(kernel_size: Ints, out: Ints, stride: Ints, dilation: Ints) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
    """For each position in a window: its index, and the slices of the padded input that it sees."""
    for tap in product(*map(range, kernel_size)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        yield tap, tuple(slice(b, b + (n - 1) * s + 1, s) for b, n, s in zip(starts, out, stride, strict=True))


def _cropped(x: np.ndarray, padding: Ints) -> np.ndarray:
    return x[(..., *(slice(p, n - p) for n, p in zip(x.shape[-len(padding) :], padding, strict=True)))]


@kernel(exact=True)
def unfold(x: np.ndarray, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints) -> np.ndarray:
    """im2col: (N, C * prod(kernel_size), number of windows)."""
    out = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    view = windows(padded(x, padding), kernel_size, out, stride, dilation)
    rows, columns = x.shape[1] * int(np.prod(kernel_size)), int(np.prod(out))
    return np.array(view, order="C").reshape(x.shape[0], rows, columns)


@kernel()
def fold(
    columns: np.ndarray, spatial: Ints, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> np.ndarray:
    """col2im, the adjoint of unfold: overlapping windows add up."""
    out = output_size(spatial, kernel_size, stride, padding, dilation)
    n = columns.shape[0]
    channels = columns.shape[1] // int(np.prod(kernel_size))
    grid = columns.reshape(n, channels, *kernel_size, *out)
    total = np.zeros((n, channels, *(m + 2 * p for m, p in zip(spatial, padding, strict=True))), columns.dtype)
    for tap, place in taps(kernel_size, out, stride, dilation):
        total[(..., *place)] += grid[(slice(None), slice(None), *tap)]
    return np.ascontiguousarray(_cropped(total, padding))


def _batches(n: int, elements: int) -> Iterator[slice]:
    """Parts of a batch of n samples whose unfolded inputs have this many elements each."""
    step = max(1, CHUNK // max(elements, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _columns(x: np.ndarray, kernel_size: Ints, out: Ints, stride: Ints, dilation: Ints, groups: int) -> np.ndarray:
    """Unfolded input by group: (groups, C / groups * prod(kernel_size), N * prod(out))."""
    k = len(kernel_size)
    view = windows(x, kernel_size, out, stride, dilation)
    view = np.moveaxis(view, 0, k + 1)  # (C, *kernel_size, N, *out)
    return np.ascontiguousarray(view).reshape(groups, x.shape[1] // groups * int(np.prod(kernel_size)), -1)


def _by_group(g: np.ndarray, groups: int) -> np.ndarray:
    """(N, O, *out) as (groups, O / groups, N * prod(out))."""
    return np.ascontiguousarray(np.moveaxis(g, 0, 1)).reshape(groups, g.shape[1] // groups, -1)


CACHED = 1 << 16
"""Elements that a convolution by channel works on at a time, so that they stay in the processor's cache."""


def _blocks(n: int, channels: int, elements: int) -> Iterator[tuple[slice, slice]]:
    """Parts of (N, C) planes of this many elements each."""
    step = max(1, min(channels, CACHED // max(elements, 1)))
    for sample in range(n):
        for start in range(0, channels, step):
            yield slice(sample, sample + 1), slice(start, min(start + step, channels))


def _input_by_channel(
    g: np.ndarray, weight: np.ndarray, spatial: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> np.ndarray:
    """convolution_input where every channel has a kernel (C, 1, *kernel_size) of its own.

    Without strides it is a convolution with the kernels turned around; else tap by tap.
    """
    out, kernel_size, dims = g.shape[2:], weight.shape[2:], len(spatial)
    around = tuple(d * (k - 1) - p for k, p, d in zip(kernel_size, padding, dilation, strict=True))
    if set(stride) == {1} and min(around) >= 0 and output_size(out, kernel_size, stride, around, dilation) == spatial:
        turned = np.flip(weight, tuple(range(2, dims + 2)))
        return convolution(g, turned, None, stride, around, dilation, weight.shape[0])
    whole = tuple(m + 2 * p for m, p in zip(spatial, padding, strict=True))
    result = np.zeros((*g.shape[:2], *whole), g.dtype)
    for block in _blocks(*g.shape[:2], int(np.prod(whole))):
        part, total, w = g[block], result[block], weight[block[1], 0]
        product = np.empty_like(part)
        for tap, place in taps(kernel_size, out, stride, dilation):
            np.multiply(part, w[(slice(None), *tap)].reshape(-1, *(1,) * dims), out=product)
            total[(..., *place)] += product
    return np.ascontiguousarray(_cropped(result, padding))


@kernel()
def convolution(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> np.ndarray:
    """(N, C, *spatial) with (O, C / groups, *kernel_size): (N, O, *out), as one matrix product per part and group."""
    kernel_size = weight.shape[2:]
    out = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    x = padded(x, padding)
    result = np.empty((x.shape[0], weight.shape[0], *out), x.dtype)
    flat = weight.reshape(groups, weight.shape[0] // groups, -1)
    for part in _batches(x.shape[0], x.shape[1] * int(np.prod(kernel_size)) * int(np.prod(out))):
        product = flat @ _columns(x[part], kernel_size, out, stride, dilation, groups)
        product = product.reshape(weight.shape[0], part.stop - part.start, *out)
        if bias is not None:
            product += bias.reshape(-1, *(1,) * (len(out) + 1))
        result[part] = np.moveaxis(product, 1, 0)
    return result


@kernel()
def convolution_input(
    g: np.ndarray, weight: np.ndarray, spatial: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> np.ndarray:
    """The adjoint of convolution with respect to its input, which is a transposed convolution: (N, C, *spatial)."""
    kernel_size, out, n = weight.shape[2:], g.shape[2:], g.shape[0]
    channels = weight.shape[1] * groups
    if groups > 1 and channels == weight.shape[0] == groups:
        return _input_by_channel(g, weight, spatial, stride, padding, dilation)
    whole = tuple(m + 2 * p for m, p in zip(spatial, padding, strict=True))
    flat = np.swapaxes(weight.reshape(groups, weight.shape[0] // groups, -1), 1, 2)
    result = np.empty((n, channels, *spatial), g.dtype)
    for part in _batches(n, channels * int(np.prod(kernel_size)) * int(np.prod(out))):
        size = part.stop - part.start
        columns = (flat @ _by_group(g[part], groups)).reshape(channels, *kernel_size, size, *out)
        total = np.zeros((channels, size, *whole), g.dtype)
        for tap, place in taps(kernel_size, out, stride, dilation):
            total[(..., *place)] += columns[(slice(None), *tap)]
        result[part] = np.moveaxis(_cropped(total, padding), 1, 0)
    return result


@kernel()
def convolution_weight(
    x: np.ndarray, g: np.ndarray, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> np.ndarray:
    """The adjoint of convolution with respect to its weight: (O, C / groups, *kernel_size)."""
    out = g.shape[2:]
    per_group = x.shape[1] // groups
    x = padded(x, padding)
    total = np.zeros((groups, g.shape[1] // groups, per_group * int(np.prod(kernel_size))), g.dtype)
    for part in _batches(x.shape[0], x.shape[1] * int(np.prod(kernel_size)) * int(np.prod(out))):
        columns = _columns(x[part], kernel_size, out, stride, dilation, groups)
        total += _by_group(g[part], groups) @ np.swapaxes(columns, 1, 2)
    return total.reshape(g.shape[1], per_group, *kernel_size)
