"""Products beyond the matrix product: contractions, Kronecker, cross, chains and powers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._dtype import COMPLEX, INTEGRAL
from .._dtype import bool as bool_
from .._tensor import Tensor, _wrap_dim
from ..tape import inplace
from ..tape.grad_mode import no_grad
from ._promote import result_type
from ._registry import check_castable, op, type_name
from .linalg import _affine, bmm, dot, matmul, mm
from .linalg_common import check_square, recorded


@op("matmul", module="linalg", method=False, out=True)
def linalg_matmul(input: Tensor, other: Tensor) -> Tensor:
    return matmul(input, other)


@op(out=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    d = batch1.dtype
    product = bmm(batch1.float(), batch2.float()) if d.is_low else bmm(batch1, batch2)
    shape = tuple(product.shape[1:])
    if tuple(input.shape) != shape:
        input = input.expand(shape)
    if not d.is_low:
        return _affine(input, product.sum(0, dtype=d), beta, alpha)
    for one in product.unbind(0):  # each product is added and rounded, as PyTorch does it
        input = _affine(input.float(), one, beta, alpha).to(d)
        beta = 1
    return input if product.shape[0] else _affine(input, product.sum(0).to(d), beta, alpha)


@op("addbmm_", module=None)
def addbmm_(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """As addbmm; `input` takes the shape of the sum where it was broadcast to it."""
    recording = recorded(input, batch1, batch2)
    inplace.check(input, recording)
    result = addbmm(inplace.shadow(input) if recording else input, batch1, batch2, beta=beta, alpha=alpha)
    check_castable(result, input)
    if result.shape != input.shape:
        with no_grad():
            input.resize_(result.shape)
    return inplace.write(input, result)


@op(inplace=True, out=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    if vec1.dim() != 1 or vec2.dim() != 1:
        raise RuntimeError(f"addr: Expected 1-D argument {'vec1' if vec1.dim() != 1 else 'vec2'}, but got "
                           f"{(vec1 if vec1.dim() != 1 else vec2).dim()}-D")  # fmt: skip
    shape = (vec1.shape[0], vec2.shape[0])
    if tuple(input.shape) != shape:
        input = input.expand(shape)
    d = result_type(input, vec1, vec2)
    if d is bool_:
        product = vec1.unsqueeze(1) & vec2.unsqueeze(0) & bool(alpha)
        return product | input if beta else product
    if alpha != 1:
        vec1 = vec1 * (int(alpha) if d.category <= INTEGRAL else alpha)
    return _affine(input, vec1.unsqueeze(1) * vec2.unsqueeze(0), beta, 1).to(d)


@op(out=True)
def inner(input: Tensor, other: Tensor) -> Tensor:
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    return tensordot(input, other, [[-1], [-1]])


@op(method=False, out=True)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        left, right = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
        left, right = [_wrap_dim(d, a.dim()) for d in left], [_wrap_dim(d, b.dim()) for d in right]
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    if a.dtype is not b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    for i, j in zip(left, right, strict=True):
        m, n = a.shape[i], b.shape[j]
        if m == 1 or n == 1:  # a size of 1 is broadcast: the other one's sum
            a = a.sum(i, keepdim=True, dtype=a.dtype) if m != n and n == 1 else a
            b = b.sum(j, keepdim=True, dtype=b.dtype) if m != n and m == 1 else b
        elif m != n:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {i} and second has size {n} in "
                f"dim {j}"
            )
    rows = [d for d in range(a.dim()) if d not in left]
    cols = [d for d in range(b.dim()) if d not in right]
    k = math.prod(a.shape[d] for d in left)
    row_shape, col_shape = [a.shape[d] for d in rows], [b.shape[d] for d in cols]
    x = a.permute(*rows, *left).reshape(math.prod(row_shape), k) if a.dim() else a.reshape(1, 1)
    y = b.permute(*right, *cols).reshape(k, math.prod(col_shape)) if b.dim() else b.reshape(1, 1)
    return mm(x, y).reshape(row_shape + col_shape)


@op(out=True)
def kron(input: Tensor, other: Tensor) -> Tensor:
    n = max(input.dim(), other.dim())
    a = (1,) * (n - input.dim()) + tuple(input.shape)
    b = (1,) * (n - other.dim()) + tuple(other.shape)
    product = input.reshape([k for m in a for k in (m, 1)]) * other.reshape([k for m in b for k in (1, m)])
    return product.reshape([x * y for x, y in zip(a, b, strict=True)])


@op("cross", module="linalg", method=False, out=True)
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    from .shape import broadcast_tensors

    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    given, dim = dim, _wrap_dim(dim, input.dim())
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {given} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    a, b = broadcast_tensors(input, other)
    return a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)


@op(out=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim)


@op(module="linalg", method=False, out=True)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    for name, t in (("x", x), ("y", y)):
        if t.dim() == 0:
            raise RuntimeError(f"linalg.vecdot: {name} must have at least 1 dimension")
    if x.dtype.category < 2:
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {type_name(x.dtype)}"
        )
    left = x.conj() if x.dtype.category == COMPLEX else x
    if x.dim() == 1 and y.dim() == 1:
        return dot(left, y)
    return (left * y).sum(dim)


@op(module="linalg", method=False, out=True)
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    if tensors[0].dim() not in (1, 2) or tensors[-1].dim() not in (1, 2) or any(t.dim() != 2 for t in tensors[1:-1]):
        bad = next(i for i, t in enumerate(tensors) if t.dim() != 2 and not (t.dim() == 1 and i in (0, n - 1)))
        wanted = "1D or 2D" if bad in (0, n - 1) else "2D"
        raise RuntimeError(f"multi_dot(): tensor {bad} must be {wanted} but got {tensors[bad].dim()}D")
    work = list(tensors)
    first, last = work[0].dim() == 1, work[-1].dim() == 1
    if first:
        work[0] = work[0].unsqueeze(0)
    if last:
        work[-1] = work[-1].unsqueeze(-1)
    for i in range(1, n):
        if work[i].dtype is not work[0].dtype:
            raise RuntimeError("multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                               f"{type_name(work[0].dtype)} and tensor {i} {type_name(work[i].dtype)}")  # fmt: skip
        if work[i - 1].shape[1] != work[i].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {list(work[i - 1].shape)} and "
                f"{list(work[i].shape)} cannot be multiplied"
            )
    out = _product(work, _splits([t.shape[0] for t in work] + [work[-1].shape[1]]), 0, n - 1)
    if first:
        out = out.squeeze(0)
    return out.squeeze(-1) if last else out


def _splits(sizes: list[int]) -> list[list[int]]:
    """Where to split each chain of matrices so that the products take the fewest multiplications."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
            cost[i][j], split[i][j] = best
    return split


def _product(work: list[Tensor], split: list[list[int]], i: int, j: int) -> Tensor:
    if i == j:
        return work[i]
    k = split[i][j]
    return mm(_product(work, split, i, k), _product(work, split, k + 1, j))


@op(method=False, out=True)
def chain_matmul(*matrices: Tensor) -> Tensor:
    if len(matrices) == 1:
        return matrices[0]
    return multi_dot(matrices)


@op("matrix_power", module="linalg", method=False, out=True)
def linalg_matrix_power(A: Tensor, n: int) -> Tensor:
    from .creation import eye
    from .linalg_solve import inv

    if A.dtype.category >= 2:
        check_square("linalg.matrix_power", A, low=True)
    elif A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError("linalg.matrix_power: A must be batches of square matrices")
    if n == 0:
        return A.clone().copy_(eye(A.shape[-1], dtype=A.dtype, device=A.device))
    if n < 0:
        A, n = inv(A), -n
    if n == 1:
        return A.clone()
    result: Tensor | None = None
    power = A
    while True:
        if n & 1:
            result = power if result is None else result @ power
        n >>= 1
        if not n:
            return result
        power = power @ power


@op(out=True)
def matrix_power(input: Tensor, n: int) -> Tensor:
    return linalg_matrix_power(input, n)


@op(method=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{list(input1.shape[:-1])} and {list(input2.shape[:-1])}"
        )
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        i, x = (1, input1) if input1.shape[-1] != weight.shape[1] else (2, input2)
        raise RuntimeError(
            f"bilinear(): input{i} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[i]}"
        )
    left = tensordot(input1, weight, [[-1], [1]])  # [..., out, in2]
    out = (left @ input2.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias


op("bilinear", module="nn.functional", method=False)(bilinear)
