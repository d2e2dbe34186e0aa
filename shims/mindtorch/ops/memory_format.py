"""Memory formats: the strides that PyTorch gives to contiguous, channels_last, channels_last_3d and preserved layouts.

A format is a matter of strides alone. ``channels_last`` keeps the shape (N, C, H, W) and puts the elements of a pixel
side by side, as if the memory were (N, H, W, C); ``channels_last_3d`` does the same for (N, C, D, H, W).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array, contiguous_strides, meta_array
from .._device import META
from .._dtype import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format

RANKS = {channels_last: 4, channels_last_3d: 5}


def check_format(fmt: Any, function: str) -> None:
    """Raises TypeError unless `fmt` is a memory format or None."""
    if fmt is not None and not isinstance(fmt, memory_format):
        raise TypeError(f"{function}(): argument 'memory_format' must be torch.memory_format, not {type(fmt).__name__}")


def _inner_to_outer(ndim: int) -> tuple[int, ...]:
    """The dimensions of a channels-last layout, the fastest first: (1, 3, 2, 0) for four."""
    return (1, *range(ndim - 1, 1, -1), 0)


def format_strides(shape: tuple[int, ...], fmt: Any) -> tuple[int, ...]:
    """Strides in elements of a fresh tensor in a format. Raises RuntimeError for a wrong rank or preserve_format."""
    if fmt in (None, contiguous_format):
        return contiguous_strides(shape)
    if fmt is preserve_format:
        raise RuntimeError("unsupported memory format option Preserve")
    rank = RANKS[fmt]
    if len(shape) != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {repr(fmt).removeprefix('torch.')} format")
    strides = [0] * rank
    step = 1
    for d in _inner_to_outer(rank):
        strides[d] = step
        step *= shape[d]
    return tuple(strides)


def in_format(shape: tuple[int, ...], strides: tuple[int, ...], fmt: Any) -> bool:
    """Whether strides are exactly those of channels_last or channels_last_3d (sizes of 1 do not matter)."""
    if len(shape) != RANKS[fmt]:
        return False
    expected = 1
    for d in _inner_to_outer(len(shape)):
        if shape[d] != 1:
            if strides[d] != expected:
                return False
            expected *= shape[d]
    return True


def _like_channels_last(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    if strides[1] == 0:
        return False
    least = 0
    for d in _inner_to_outer(len(shape)):
        if shape[d] == 0 or strides[d] < least or (d == 0 and least == strides[1]):
            return False
        least = strides[d] * max(shape[d], 1)
    return True


def suggested_format(a: Array) -> memory_format:
    """The format that results computed from this array take: channels last where its strides are in that order."""
    if len(a.shape) in (4, 5) and _like_channels_last(a.shape, a.strides):
        return channels_last if len(a.shape) == 4 else channels_last_3d
    return contiguous_format


def preserved_strides(a: Array) -> tuple[int, ...]:
    """``preserve_format``: the array's own strides where it is dense, else dense strides in the same order."""
    if a.is_dense:
        return a.strides
    order = list(range(len(a.shape)))[::-1]
    for i in range(1, len(order)):
        moving = i
        for j in range(i - 1, -1, -1):
            compared = _order(a, order[j], order[moving])
            if compared > 0:
                order[j], order[moving] = order[moving], order[j]
                moving = j
            elif compared < 0:
                break
    strides = [1] * len(order)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(a.shape[d], 1)
    return tuple(strides)


def _order(a: Array, d: int, e: int) -> int:
    """Negative where dimension `d` lies inside `e`, positive where outside, 0 where strides of 0 leave it open."""
    s, t = a.strides[d], a.strides[e]
    if s == 0 or t == 0:
        return 0
    if s != t:
        return -1 if s < t else 1
    return int(a.shape[d] > a.shape[e])


def strides_like(a: Array, fmt: Any) -> tuple[int, ...]:
    """Strides of a copy of `a` in a format; None is preserve_format. Raises RuntimeError for a wrong rank."""
    if fmt is None or fmt is preserve_format:
        return preserved_strides(a)
    return format_strides(a.shape, fmt)


def empty_array(shape: tuple[int, ...], strides: tuple[int, ...], like: Array, d: Any = None) -> Array:
    """Uninitialised dense memory with these strides on the device of `like`."""
    d = d or like.dtype
    n = 0 if 0 in shape else 1 + sum((k - 1) * s for k, s in zip(shape, strides, strict=True))
    flat = Array(np.empty(n, d._np), like.device, d) if like.device is not META else meta_array((n,), d)
    return flat if (n,) == shape and strides == (1,) else flat.as_strided(shape, strides, 0)


def arranged(a: Array, strides: tuple[int, ...]) -> Array:
    """`a` where it has these strides already, else a copy that has."""
    if a.strides == strides:
        return a
    out = empty_array(a.shape, strides, a)
    out.write(a)
    return out


def follow(out: Array, source: Array) -> Array:
    """A fresh result in the format that PyTorch's spatial operators take over from their input."""
    fmt = suggested_format(source)
    return out if fmt is contiguous_format or len(out.shape) != RANKS[fmt] else arranged(
        out, format_strides(out.shape, fmt)
    )  # fmt: skip
