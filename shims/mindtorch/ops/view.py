"""Views of all elements in another shape: view, reshape, permute, expand, squeeze and their relatives.

A view is a new window on the same storage; the bytes are never touched. Views of a part are in ``slices``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from .._array import Array, contiguous_strides
from .._dtype import as_dtype
from .._tensor import Tensor, _wrap_dim, wrap_view
from ..tape import inplace
from ..tape.grad_mode import mode
from ._prim import Prim
from ._registry import op

Shape = tuple[int, ...]


MAX_DIMS = 32
"""Dimensions that a tensor may have: NumPy's limit."""


def too_many(ndim: int) -> NotImplementedError:
    """The error for a tensor of more than :data:`MAX_DIMS` dimensions."""
    return NotImplementedError(f"mindtorch's tensors have at most {MAX_DIMS} dimensions, but got {ndim}")


def ints(values: Any) -> Shape:
    """The sizes of a call such as ``view(2, 3)`` or ``view((2, 3))``."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        values = values[0]
    if len(values) > MAX_DIMS:
        raise too_many(len(values))
    return tuple([v if type(v) is int else v.__index__() for v in values])


def wrap_dims(dims: Any, ndim: int) -> Shape:
    """Dimensions made non-negative; RuntimeError for one that appears twice."""
    out = tuple(_wrap_dim(d, ndim) for d in ((dims,) if isinstance(dims, int) else dims))
    if len(set(out)) != len(out):
        twice = next(d for d in out if out.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return out


def infer_size(shape: Shape, numel: int) -> Shape:
    """`shape` with its -1 filled in. Raises RuntimeError where that cannot be."""
    if -1 not in shape:
        if prod(shape) != numel or any(n < 0 for n in shape):
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return shape
    known = prod(n for n in shape if n != -1)
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if known == 0:
        if numel == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size "
                "-1 can be any value and is ambiguous"
            )
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    if numel % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return tuple(numel // known if n == -1 else n for n in shape)


def view_strides(a: Array, shape: Shape) -> Shape | None:
    """The strides with which `shape` is a view of `a`; None where only a copy can have that shape."""
    if a.is_contiguous:
        return contiguous_strides(shape)
    if 0 in a.shape:
        return a.strides if a.shape == shape else contiguous_strides(shape)
    strides = [0] * len(shape)
    i = len(shape) - 1
    chunk, base = 1, a.strides[-1]
    for d in range(len(a.shape) - 1, -1, -1):
        chunk *= a.shape[d]
        if d == 0 or (a.shape[d - 1] != 1 and a.strides[d - 1] != chunk * base):
            taken = 1
            while i >= 0 and (taken < chunk or shape[i] == 1):
                strides[i] = taken * base
                taken *= shape[i]
                i -= 1
            if taken != chunk:
                return None
            if d > 0:
                base, chunk = a.strides[d - 1], 1
    return tuple(strides) if i == -1 else None


def _view_array(a: Array, shape: Shape) -> Array:
    if a.is_contiguous:
        return a.reshaped(shape)
    strides = view_strides(a, shape)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return a.as_strided(shape, strides, a.offset)


_view = Prim("view", _view_array, lambda c, g: (g.reshape(c.shapes[0]),), view="")
# Of a tensor that nobody else has: its views need not know of it.
_unsafe_view = Prim("_unsafe_view", _view_array, lambda c, g: (g.reshape(c.shapes[0]),))


@op(module=None)
def view(input: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    if not shape:
        shape = () if size is None and dtype is None else (dtype if size is None else size,)
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, Tensor)):
        return _view_dtype(input, shape[0])
    return _view((input,), infer_size(ints(shape), input._arr.np.size))


def _view_dtype(input: Tensor, d: Any) -> Tensor:
    a, d = input._arr, as_dtype(d, "view")
    shape, strides, offset = a.shape, a.strides, a.offset
    old, new = a.dtype.itemsize, d.itemsize
    if old != new:
        if not shape:
            raise RuntimeError(
                f"self.dim() cannot be 0 to view {a.dtype.name} as {d.name} (different element sizes)"
            )
        if strides[-1] != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {a.dtype.name} as {d.name} (different element sizes), but got "
                f"{strides[-1]}"
            )
        ratio = old // new or new // old
        if old > new:
            shape, strides = (*shape[:-1], shape[-1] * ratio), (*(s * ratio for s in strides[:-1]), 1)
            offset *= ratio
        else:
            for what, n in (("self.size(-1)", shape[-1]), ("self.storage_offset()", offset),
                            *((f"self.stride({i})", s) for i, s in enumerate(strides[:-1]))):  # fmt: skip
                if n % ratio:
                    raise RuntimeError(
                        f"{what} must be divisible by {ratio} to view {a.dtype.name} as {d.name} (different element "
                        f"sizes), but got {n}"
                    )
            shape, strides = (*shape[:-1], shape[-1] // ratio), (*(s // ratio for s in strides[:-1]), 1)
            offset //= ratio
    return wrap_view(a.as_strided(shape, strides, offset, d), input)


@op(module=None)
def view_as(input: Tensor, other: Tensor) -> Tensor:
    return _view((input,), infer_size(other._arr.shape, input._arr.np.size))


@op()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    size = infer_size(ints(shape), input._arr.np.size)
    if view_strides(input._arr, size) is not None:
        return _view((input,), size)
    return _unsafe_view((input.clone(memory_format=_contiguous()),), size)


def _contiguous() -> Any:
    from .._dtype import contiguous_format

    return contiguous_format


@op(module=None)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    return reshape(input, other._arr.shape)


@op()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    shape = input._arr.shape
    start, end = _wrap_dim(start_dim, len(shape)), _wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    return reshape(input, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


@op()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    shape = input._arr.shape
    dim = _wrap_dim(dim, len(shape))
    return view(input, (*shape[:dim], *infer_size(tuple(sizes), shape[dim]), *shape[dim + 1 :]))


@op()
def ravel(input: Tensor) -> Tensor:
    return reshape(input, (-1,)).contiguous()


def _inverse(dims: Shape) -> Shape:
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


_permute = Prim("permute", Array.permuted, lambda c, g: (g.permute(_inverse(c.params[0])),), view="")


@op()
def permute(input: Tensor, *dims: Any) -> Tensor:
    order = ints(dims)
    if len(order) != input.dim():
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.dim()} is not equal to len(dims) = {len(order)}"
        )
    return _permute((input,), wrap_dims(order, input.dim()))


def _transpose_array(a: Array, i: int, j: int) -> Array:
    dims = list(range(len(a.shape)))
    if dims:
        dims[i], dims[j] = j, i
    return a.permuted(dims)


_transpose = Prim("transpose", _transpose_array, lambda c, g: (g.transpose(*c.params),), view="")
_t = Prim("t", _transpose_array, lambda c, g: (g.transpose(*c.params),), view="")


@op(aliases=("swapaxes", "swapdims"))
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    n = input.dim()
    i, j = _wrap_dim(dim0, n), _wrap_dim(dim1, n)
    return _view((input,), ()) if n == 0 else _transpose((input,), i, j)


@op()
def t(input: Tensor) -> Tensor:
    if input.dim() > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.dim()}D")
    return _t((input,), 0, 1) if input.dim() == 2 else _t((input,), 0, 0) if input.dim() else view(input, ())


@op(aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    n = input.dim()
    src, dst = wrap_dims(source, n), wrap_dims(destination, n)
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(src)} dims) should contain the same number of "
            f"dims as destination ({list(dst)} dims)"
        )
    if n == 0:
        return _permute((input,), ())
    order = [-1] * n
    for s, d in zip(src, dst, strict=True):
        order[d] = s
    rest = iter(d for d in range(n) if d not in src)
    return permute(input, [d if d != -1 else next(rest) for d in order])


def _expand_array(a: Array, shape: Shape) -> Array:
    lead = len(shape) - len(a.shape)
    strides = [s if n == m else 0 for n, m, s in zip(a.shape, shape[lead:], a.strides, strict=True)]
    for i in range(lead - 1, -1, -1):  # a new dimension of size 1 steps over what follows it
        strides.insert(0, 0 if shape[i] != 1 else shape[i + 1] * strides[0] if strides else 1)
    return a.as_strided(shape, tuple(strides), a.offset)


_expand = Prim("expand", _expand_array, lambda c, g: (g.sum_to_size(c.shapes[0]),), view="")


@op(module=None)
def expand(input: Tensor, *sizes: Any, implicit: bool = False) -> Tensor:
    shape, have = list(ints(sizes)), input._arr.shape
    lead = len(shape) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand({input.type()}{{{list(have)}}}, size={shape}): the number of sizes provided ({len(shape)}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    for i, n in enumerate(shape):
        old = have[i - lead] if i >= lead else None
        if n == -1:
            if old is None:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
                )
            shape[i] = old
        elif old not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at non-singleton "
                f"dimension {i}.  Target sizes: {shape}.  Tensor sizes: {list(have)}"
            )
    return _expand((input,), tuple(shape))


@op(module=None)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    return expand(input, other._arr.shape)


@op()
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    return expand(input, size)


def _squeeze_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    return (g.reshape(c.shapes[0]),)


def _squeeze_array(a: Array, dims: Shape) -> Array:
    keep = [i for i in range(len(a.shape)) if i not in dims or a.shape[i] != 1]
    return a.as_strided(tuple(a.shape[i] for i in keep), tuple(a.strides[i] for i in keep), a.offset)


_squeeze, _squeeze_dim, _squeeze_dims = (
    Prim("squeeze", _squeeze_array, _squeeze_grad, view="", node_name=f"SqueezeBackward{i}") for i in range(3)
)


@op()
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    n = input.dim()
    prim = _squeeze if dim is None else _squeeze_dim if isinstance(dim, int) else _squeeze_dims
    return prim((input,), tuple(range(n)) if dim is None else wrap_dims(dim, n))


def _unsqueeze_array(a: Array, dim: int) -> Array:
    stride = a.shape[dim] * a.strides[dim] if dim < len(a.shape) else 1
    return a.as_strided((*a.shape[:dim], 1, *a.shape[dim:]), (*a.strides[:dim], stride, *a.strides[dim:]), a.offset)


_unsqueeze = Prim("unsqueeze", _unsqueeze_array, lambda c, g: (g.squeeze(c.params[0]),), view="")


@op()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    if input.dim() == MAX_DIMS:
        raise too_many(MAX_DIMS + 1)
    return _unsqueeze((input,), _wrap_dim(dim, input.dim() + 1))


def _property(name: str, get: Any) -> None:
    setattr(Tensor, name, property(get))


_property("T", lambda self: permute(self, tuple(range(self.dim() - 1, -1, -1))))
_property("mT", lambda self: transpose(self, -2, -1))


def view_as_inplace(name: str) -> None:
    """``x.squeeze_()`` and the like: the tensor itself becomes the view. Not for the storage: only its window."""
    function = getattr(Tensor, name)

    @op(name + "_", module=None)
    def declared(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.check(input, mode.enabled and input.requires_grad, constant=True)
        return become(input, function(input, *args, **kwargs))


def become(t: Tensor, view: Tensor) -> Tensor:
    """Give `t` the window and the place in the graph of a view of it."""
    edge = view._gradient_edge() if view.requires_grad else None
    t._arr = view._arr
    t._vc[0] += 1
    if edge is not None and not view.is_leaf:
        t._grad_fn, t._output_nr = edge
    if t._view is not None:
        t._view.version = t._vc[0]
    return t


for _name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims"):
    view_as_inplace(_name)
