"""Cutting into pieces: split and its relatives, all of them views."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from .._array import Array
from .._tensor import Tensor, _wrap_dim
from ._prim import Prim
from ._registry import op
from .slices import _select_array, _slice, _slice_array, _window
from .view import Shape


def _split_arrays(a: Array, sizes: Shape, dim: int) -> tuple[Array, ...]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(_slice_array(a, dim, s, n, 1) for s, n in zip(starts, sizes, strict=True))


def _split_grad(c: Any, *grads: Any) -> tuple[Tensor]:
    from .shape import cat

    sizes, dim = c.params
    some = next(g for g in grads if g is not None)
    shape = list(c.shapes[0])
    pieces = []
    for n, g in zip(sizes, grads, strict=True):
        shape[dim] = n
        pieces.append(some.new_zeros(shape) if g is None else g)
    return (cat(pieces, dim),)


_split = Prim("split", _split_arrays, _split_grad, view="multi")
_split_sizes = Prim("split_with_sizes", _split_arrays, _split_grad, view="multi")


@op()
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    dim = _wrap_dim(dim, tensor.dim())
    n = tensor._arr.shape[dim]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = tuple(min(size, n - i) for i in range(0, n, size)) if n else (n,)
    else:
        sizes = tuple(int(s) for s in split_size_or_sections)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={list(sizes)}"
            )
    return (_split if isinstance(split_size_or_sections, int) else _split_sizes)((tensor,), sizes, dim)


@op()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    return split(input, list(split_sizes), dim)


@op()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    if input.dim() == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._arr.shape[_wrap_dim(dim, input.dim())]
    if n == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-n // chunks), dim)


@op()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    dim = _wrap_dim(dim, input.dim())
    n = input._arr.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        indices_or_sections = list(itertools.accumulate(n // k + (i < n % k) for i in range(k - 1)))
    pieces = []
    edges = [0, *indices_or_sections, n]
    for start, stop in itertools.pairwise(edges):
        start, stop, _ = slice(start, stop).indices(n)
        pieces.append(_slice((input,), dim, start, max(stop - start, 0), 1))
    return tuple(pieces)


def _unbind_grad(c: Any, *grads: Any) -> tuple[Tensor]:
    from .shape import stack

    some = next(g for g in grads if g is not None)
    return (stack([some.new_zeros(some.shape) if g is None else g for g in grads], c.params[0]),)


_unbind = Prim(
    "unbind", lambda a, dim: tuple(_select_array(a, dim, i) for i in range(a.shape[dim])), _unbind_grad, view="multi"
)


@op()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    if input.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return _unbind((input,), _wrap_dim(dim, input.dim()))


def _axis_split(name: str, at_least: int, dim: int) -> None:
    @op(name)
    def declared(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.dim() < at_least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {at_least} dimension, but got a tensor with "
                f"{input.dim()} dimensions!"
            )
        d = 0 if name == "hsplit" and input.dim() == 1 else dim
        n = input._arr.shape[d]
        if isinstance(indices_or_sections, int) and (indices_or_sections <= 0 or n % indices_or_sections):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {n} is not "
                f"divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, d)


_axis_split("hsplit", 1, 1)
_axis_split("vsplit", 2, 0)
_axis_split("dsplit", 3, 2)


# The unsafe forms promise that nobody writes to two of the pieces: each is its own view, and writing to it is allowed.
_unsafe_piece = Prim("slice", _slice_array, lambda c, g: (_window("_slice", g, c.shapes[0], *c.params),))


def _unsafe(input: Tensor, sizes: Sequence[int], dim: int) -> tuple[Tensor, ...]:
    starts = itertools.accumulate(sizes, initial=0)
    return tuple(_unsafe_piece((input,), dim, s, n, 1) for s, n in zip(starts, sizes, strict=False))


def _sizes(pieces: tuple[Tensor, ...], dim: int) -> list[int]:
    return [p._arr.shape[dim] for p in pieces]


@op()
def unsafe_split(tensor: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    dim = _wrap_dim(dim, tensor.dim())
    return _unsafe(tensor, _sizes(split(tensor.detach(), split_size, dim), dim), dim)


@op()
def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    return unsafe_split(input, list(split_sizes), dim)


@op()
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    dim = _wrap_dim(dim, input.dim())
    return _unsafe(input, _sizes(chunk(input.detach(), chunks, dim), dim), dim)
