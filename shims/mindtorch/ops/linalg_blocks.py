"""Diagonals, traces, matrices built of blocks and columns, and the covariance."""

from __future__ import annotations

import itertools
from typing import Any

from .._dtype import COMPLEX, INTEGRAL, int64
from .._tensor import Tensor, _wrap_dim
from ._checks import anywhere
from ._registry import op, type_name


@op("diagonal", module="linalg", method=False)
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    return A.diagonal(offset, dim1, dim2)


@op(out=True)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    i, j = _wrap_dim(dim1, input.dim() + 1), _wrap_dim(dim2, input.dim() + 1)
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((i, j)):
        shape.insert(d, n)
    out = input.new_zeros(shape)
    out.diagonal(offset, i, j).copy_(input)
    return out


@op(out=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    if input.dim() == 1:
        return diag_embed(input, diagonal)
    if input.dim() != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D")
    return input.diagonal(diagonal).clone()


@op()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    return diag_embed(input.reshape(-1), offset)


@op(out=True)
def trace(input: Tensor) -> Tensor:
    if input.dim() != 2:
        raise RuntimeError("trace: expected a matrix")
    return input.diagonal().sum()


@op(method=False)
def block_diag(*tensors: Tensor) -> Tensor:
    from .._dtype import promote_types
    from .shape import cat

    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        from .creation import FUNCTIONS

        return FUNCTIONS[""]["empty"](1, 0)
    d = tensors[0].dtype
    for i, t in enumerate(tensors):
        if t.dim() > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.dim()} dimensions"
            )
        d = promote_types(d, t.dtype)
    blocks = [t.to(d).reshape((1,) * (2 - t.dim()) + tuple(t.shape)) for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, start = [], 0
    for b in blocks:
        height, n = b.shape
        rest = width - start - n
        rows.append(cat((b.new_zeros((height, start)), b, b.new_zeros((height, rest))), 1))
        start += n
    return cat(rows, 0)


@op(method=False)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    from .shape import meshgrid, stack

    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for t in tensors:
        if t.dim() != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([g.reshape(-1) for g in meshgrid(*tensors, indexing="ij")], 1)


@op()
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    from .creation import tensor

    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    index = tensor(rows, dtype=int64, device=input.device).view(len(rows), r)
    return input.index_select(0, index.reshape(-1)).view(index.shape)


def _weights(name: str, w: Tensor, x: Tensor, integral: bool) -> Tensor:
    if w.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.dim()} dimensions"
        )
    if integral != (w.dtype.category == INTEGRAL):
        kind = "integral" if integral else "floating point"
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {type_name(w.dtype)} dtype"
        )
    if w.numel() != x.shape[1]:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got {w.numel()} "
            f"!= {x.shape[1]}"
        )
    if anywhere(w.detach() < 0):
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return w.reshape(-1)


@op()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    if input.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    if str(input.dtype) == "torch.bool":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dim() == 2 else input.reshape(1, -1)
    n = x.shape[1]
    w: Tensor | None = None
    if fweights is not None:
        w = _weights("fweights", fweights, x, True)
    if aweights is not None:
        a = _weights("aweights", aweights, x, False)
        w = a if w is None else w * a
    total: Any = n if w is None else w.sum()
    if w is not None and w.numel() and anywhere(total.detach() == 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = x.sum(1) / total if w is None else (x * w).sum(1) / total
    if w is None or correction == 0:
        factor: Any = total - correction
    elif aweights is None:
        factor = total - correction
    else:
        factor = total - correction * (w * aweights.reshape(-1)).sum() / total
    factor = factor.clamp_min(0) if isinstance(factor, Tensor) else max(factor, 0)
    centred = x - mean.unsqueeze(1)
    other = centred if w is None else centred * w
    other = other.t().conj() if other.dtype.category == COMPLEX else other.t()
    return ((centred @ other.to(centred.dtype)) / factor).squeeze()


@op()
def corrcoef(input: Tensor) -> Tensor:
    if input.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    c = cov(input)
    if c.dim() == 0:
        return c / c
    d = c.diagonal()
    spread = (d.real if d.dtype.category == COMPLEX else d).sqrt()
    return c / spread.unsqueeze(-1) / spread.unsqueeze(0)


@op("vander", module="linalg", method=False)
def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    from .shape import cat

    if str(x.dtype) == "torch.bool":
        raise RuntimeError("linalg.vander supports floating point, complex, and integer tensors, but got Bool")
    x = x.reshape(1) if x.dim() == 0 else x
    n = x.shape[-1] if N is None else N
    if n <= 1 and N is not None:
        raise RuntimeError("N must be greater than 1.")
    powers = x.unsqueeze(-1).expand(*x.shape, max(n - 1, 0)).cumprod(-1)
    return cat((powers.new_ones((*x.shape, 1)), powers), -1)


@op(method=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    from .shape import stack

    if x.dim() != 1:
        raise RuntimeError("torch.vander: x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    exponents = range(n) if increasing else range(n - 1, -1, -1)
    if not n:
        return x.new_empty((x.shape[0], 0))
    return stack([x.pow(k) for k in exponents], 1)
