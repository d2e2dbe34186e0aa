"""``torch.fft``: Fourier transforms along some dimensions, and what goes with them."""

from __future__ import annotations

import math
from typing import Any

from .._dtype import INTEGRAL, float16, get_default_dtype
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._prim import Prim
from ._registry import FUNCTIONS, op, type_name
from .complex import real
from .creation import _finish, zeros
from .shape import cat
from .view import wrap_dims

FUNCTIONS.setdefault("fft", {})

_c2c = Prim(
    "_fft_c2c",
    lambda a, dims, scale, forward: call("fft_c2c", a, dims, scale, forward),
    lambda c, g: (_c2c((g,), c.params[0], c.params[1], not c.params[2]),),
    conjugates=True,
)


def _r2c_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """Zeros take the place of the half that was left out; what is real of the adjoint transform."""
    dim, scale = c.params
    return (real(_c2c((_fit(g, dim, c.shapes[0][dim]),), (dim,), scale, False)),)


def _c2r_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    """Entries that stand for two count twice."""
    dim, n, scale = c.params
    out = _r2c((g,), dim, scale)
    factors = zeros((out.shape[dim],), dtype=g.dtype, device=g.device).fill_(1)
    factors.narrow(0, 1, n - out.shape[dim]).fill_(2)
    return (out * factors.view((-1,) + (1,) * (out.dim() - dim - 1)),)


_r2c = Prim("_fft_r2c", lambda a, dim, scale: call("fft_r2c", a, dim, scale), _r2c_grad, conjugates=True)
_c2r = Prim("_fft_c2r", lambda a, dim, n, scale: call("fft_c2r", a, dim, n, scale), _c2r_grad, conjugates=True)


def _scale(norm: str | None, n: int, forward: bool) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if forward == (norm == "forward") else 1.0


def _fit(x: Tensor, dim: int, n: int) -> Tensor:
    """`x` cut or filled up with zeros to `n` entries along `dim`."""
    have = x._arr.shape[dim]
    if n < have:
        return x.narrow(dim, 0, n)
    if n == have:
        return x
    shape = (*x._arr.shape[:dim], n - have, *x._arr.shape[dim + 1 :])
    return cat([x, zeros(shape, dtype=x.dtype, device=x.device)], dim)


def _floating(x: Tensor, name: str, *, real_only: bool = False) -> Tensor:
    d = x._arr.dtype
    if real_only and d.is_complex:
        raise RuntimeError(f"{name} expects a real-valued input tensor, but got {type_name(d)}")
    if d.category <= INTEGRAL:
        return x.to(get_default_dtype())
    if d.is_low or d.to_real() is float16:
        raise RuntimeError(f"Unsupported dtype {type_name(d)}")
    return x


def _complex(x: Tensor, name: str) -> Tensor:
    x = _floating(x, name)
    return x if x._arr.dtype.is_complex else x.to(x._arr.dtype.to_complex())


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _one(x: Tensor, dim: int) -> int:
    if not x.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return _wrap_dim(dim, x.dim())


def _ints(values: Any) -> tuple[int, ...]:
    return (values,) if isinstance(values, int) else tuple(values)


def _two(base: str, dim: Any) -> Any:
    if dim is None:
        raise TypeError(f"fft_{base}2(): argument 'dim' must be tuple of ints, not NoneType")
    return dim


def _shape_and_dims(x: Tensor, s: Any, dim: Any) -> tuple[list[int], tuple[int, ...]]:
    """The sizes and dimensions to transform; -1 is the size that the dimension has."""
    if dim is not None:
        if not x.dim() and _ints(dim):
            raise IndexError(f"Dimension specified as {_ints(dim)[0]} but tensor has no dimensions")
        dims = wrap_dims(_ints(dim), x.dim())
        if s is not None and len(_ints(s)) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        count = len(_ints(s))
        if count > x.dim():
            raise RuntimeError(f"Got shape with {count} values but input tensor only has {x.dim()} dimensions.")
        dims = tuple(range(x.dim() - count, x.dim()))
    else:
        dims = tuple(range(x.dim()))
    sizes = [x._arr.shape[d] for d in dims] if s is None else list(_ints(s))
    return sizes, dims


def _all(x: Tensor, sizes: list[int], dims: tuple[int, ...], norm: str | None, forward: bool) -> Tensor:
    """The complex transform along several dimensions, each fitted to its size."""
    for i, d in enumerate(dims):
        if sizes[i] == -1:
            sizes[i] = x._arr.shape[d]
        x = _fit(x, d, _points(sizes[i]))
    scale = _scale(norm, math.prod(sizes), forward)
    return _c2c((x,), dims, scale, forward) if dims else x.clone()


def _to_real(x: Tensor, dim: int, n: int, norm: str | None, forward: bool) -> Tensor:
    """Hermitian to real: the inverse transform, or with `forward` the forward one."""
    x = _fit(x, dim, _points(n) // 2 + 1)
    return _c2r((x.conj() if forward else x,), dim, n, _scale(norm, n, forward))


def _from_real(x: Tensor, dim: int, n: int, norm: str | None, forward: bool) -> Tensor:
    """Real to Hermitian, the first half of it."""
    out = _r2c((_fit(x, dim, _points(n)),), dim, _scale(norm, n, forward))
    return out if forward else out.conj()


def _plain(suffix: str, forward: bool) -> None:
    """fft, fft2 and fftn, or their inverses."""
    base = suffix

    @op(base, module="fft", method=False, out=True)
    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = _complex(input, base)
        dim = _one(x, dim)
        return _all(x, [-1 if n is None else _points(n)], (dim,), norm, forward)

    @op(base + "n", module="fft", method=False, out=True)
    def many(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        sizes, dims = _shape_and_dims(input, s, dim)
        return _all(_complex(input, base + "n"), sizes, dims, norm, forward)

    @op(base + "2", module="fft", method=False, out=True)
    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return many(input, s, _two(base, dim), norm)


_plain("fft", True)
_plain("ifft", False)


def _half(base: str, forward: bool) -> None:
    """rfft and ihfft: from real numbers."""

    @op(base, module="fft", method=False, out=True)
    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = _floating(input, base, real_only=True)
        dim = _one(x, dim)
        return _from_real(x, dim, x._arr.shape[dim] if n is None else n, norm, forward)

    @op(base + "n", module="fft", method=False, out=True)
    def many(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        if input.is_complex():
            raise RuntimeError(f"{base}n expects a real-valued input tensor, but got {type_name(input.dtype)}")
        sizes, dims = _shape_and_dims(input, s, dim)
        x = _floating(input, base + "n")
        if not dims:
            raise RuntimeError(f"{base}n must transform at least one axis")
        last = x._arr.shape[dims[-1]] if sizes[-1] == -1 else sizes[-1]
        for size, d in zip(sizes[:-1], dims[:-1], strict=True):  # fewer numbers to transform where sizes shrink
            x = _fit(x, d, x._arr.shape[d] if size == -1 else _points(size))
        out = _from_real(x, dims[-1], last, norm, forward)
        return _all(out, sizes[:-1], dims[:-1], norm, forward) if len(dims) > 1 else out

    @op(base + "2", module="fft", method=False, out=True)
    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return many(input, s, _two(base, dim), norm)


_half("rfft", True)
_half("ihfft", False)


def _whole(base: str, forward: bool) -> None:
    """irfft and hfft: to real numbers."""

    @op(base, module="fft", method=False, out=True)
    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = _complex(input, base)
        dim = _one(x, dim)
        return _to_real(x, dim, 2 * (x._arr.shape[dim] - 1) if n is None else n, norm, forward)

    @op(base + "n", module="fft", method=False, out=True)
    def many(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        sizes, dims = _shape_and_dims(input, s, dim)
        x = _complex(input, base + "n")
        if not dims:
            raise RuntimeError(f"{base}n must transform at least one axis")
        last = dims[-1]
        n = 2 * (x._arr.shape[last] - 1) if s is None or sizes[-1] == -1 else sizes[-1]
        x = _fit(x, last, _points(n) // 2 + 1)
        if len(dims) > 1:
            x = _all(x, sizes[:-1], dims[:-1], norm, forward)
        return _to_real(x, last, n, norm, forward)

    @op(base + "2", module="fft", method=False, out=True)
    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return many(input, s, _two(base, dim), norm)


_whole("irfft", False)
_whole("hfft", True)


def _frequencies(name: str, positions: Any) -> None:
    @op(name, module="fft", method=False, out=True)
    def declared(
        n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        import numpy as np

        from .._array import cast_numpy

        kind = dtype or get_default_dtype()
        if kind.category <= INTEGRAL:
            raise RuntimeError(f"{name} requires a floating point or complex dtype")
        values = np.asarray(positions(n), np.float64) * (1.0 / (n * d))
        return _finish(cast_numpy(values, kind), device, requires_grad, kind)


_frequencies("fftfreq", lambda n: [*range((n + 1) // 2), *range(-(n // 2), 0)])
_frequencies("rfftfreq", lambda n: range(n // 2 + 1))


def _shift(name: str, rounded_up: bool) -> None:
    @op(name, module="fft", method=False)
    def declared(input: Tensor, dim: Any = None) -> Tensor:
        dims = tuple(range(input.dim())) if dim is None else wrap_dims(_ints(dim), input.dim())
        steps = [(input._arr.shape[d] + rounded_up) // 2 for d in dims]
        return input.roll(steps, dims) if dims else input.clone()


_shift("fftshift", False)
_shift("ifftshift", True)

