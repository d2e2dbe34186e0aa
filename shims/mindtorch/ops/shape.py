"""Joining, repeating and rearranging."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from .._array import Array
from .._dtype import contiguous_format, int64, promote_types
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._promote import cast, check_sizes
from ._registry import op
from .view import ints, wrap_dims


def _cat_array(*arrays_and_params: Any) -> Array:
    *arrays, dim, d = arrays_and_params
    return call("cat", tuple(cast(a, d) for a in arrays if a.shape != (0,) or len(arrays) == 1), dim)


def _cat_grad(c: Any, g: Tensor) -> tuple[Any, ...]:
    dim = c.params[0]
    used = iter(g.split([s[dim] for s in c.shapes if s != (0,)], dim))
    return tuple(g.new_zeros((0,)) if s == (0,) else next(used) for s in c.shapes)


_cat = Prim("cat", _cat_array, _cat_grad)


@op(method=False, out=True, aliases=("concat", "concatenate"))
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"cat(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    d = None
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
        d = x.dtype if d is None else promote_types(d, x.dtype)
    for i, x in enumerate(tensors):
        if not x._arr.shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    used = [x for x in tensors if x._arr.shape != (0,)]  # PyTorch skips these, whatever the others' shapes
    if not used:
        return tensors[0].to(d).clone()
    dim = _wrap_dim(dim, used[0].dim())
    first = used[0]._arr.shape
    for i, x in enumerate(used):
        s = x._arr.shape
        if len(s) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(s)}"
            )
        if s[:dim] + s[dim + 1 :] != first[:dim] + first[dim + 1 :]:
            k = next(j for j in range(len(s)) if j != dim and s[j] != first[j])
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {first[k]} but got size {s[k]} "
                f"for tensor number {i} in the list."
            )
    return _cat(tuple(tensors), dim, d)


@op(method=False, out=True)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    first = tensors[0].shape
    for i, x in enumerate(tensors):
        if x.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(x.shape)} at "
                f"entry {i}"
            )
    return cat([x.unsqueeze(dim) for x in tensors], _wrap_dim(dim, len(first) + 1))


@op(method=False, out=True)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    flat = [x.reshape(1) if x.dim() == 0 else x for x in tensors]
    if not flat:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return cat(flat, 0 if flat[0].dim() == 1 else 1)


@op(method=False, out=True, aliases=("row_stack",))
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat([x.reshape(1, -1) if x.dim() < 2 else x for x in tensors], 0)


@op(method=False, out=True)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat(list(atleast_3d(list(tensors))), 2)


@op(method=False, out=True)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    return hstack([x.reshape(-1, 1) if x.dim() <= 1 else x for x in tensors])


def _at_least(name: str, raised: Any) -> Any:
    @op(name, method=False)
    def declared(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            return tuple(raised(x) for x in tensors[0])
        return raised(tensors[0]) if len(tensors) == 1 else tuple(raised(x) for x in tensors)

    return declared


def _raise_3d(x: Tensor) -> Tensor:
    if x.dim() == 0:
        return x.reshape(1, 1, 1)
    if x.dim() == 1:
        return x.unsqueeze(0).unsqueeze(-1)
    return x.unsqueeze(-1) if x.dim() == 2 else x


atleast_1d = _at_least("atleast_1d", lambda x: x.reshape(1) if x.dim() == 0 else x)
atleast_2d = _at_least(
    "atleast_2d", lambda x: x.reshape(1, 1) if x.dim() == 0 else x.unsqueeze(0) if x.dim() == 1 else x
)
atleast_3d = _at_least("atleast_3d", _raise_3d)


@op("_chunk_cat", method=False, out=True)
def chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int) -> Tensor:
    """Each tensor is padded with zeros along `dim` to `num_chunks` equal pieces; piece i of all, flattened from `dim`
    on, is row i of the result."""
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    dim = _wrap_dim(dim, tensors[0].dim())
    if any(x.dim() <= dim for x in tensors) or any(
        x._arr.shape[:dim] != tensors[0]._arr.shape[:dim] for x in tensors
    ):
        raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
    if any(x.numel() == 0 for x in tensors):
        raise RuntimeError("_chunk_cat expects non-empty tensor")
    rows = []
    for x in tensors:
        n = x._arr.shape[dim]
        size = -(-n // num_chunks)
        after = size * num_chunks - n
        if after:
            widths = [(0, 0)] * x.dim()
            widths[dim] = (0, after)
            x = _pad((x,), tuple(widths), 0)
        rows.append(x.reshape((*x._arr.shape[:dim], num_chunks, -1)))
    return cat(rows, dim + 1)


def _triangle(name: str) -> None:
    prim = Prim(name, lambda a, k: call(name, a, k), lambda c, g: (getattr(g, name)(c.params[0]),))

    @op(name, inplace=True, out=True)
    def declared(input: Tensor, diagonal: int = 0) -> Tensor:
        if input.dim() < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return prim((input,), diagonal)


_triangle("tril")
_triangle("triu")


_flip = Prim("flip", lambda a, dims: call("flip", a, dims), lambda c, g: (g.flip(c.params[0]),))


@op()
def flip(input: Tensor, *dims: Any) -> Tensor:
    order = wrap_dims(ints(dims), input.dim())
    return _flip((input,), order if input.dim() else ())


@op()
def fliplr(input: Tensor) -> Tensor:
    if input.dim() < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@op()
def flipud(input: Tensor) -> Tensor:
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@op()
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.dim() < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.dim()}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == input.dim():
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    i, j = (_wrap_dim(d, input.dim()) for d in dims)
    k %= 4
    if k == 1:
        return flip(input, j).transpose(i, j).clone(memory_format=contiguous_format)
    if k == 2:
        return flip(input, (i, j))
    if k == 3:
        return flip(input, i).transpose(i, j).clone(memory_format=contiguous_format)
    return input.clone(memory_format=contiguous_format)


def _roll_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    shifts, dims = c.params
    return (g.roll(tuple(-s for s in shifts), dims),)


_roll = Prim("roll", lambda a, shifts, dims: call("roll", a, shifts, dims), _roll_grad)


@op()
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    if not dims:
        return roll(input.reshape(-1), shifts, (0,)).view(input.shape)
    if len(dims) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    return _roll((input,), shifts, wrap_dims(dims, input.dim()))


def _repeat_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    shape, (repeats,) = c.shapes[0], c.params
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    split = [n for pair in zip(repeats, padded, strict=True) for n in pair]
    return (g.reshape(split).sum(tuple(range(0, len(split), 2))).view(shape),)


_repeat = Prim("repeat", lambda a, repeats: call("tile", a, repeats), _repeat_grad)


@op(module=None)
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    r = ints(repeats)
    if len(r) < input.dim():
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    return _repeat((input,), r)


@op()
def tile(input: Tensor, *dims: Any) -> Tensor:
    r = ints(dims)
    return _repeat((input,), (1,) * (input.dim() - len(r)) + r)


@op()
def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: Any = None) -> Tensor:
    import numpy as np

    from .creation import from_numpy

    counted = input if repeats is None else repeats
    if isinstance(counted, Tensor) and counted.is_meta:
        if output_size is None:
            raise RuntimeError("cannot repeat_interleave a meta tensor without output_size")
        positions = counted.new_empty((output_size,), dtype=int64)
        if repeats is None:
            return positions
        return input.reshape(-1).index_select(0, positions) if dim is None else input.index_select(dim, positions)
    if repeats is None:
        counts = input._arr.np
        return from_numpy(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = input.reshape(-1), 0
    dim = _wrap_dim(dim, input.dim())
    n = input.shape[dim]
    if isinstance(repeats, Tensor) and repeats.numel() != 1:
        if repeats.numel() != n:
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} and "
                f"input.size({dim}) = {n}"
            )
        counts = repeats._arr.np
    else:
        counts = np.full(n, int(repeats))
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    index = from_numpy(np.repeat(np.arange(n), counts)).to(input.device)
    return input.index_select(dim, index)


def _pad_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    widths = c.params[0]
    for d, ((before, _), n) in enumerate(zip(widths, c.shapes[0], strict=True)):
        g = g.narrow(d, before, n)
    return (g,)


_pad = Prim(
    "constant_pad_nd", lambda a, widths, value: call("constant_pad", a, widths, value), _pad_grad,
)  # fmt: skip


@op("pad", module="nn.functional", method=False)
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    if mode != "constant":
        from .padding import pad_by_mode

        return pad_by_mode(input, pad, mode, value)
    if len(pad) % 2 or len(pad) // 2 > input.dim():
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {input.dim()}"
        )
    widths = [(0, 0)] * input.dim()
    for i in range(len(pad) // 2):
        d = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if before < 0:
            input = input.narrow(d, -before, input.shape[d] + before)
        if after < 0:
            input = input.narrow(d, 0, input.shape[d] + after)
        widths[d] = (max(before, 0), max(after, 0))
    if not any(w != (0, 0) for w in widths):
        return input.clone(memory_format=contiguous_format)
    return _pad((input,), tuple(widths), 0 if value is None else value)


@op(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    xs = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(xs) >= 2
    if swap:
        xs[0], xs[1] = xs[1], xs[0]
    shape = tuple(x.numel() for x in xs)
    grids = [
        x.reshape((1,) * i + (-1,) + (1,) * (len(xs) - 1 - i)).expand(shape) for i, x in enumerate(xs)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@op(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    xs = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    for x, y in combinations(xs, 2):
        check_sizes(x._arr.shape, y._arr.shape)
    shape = broadcast_shapes(*[x.shape for x in xs])
    return tuple(x.expand(shape) for x in xs)


@op(method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    from .._size import Size

    sizes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    found = [1] * max(map(len, sizes), default=0)
    for size in sizes:
        for d, n in enumerate(size, len(found) - len(size)):
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n != 1 and found[d] not in (1, n):
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: " + ", ".join(map(str, sizes))
                )
            if n != 1:
                found[d] = n
    return Size(found)
