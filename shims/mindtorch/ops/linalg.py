"""Matrix products."""

from __future__ import annotations

from math import frexp
from typing import Any

from .._array import Array
from .._dtype import INTEGRAL
from .._tensor import Tensor, wrap
from ..kernels import call
from ._fused import usable
from ._prim import Prim
from ._registry import op, type_name


def _product(a: Array, b: Array) -> Array:
    """Batched or plain matrix product of equal batch dimensions; K = 0 gives zeros."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_c_name(a.dtype)} != {_c_name(b.dtype)}"
        )
    if not (a.in_host_memory and b.in_host_memory):
        return call("matmul", a, b)
    a, a_swapped = _row_major(a)
    b, b_swapped = _row_major(b)
    return call("matmul", a, b, a_swapped, b_swapped)


def _row_major(a: Array) -> tuple[Array, bool]:
    """The matrices of `a`, transposed where that makes them contiguous (as of ``weight.t()``), and whether they are."""
    n = len(a.shape)
    if n < 2 or a.np.flags.c_contiguous:
        return a, False
    swapped = a.permuted((*range(n - 2), n - 1, n - 2))
    return (swapped, True) if swapped.np.flags.c_contiguous else (a, False)


def _c_name(d: Any) -> str:
    return {"float32": "float", "float64": "double", "int64": "long int", "int32": "int"}.get(
        d.name, f"c10::{type_name(d)}"
    )


def _times(a: Tensor, b: Tensor, a_swapped: bool, b_swapped: bool) -> Tensor:
    """A product for a first derivative, on the host; `swapped`: of the operand with its matrices transposed."""
    left, turned_left = _row_major(a._arr)
    right, turned_right = _row_major(b._arr)
    return wrap(call("matmul", left, right, a_swapped is not turned_left, b_swapped is not turned_right))


def _product_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    a, b = c.input(0) if c.needs[1] else None, c.input(1) if c.needs[0] else None
    if usable(g) and g._arr.in_host_memory:
        return (
            _times(g, b, False, True) if c.needs[0] else None,
            _times(a, g, True, False) if c.needs[1] else None,
        )
    return (
        matmul(g, b.transpose(-1, -2)) if c.needs[0] else None,
        matmul(a.transpose(-1, -2), g) if c.needs[1] else None,
    )


_mm = Prim("mm", _product, _product_grad, save={0: (1,), 1: (0,)})
_bmm = Prim("bmm", _product, _product_grad, save={0: (1,), 1: (0,)})


@op(out=True)
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    if input.dim() != 2 or mat2.dim() != 2:
        raise RuntimeError(("self" if input.dim() != 2 else "mat2") + " must be a matrix")
    if input.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({input.shape[0]}x{input.shape[1]} and "
            f"{mat2.shape[0]}x{mat2.shape[1]})"
        )
    return _mm((input, mat2))


@op(out=True)
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    if input.dim() != 3 or mat2.dim() != 3:
        raise RuntimeError(("batch1" if input.dim() != 3 else "batch2") + " must be a 3D tensor")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{input.shape[0]}, {input.shape[2]}] but "
            f"got: [{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    return _bmm((input, mat2))


def _broadcast_batch(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    out = []
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if x != y and 1 not in (x, y):
            raise RuntimeError(
                f"The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {i}"
            )
        out.append(y if x == 1 else x)
    return tuple(out)


@op(out=True, dunder=("__matmul__",))
def matmul(input: Tensor, other: Tensor) -> Tensor:
    a, b = input, other
    shapes = a._arr.shape, b._arr.shape
    if len(shapes[0]) == 2 == len(shapes[1]) and shapes[0][1] == shapes[1][0]:
        return _mm((a, b))
    if a.dim() == 0 or b.dim() == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.dim()}D and {b.dim()}D")
    if a.dim() == 2 and b.dim() == 2:
        return mm(a, b)
    if a.dim() == 1 and b.dim() == 1:
        return dot(a, b)
    if a.dim() == 1:
        return matmul(a.unsqueeze(0), b).squeeze(-2)
    if b.dim() == 1:
        return matmul(a, b.unsqueeze(1)).squeeze(-1)
    if b.dim() == 2:  # fold the batch into rows: one product
        if a.shape[-1] != b.shape[0]:
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({a.shape[:-1].numel()}x{a.shape[-1]} and "
                f"{b.shape[0]}x{b.shape[1]})"
            )
        return mm(a.reshape(a.shape[:-1].numel(), a.shape[-1]), b).view((*a.shape[:-1], b.shape[1]))
    batch = _broadcast_batch(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    n = 1
    for k in batch:
        n *= k
    a3 = a.expand((*batch, *a.shape[-2:])).reshape((n, *a.shape[-2:]))
    b3 = b.expand((*batch, *b.shape[-2:])).reshape((n, *b.shape[-2:]))
    return bmm(a3, b3).view((*batch, a.shape[-2], b.shape[-1]))


@op("__rmatmul__", module=None)
def rmatmul(input: Tensor, other: Tensor) -> Tensor:
    return matmul(other, input)


@op(out=True)
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    if input.dim() != 1 or tensor.dim() != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.dim()}D and {tensor.dim()}D tensors")
    if input.dtype is not tensor.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {type_name(input.dtype)} and "
            f"{type_name(tensor.dtype)}"
        )
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.shape[0]}] and src [{tensor.shape[0]}] to have the "
            f"same number of elements, but got {input.shape[0]} and {tensor.shape[0]} elements respectively"
        )
    return mm(input.unsqueeze(0), tensor.unsqueeze(1)).view(())


@op(out=True)
def mv(input: Tensor, vec: Tensor) -> Tensor:
    if input.dim() != 2 or vec.dim() != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.dim()}, {vec.dim()}")
    return mm(input, vec.unsqueeze(1)).squeeze(1)


@op(out=True, aliases=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    if input.dim() != 1 or vec2.dim() != 1:
        raise RuntimeError(f"outer: Expected 1-D argument {'self' if input.dim() != 1 else 'vec2'}, but got "
                           f"{(input if input.dim() != 1 else vec2).dim()}-D")  # fmt: skip
    return input.unsqueeze(1) * vec2.unsqueeze(0)


def _affine(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """``beta * input + alpha * product``; beta 0 ignores input, NaNs and all."""
    if product.dtype.category <= INTEGRAL:
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        if len(input.shape) > product.dim() or any(
            n not in (1, m) for n, m in zip(reversed(input.shape), reversed(product.shape), strict=False)
        ):
            raise RuntimeError(
                f"The expanded size of the tensor {list(product.shape)} must match the existing size "
                f"{list(input.shape)}"
            )
        return product
    return (input if beta == 1 else input * beta) + product


@op(inplace=True, out=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    return _affine(input, mm(mat1, mat2), beta, alpha)


@op(inplace=True, out=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    if isinstance(alpha, float) and abs(frexp(alpha)[0]) == 0.5 and batch1.shape[-1] < batch2.shape[-1]:
        batch1, alpha = batch1 * alpha, 1  # powers of two change no rounding; the product has more elements
    return _affine(input, bmm(batch1, batch2), beta, alpha)


@op(inplace=True, out=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    return _affine(input, mv(mat, vec), beta, alpha)
