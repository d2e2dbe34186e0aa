"""Pooling by maxima, with the positions of the maxima, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array
from .._dtype import BOOL, int64
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._registry import op, type_name
from .aten import register
from .memory_format import follow
from .planes import at_positions, plane_gather, plane_put
from .pool import Ints, adaptive_sizes, batched, check_window, sizes

F = "nn.functional"


def _maxima(kernel: str) -> Any:
    def forward(x: Array, *settings: Any) -> tuple[Array, Array]:
        values, indices = call(kernel, x, *settings)
        return follow(values, x), follow(indices, x)

    return forward


def _maxima_grad(c: Any, g: Tensor, *_: Any) -> tuple[Any, ...]:
    grad = at_positions(g, c.result(1), tuple(c.shapes[0]))
    return grad, *(None for _ in c.shapes[1:])


_max_pool = Prim("max_pool", _maxima("max_pool"), _maxima_grad, save_out=(1,), node_name="MaxPoolWithIndicesBackward0")
_adaptive = Prim("adaptive_max_pool", _maxima("adaptive_max_pool"), _maxima_grad, save_out=(1,))


def _fractional_array(x: Array, *rest: Any) -> tuple[Array, Array]:
    *starts, kernel_size = rest
    return call("fractional_max_pool", x, kernel_size, *starts)


_fractional = Prim("fractional_max_pool", _fractional_array, _maxima_grad, save_out=(1,))


def _pool(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Tensor, Tensor]:
    name = f"max_pool{dims}d"
    x, had_batch = batched(input, dims, f"{name}()")
    if x.dtype.category == BOOL or x.dtype.is_complex:
        raise RuntimeError(f"\"{name}\" not implemented for '{type_name(x.dtype)}'")
    k = sizes(kernel_size, dims, "kernel_size", name)
    s = k if stride in (None, (), []) else sizes(stride, dims, "stride", name)
    p, d = sizes(padding, dims, "padding", name), sizes(dilation, dims, "dilation", name)
    out = check_window(f"{name}()", input, k, s, p, d, ceil_mode)
    values, indices = _max_pool((x,), k, out, s, p, d)
    return (values, indices) if had_batch else (values.squeeze(0), indices.squeeze(0))


def _declare(dims: int) -> None:
    def with_indices(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = True,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        return _pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode)

    def plain(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Tensor:  # fmt: skip
        return _pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode)[0]

    def functional(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        both = _pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode)
        return both if return_indices else both[0]

    op(f"max_pool{dims}d", method=False)(plain)
    op(f"max_pool{dims}d", module=F, method=False)(functional)
    op(f"max_pool{dims}d_with_indices", module="" if dims == 1 else F, method=False)(with_indices)

    @op(f"max_unpool{dims}d", module=F, method=False)
    def unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Tensor:
        k = sizes(kernel_size, dims, "kernel_size", "max_unpool")
        s = k if stride in (None, (), []) else sizes(stride, dims, "stride", "max_unpool")
        p = sizes(padding, dims, "padding", "max_unpool")
        return _unpool(dims, input, indices, _unpooled_size(input, k, s, p, output_size))


for _dims in (1, 2, 3):
    _declare(_dims)
op("max_pool1d_with_indices", module=F, method=False)(
    lambda input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True: _pool(
        1, input, kernel_size, stride, padding, dilation, ceil_mode
    )
)


def _backward_array(g: Array, x: Array, indices: Array) -> Array:
    n, c, *spatial = x.shape
    found = (n, c, int(np.prod(g.shape[2:])))
    flat = [Array(a.contiguous().np.reshape(found), a.device, a.dtype) for a in (g, indices)]
    out = call("plane_scatter", *flat, int(np.prod(spatial)))
    return follow(Array(out.np.reshape(x.shape), x.device, out.dtype), x)


def _backward_grad(c: Any, gg: Tensor) -> tuple[Any, ...]:
    indices = c.input(2)
    n, channels = indices.shape[:2]
    count, size = int(np.prod(indices.shape[2:])), int(np.prod(gg.shape[2:]))
    taken = plane_gather((gg.reshape((n, channels, size)), indices.reshape((n, channels, count))))
    # The positions are given: the result does not change with the input.
    return taken.view(indices.shape), gg.new_zeros(c.shapes[1]) if c.needs[1] else None, None


_max_pool_backward = Prim("max_pool2d_with_indices_backward", _backward_array, _backward_grad, save=(2,))


@op(module=F, method=False)
def max_pool2d_with_indices_backward(
    grad_output: Tensor, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    indices: Tensor,
) -> Tensor:  # fmt: skip
    """The gradient of ``max_pool2d_with_indices`` for its input."""
    if input.dim() == 4:
        return _max_pool_backward((grad_output, input, indices))
    return _max_pool_backward((grad_output.unsqueeze(0), input.unsqueeze(0), indices.unsqueeze(0))).squeeze(0)


# ------------------------------------------------------------------ unpooling
def _unpooled_size(input: Tensor, k: Ints, s: Ints, p: Ints, output_size: Any) -> Ints:
    """The spatial shape. Raises ValueError when `output_size` is not one that pools to the input's."""
    dims = len(k)
    spatial = tuple(input.shape)[-dims:]
    default = tuple((n - 1) * b + a - 2 * c for n, a, b, c in zip(spatial, k, s, p, strict=True))
    if output_size is None:
        return default
    given = tuple(output_size)
    if len(given) == dims + 2:
        given = given[2:]
    if len(given) != dims:
        raise ValueError(f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a "
                         f"length of '{len(given)}'")  # fmt: skip
    for d in range(dims):
        least, most = default[d] - s[d], default[d] + s[d]
        if not least < given[d] < most:
            raise ValueError(f'invalid output_size "{list(given)}" (dim {d} must be between {least} and {most})')
    return given


def _unpool(dims: int, input: Tensor, indices: Tensor, size: Ints) -> Tensor:
    if indices.dtype is not int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {type_name(indices.dtype)}")
    if input.dim() not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with "
            f"{input.dim()} dimensions."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    total = int(np.prod(size))
    where = indices._arr.np
    if where.size and not indices.is_meta and (where.min() < 0 or where.max() >= total):
        wrong = int(where.min() if where.min() < 0 else where.max())
        raise RuntimeError(
            f"Found an invalid max index: {wrong} (output volumes are of size {'x'.join(map(str, size))}"
        )
    x = input if input.dim() == dims + 2 else input.unsqueeze(0)
    flat = (*x.shape[:2], -1) if x.numel() else (*x.shape[:2], 0)
    out = plane_put((x.reshape(flat), indices.reshape(flat)), total)
    return out.view((*input.shape[:-dims], *size))


# ------------------------------------------------------------------ adaptive
def _declare_adaptive(dims: int) -> None:
    def both(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
        out = adaptive_sizes(input, output_size, dims, f"adaptive_max_pool{dims}d")
        x = input if input.dim() == dims + 2 else input.unsqueeze(0)
        values, indices = _adaptive((x,), out)
        return (values, indices) if input.dim() == dims + 2 else (values.squeeze(0), indices.squeeze(0))

    def functional(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        values, indices = both(input, output_size)
        return (values, indices) if return_indices else values

    def with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> tuple[Tensor, Tensor]:
        return both(input, output_size)

    op(f"adaptive_max_pool{dims}d", module=F, method=False)(functional)
    op(f"adaptive_max_pool{dims}d_with_indices", module=F, method=False)(with_indices)
    if dims == 1:
        op("adaptive_max_pool1d", method=False)(both)


for _dims in (1, 2, 3):
    _declare_adaptive(_dims)


# ------------------------------------------------------------------ fractional
def _window_starts(sample: np.ndarray, n: int, out: int, k: int) -> np.ndarray:
    """First positions of `out` windows of size k that step through n at a pseudo-random pace (Graham, 2014)."""
    starts = np.empty((*sample.shape, out), np.int64)
    if out > 1:
        pace = sample.dtype.type(n - k) / sample.dtype.type(out - 1)
        i = np.arange(out - 1).astype(sample.dtype)
        starts[..., :-1] = ((i + sample[..., None]) * pace).astype(np.int64)
        starts[..., :-1] -= (sample * pace).astype(np.int64)[..., None]
    starts[..., -1:] = n - k
    return starts


def _fractional_pool(
    dims: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    from ._registry import FUNCTIONS
    from .creation import from_numpy

    name = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    x, had_batch = batched(input, dims, f"{name}()")
    spatial = tuple(x.shape[2:])
    k = sizes(kernel_size, dims, "kernel_size", name)
    if output_size is None:
        ratio = (output_ratio,) * dims if isinstance(output_ratio, (int, float)) else tuple(output_ratio)
        if not all(0 < r < 1 for r in ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")
        output_size = [int(n * r) for n, r in zip(spatial, ratio, strict=True)]
    out = sizes(output_size, dims, "output_size", name)
    for n, m, kernel in zip(spatial, out, k, strict=True):
        if m + kernel - 1 > n:
            raise RuntimeError(f"{name}(): pool size {kernel} too large relative to input size {n}")
    if samples is None:
        samples = FUNCTIONS[""]["rand"](x.shape[0], x.shape[1], dims, dtype=x.dtype, device=x.device)
    if samples.is_meta:
        starts = [samples.new_empty((*x.shape[:2], m), dtype=int64) for m in out]
    else:
        drawn = samples._arr.np[: x.shape[0]]
        if x.dtype.is_low:
            drawn = drawn.astype(np.float32)
        # In two dimensions the first sample is the width's; in three it is the depth's.
        order = (1, 0) if dims == 2 else range(dims)
        starts = [from_numpy(_window_starts(drawn[..., j], spatial[i], out[i], k[i])) for i, j in enumerate(order)]
    values, indices = _fractional((x, *(s.to(x.device) for s in starts)), k)
    return (values, indices) if had_batch else (values.squeeze(0), indices.squeeze(0))


def _declare_fractional(dims: int) -> None:
    def functional(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> Any:  # fmt: skip
        both = _fractional_pool(dims, input, kernel_size, output_size, output_ratio, _random_samples)
        return both if return_indices else both[0]

    def with_indices(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = True, _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        return _fractional_pool(dims, input, kernel_size, output_size, output_ratio, _random_samples)

    op(f"fractional_max_pool{dims}d", module=F, method=False)(functional)
    op(f"fractional_max_pool{dims}d_with_indices", module=F, method=False)(with_indices)


for _dims in (2, 3):
    _declare_fractional(_dims)

register("max_pool2d_with_indices_backward", default=max_pool2d_with_indices_backward)
