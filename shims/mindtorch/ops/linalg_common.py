"""What the linear algebra families share: argument checks, broadcasting of batches, column-major results, errors."""

from __future__ import annotations

import numpy as np

from .._array import Array, contiguous_strides
from .._dtype import COMPLEX, FLOATING
from .._tensor import Tensor
from ..return_types import named
from ._registry import type_name

__all__ = [
    "LinAlgError", "check_info", "check_inputs", "check_matrix", "check_square", "column_major", "columns",
    "expand_batches", "mH", "named", "recorded",
]  # fmt: skip


class LinAlgError(RuntimeError):
    """A matrix has no such factorization, or the algorithm did not converge (``torch.linalg.LinAlgError``)."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"


def check_matrix(name: str, a: Tensor, what: str = "A", low: bool = False) -> None:
    """Raises RuntimeError unless `a` is a batch of matrices of a dtype that LAPACK has (`low`: half precision too)."""
    if a.dtype.category < FLOATING:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(a.dtype)}")
    if not low and a.dtype.itemsize <= 2 * (1 + (a.dtype.category == COMPLEX)):
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {type_name(a.dtype)}")
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def check_square(name: str, a: Tensor, what: str = "A", low: bool = False) -> None:
    """As :func:`check_matrix`, for square matrices."""
    check_matrix(name, a, what, low)
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {what} must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )


def check_inputs(name: str, a: Tensor, b: Tensor, names: tuple[str, str] = ("A", "B")) -> None:
    """Raises RuntimeError for operands of two dtypes or on two devices."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected {names[0]} and {names[1]} to have the same dtype, but found {names[0]} of type "
            f"{type_name(a.dtype)} and {names[1]} of type {type_name(b.dtype)} instead"
        )
    if a.device != b.device:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {a.device} and {b.device}!"
        )


def check_info(info: Tensor, name: str, text: str) -> None:
    """Raises :class:`LinAlgError` for the first entry of the batch that is not 0; `text` is formatted with it."""
    if info.is_meta:
        return
    values = np.asarray(info._arr.np).reshape(-1)
    bad = values.nonzero()[0]
    if bad.size:
        where = f"(Batch element {bad[0]}): " if info.dim() else ""
        raise LinAlgError(f"{name}: {where}{text.format(int(values[bad[0]]))}")


def columns(a: Array) -> Array:
    """A column-major window on a kernel's transposed result."""
    *batch, n, m = a.shape
    strides = list(contiguous_strides(a.shape))
    strides[-2:] = strides[-1], strides[-2]
    return a.as_strided((*batch, m, n), tuple(strides), a.offset)


def column_major(x: Tensor) -> Tensor:
    """The same matrices, column after column in memory."""
    return x.mT.contiguous().mT


def mH(x: Tensor) -> Tensor:
    """The adjoint."""
    return x.mT.conj() if x.dtype.category == COMPLEX else x.mT


def expand_batches(a: Tensor, b: Tensor, vectors: bool = False) -> tuple[Tensor, Tensor]:
    """Both with a common batch shape; matrices are the last two dimensions (of `b` the last one if `vectors`)."""
    from .shape import broadcast_shapes

    core = 1 if vectors else 2
    batch = tuple(broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[: b.dim() - core])))
    return a.expand(batch + tuple(a.shape[-2:])), b.expand(batch + tuple(b.shape[b.dim() - core :]))


def recorded(*tensors: Tensor) -> bool:
    """Whether a gradient will be asked for."""
    from ..tape.grad_mode import mode

    return mode.enabled and any(t.requires_grad for t in tensors)
