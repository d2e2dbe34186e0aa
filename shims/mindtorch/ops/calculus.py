"""Differences, numerical integrals and numerical derivatives, composed of operators."""

from __future__ import annotations

from typing import Any

from .._dtype import BOOL
from .._tensor import Tensor, _wrap_dim
from ._registry import FUNCTIONS, op


def _cat(parts: list[Tensor], dim: int) -> Tensor:
    return FUNCTIONS[""]["cat"](parts, dim)


@op(out=True)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th forward difference along `dim`, of the input with `prepend` and `append` beside it."""
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    dim = _wrap_dim(dim, input.dim())
    for t in (prepend, append):
        _check_beside(input, t, dim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input.clone()
    parts = [t for t in (prepend, input, append) if t is not None]
    out = _cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, out.shape[dim])):
        length = max(out.shape[dim] - 1, 0)
        later, sooner = out.narrow(dim, min(1, out.shape[dim]), length), out.narrow(dim, 0, length)
        out = later.logical_xor(sooner) if out.dtype.category == BOOL else later - sooner
    return out


def _check_beside(input: Tensor, t: Tensor | None, dim: int) -> None:
    if t is None:
        return
    if t.dim() != input.dim():
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for i in range(input.dim()):
        if i != dim and t.shape[i] != input.shape[i]:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({i}) = {input.shape[i]}, but got tensor.size({i}) = {t.shape[i]}"
            )


def _slices(y: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    n = y.shape[dim] - 1
    return y.narrow(dim, 1, n), y.narrow(dim, 0, n)


def _widths(y: Tensor, x: Tensor, dim: int, name: str) -> Tensor:
    """The distances of neighbouring sample points, in a shape that goes with `y`."""
    if x.dim() == 0 or (x.dim() == 1 and x.shape[0] != y.shape[dim]):
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    if x.dim() == 1:
        widths = diff(x)
        return widths.view([-1 if i == dim else 1 for i in range(y.dim())])
    if x.dim() < y.dim():
        x = x.reshape((1,) * (y.dim() - x.dim()) + tuple(x.shape))
    return diff(x, dim=dim - y.dim())


def _operands(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[int, Any]:
    """The dimension and the distances (or None for an empty integral)."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes `x` or `dx`, not both")
    if y.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = _wrap_dim(dim, y.dim())
    if y.dtype.category == BOOL or (isinstance(x, Tensor) and x.dtype.category == BOOL):
        which = "y" if y.dtype.category == BOOL else "x"
        raise RuntimeError(f"{name}: received a bool input for `{which}`, but bool is not supported")
    if isinstance(dx, (bool, complex)):
        raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
    if x is None:
        return dim, 1.0 if dx is None else dx
    return dim, x


@op(method=False)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along `dim` by the trapezoidal rule, at the points `x` or at points `dx` (1) apart."""
    dim, points = _operands("trapezoid", y, x, dx, dim)
    if y.shape[dim] == 0:
        return y.new_zeros(y.shape[:dim] + y.shape[dim + 1 :])
    later, sooner = _slices(y, dim)
    if not isinstance(points, Tensor):
        return (y.sum(dim) * 2 - y.select(dim, 0) - y.select(dim, -1)) * (points / 2.0)
    return ((later + sooner) * _widths(y, points, dim, "trapezoid")).sum(dim) / 2.0


@op(method=False)
def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The older name of :func:`trapezoid`."""
    return trapezoid(y, x, dx=dx, dim=dim)


@op(method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integrals along `dim` by the trapezoidal rule: one less than there are points."""
    dim, points = _operands("cumulative_trapezoid", y, x, dx, dim)
    if y.shape[dim] == 0:
        return y.clone()
    later, sooner = _slices(y, dim)
    if not isinstance(points, Tensor):
        return (later + sooner).cumsum(dim) * (points / 2.0)
    return ((later + sooner) * _widths(y, points, dim, "cumulative_trapezoid")).cumsum(dim) / 2.0


def _gradient_dims(input: Tensor, dim: Any) -> list[int]:
    if dim is None:
        return list(range(input.dim()))
    dims = [_wrap_dim(d, input.dim()) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims


def _spacings(input: Tensor, spacing: Any, dims: list[int], given: bool) -> list[Any]:
    """One distance (a number), or the coordinates (a tensor), for each dimension."""
    if spacing is None:
        return [1.0] * len(dims)
    if isinstance(spacing, (tuple, list)):
        if len(spacing) != len(dims):
            what = "a list of scalars" if not any(isinstance(s, Tensor) for s in spacing) else "a list of tensors"
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {input.dim()}', since dim argument was {'' if given else 'not '}given, but got {what} "
                f"of length {len(spacing)}"
            )
        return list(spacing)
    return [spacing] * len(dims)


def _one_gradient(input: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = input.shape[dim]
    width = None
    if isinstance(spacing, Tensor):
        shape = [-1 if i == dim else 1 for i in range(input.dim())]
        width = diff(spacing).view(shape)

    def at(first: int, length: int) -> Tensor:
        return input.narrow(dim, first, length)

    if width is None:
        middle = (at(2, n - 2) - at(0, n - 2)) / spacing * 0.5
        h0 = h1 = hm = hn = spacing
    else:
        before, after = width.narrow(dim, 0, n - 2), width.narrow(dim, 1, n - 2)
        a = -after / (before * (before + after))
        b = (after - before) / (before * after)
        c = before / (after * (before + after))
        middle = a * at(0, n - 2) + b * at(1, n - 2) + c * at(2, n - 2)
        h0, hn = width.narrow(dim, 0, 1), width.narrow(dim, n - 2, 1)
        h1, hm = width.narrow(dim, min(1, n - 2), 1), width.narrow(dim, max(n - 3, 0), 1)
    if edge_order == 1:
        first = (at(1, 1) - at(0, 1)) / h0
        last = (at(n - 1, 1) - at(n - 2, 1)) / hn
    else:
        first = _edge(at(0, 1), at(1, 1), at(2, 1), h0, h1)
        last = -_edge(at(n - 1, 1), at(n - 2, 1), at(n - 3, 1), hn, hm)
    return _cat([first, middle, last], dim)


def _edge(y0: Tensor, y1: Tensor, y2: Tensor, h0: Any, h1: Any) -> Tensor:
    """The derivative at the first of three points by the parabola through them."""
    a = -(2 * h0 + h1) / (h0 * (h0 + h1))
    b = (h0 + h1) / (h0 * h1)
    c = -h0 / (h1 * (h0 + h1))
    return a * y0 + b * y1 + c * y2


@op(method=False)
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The numerical derivatives along each of `dim` by central differences, one-sided at the edges."""
    dims = _gradient_dims(input, dim)
    spacings = _spacings(input, spacing, dims, dim is not None)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype.name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    for d, s in zip(dims, spacings, strict=True):
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
        if isinstance(s, Tensor):
            if s.dim() != 1:
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                    f"{s.dim()} dimensions!"
                )
            if s.shape[0] != input.shape[d]:
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have the size of the dimension that it "
                    f"belongs to: {input.shape[d]}, but got {s.shape[0]}"
                )
            if s.device != input.device:
                raise RuntimeError("torch.gradient expected each tensor to be on the same device, but got devices "
                                   f"{s.device} and {input.device}!")
    return tuple(_one_gradient(input, d, s, edge_order) for d, s in zip(dims, spacings, strict=True))
