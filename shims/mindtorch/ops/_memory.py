"""Which memory ``out=`` may share with the operands, and with itself: what PyTorch checks, by function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .._array import Array
from .._tensor import Tensor

# These read and write the operands' memory in an order of their own: `out` may not even be an operand.
_APART = frozenset({
    "index_select", "gather", "cat", "stack", "cross", "take", "take_along_dim", "kthvalue", "masked_select", "nonzero",
})  # fmt: skip
# As above, but for the first operand, which they update.
_UPDATES = frozenset({
    "index_copy", "index_add", "index_reduce", "scatter", "scatter_add", "scatter_reduce",
})  # fmt: skip
# Only the first operand is read while `out` is written.
_FIRST = frozenset({"addbmm", "addmm", "addmv", "baddbmm", "ldexp"})
# These compute elsewhere and copy: nothing is checked.
_COPIED = frozenset({
    "alias_copy", "amax", "amin", "as_strided_copy", "bmm", "cholesky",
    "cholesky_ex", "cholesky_inverse", "cholesky_solve", "cond", "cummax", "cummin", "det", "diag", "diagonal_copy",
    "eigh", "eigvalsh", "expand_copy", "geqrf", "hfft", "hfft2", "hfftn", "histogram", "householder_product", "inv",
    "inv_ex", "inverse", "irfft", "irfft2", "irfftn", "ldl_factor", "ldl_factor_ex", "ldl_solve",
    "log_softmax", "logsumexp", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "lu_unpack", "matmul", "mean",
    "mm", "multi_dot", "mv", "mvlgamma", "multigammaln", "ndtr", "norm", "ormqr", "permute_copy", "pinv", "qr",
    "slice_scatter", "slogdet", "softmax", "solve", "solve_ex", "solve_triangular", "squeeze_copy", "std", "svdvals",
    "t_copy", "tensordot", "tensorinv", "tensorsolve", "transpose_copy", "triangular_solve", "tril", "triu",
    "unfold_copy", "unsqueeze_copy", "var", "view_copy",
})  # fmt: skip
# Elements of `out` may share memory: the last one that is written stays.
_SHARED = frozenset({
    "all", "amax", "amin", "any", "argmax", "argmin", "bmm", "cummax", "cummin", "empty", "full", "hash_tensor",
    "histc", "histogram", "matmul", "matrix_rank", "multi_dot", "mv", "norm", "ones", "std", "tril", "triu", "var",
    "zeros",
})  # fmt: skip


def may_repeat(name: str) -> bool:
    """Whether the function takes an `out` whose elements share memory."""
    return name in _SHARED


def check_apart(name: str, out: Tensor, operands: Iterable[Any]) -> None:
    """Raises RuntimeError when the function `name` may not write to `out` while it reads `operands` (in order)."""
    if name in _COPIED:
        return
    apart = name in _APART
    for place, t in enumerate(_tensors(operands)):
        if place and name in _FIRST:
            return
        status = _overlap(out._arr, t._arr)
        if status == "partial" or (status == "full" and (apart or (place and name in _UPDATES))):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for x in values:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from _tensors(x)


def _overlap(a: Array, b: Array) -> str:
    """"full" (the same elements), "partial", "none", or "unknown": PyTorch looks at windows without gaps only."""
    if a is b:
        return "full"
    if not (a.in_host_memory and b.in_host_memory and a.size and b.size):
        return "none"
    if not (a.is_dense and b.is_dense):
        return "unknown"
    first, second = (x.storage.data_ptr + x.offset * x.dtype.itemsize for x in (a, b))
    first_end, second_end = first + a.size * a.dtype.itemsize, second + b.size * b.dtype.itemsize
    if first == second and first_end == second_end:
        return "full" if a.strides == b.strides else "partial"
    return "partial" if first < second_end and second < first_end else "none"
