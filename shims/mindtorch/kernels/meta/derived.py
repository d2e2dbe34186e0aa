"""Outlines that are derived by running the NumPy kernels on next to nothing."""

from __future__ import annotations

from functools import lru_cache
from inspect import unwrap
from typing import Any

import numpy as np

from ..._array import Array
from ..._device import CPU
from ..._dtype import complex32, complex64, dtype, float16, float32
from .. import _COMPLEX_NAMES, _run_numpy
from ..reference import KERNELS
from ..reference.complex import REAL_ONLY
from ._registry import Outline, Shape, outline

POINTWISE = frozenset(
    name for name, kernel in KERNELS.items()
    if isinstance(unwrap(kernel.fn), np.ufunc)
    or kernel.fn.__module__.rpartition(".")[2] in ("pointwise", "special", "polynomials", "complex")
) - {"isin"} | {
    "silu", "softplus", "gelu", "sigmoid_backward", "tanh_backward", "relu_backward", "silu_backward", "gelu_backward",
}  # fmt: skip
"""Kernels whose operands broadcast and whose results have the shape to which they do."""

_CORE = {
    "linalg_cholesky": (2,), "linalg_cholesky_solve": (2, 2), "linalg_lu": (2,), "linalg_solve": (2, 2),
    "linalg_inv": (2,), "linalg_det": (2,), "linalg_slogdet": (2,), "linalg_triangular": (2, 2), "linalg_ldl": (2,),
    "linalg_ldl_solve": (2, 1, 2), "linalg_geqrf": (2,), "linalg_householder": (2, 1), "linalg_ormqr": (2, 1, 2),
    "linalg_eigh": (2,), "linalg_eig": (2,), "linalg_lstsq": (2, 2),
}  # fmt: skip
"""Kernels that work through a batch of matrices, and how many dimensions each operand has after the batch's."""


def broadcast(*shapes: Shape) -> Shape:
    """The common shape. Raises RuntimeError as PyTorch does where there is none."""
    out: list[int] = []
    for shape in shapes:
        out = [1] * (len(shape) - len(out)) + out
        for i in range(1, len(shape) + 1):
            n = shape[-i]
            if out[-i] == 1:
                out[-i] = n
            elif n not in (1, out[-i]):
                raise RuntimeError(
                    f"The size of tensor a ({out[-i]}) must match the size of tensor b ({n}) at non-singleton "
                    f"dimension {len(out) - i}"
                )
    return tuple(out)


def pointwise(name: str, args: tuple[Any, ...]) -> Outline | list[Outline]:
    """The operands' common shape, and the dtypes that the NumPy kernel gives for single elements of theirs."""
    shape = broadcast(*(a.shape for a in args if type(a) is Array))
    found = element_dtypes(name, tuple((a.dtype,) if type(a) is Array else a for a in args))
    return (shape, found) if isinstance(found, dtype) else [(shape, d) for d in found]


@lru_cache(maxsize=4096)
def element_dtypes(name: str, args: tuple[Any, ...]) -> dtype | tuple[dtype, ...]:
    """The dtypes of a kernel's results; an operand is given as a tuple of its dtype alone.

    complex32 is computed in complex64 and rounded.
    """
    halves = (complex32,) in args and not KERNELS[name].exact
    if halves:
        args = tuple((complex64,) if a == (complex32,) else a for a in args)
    found = small(name, *(Array(np.ones(1, a[0]._np), CPU, a[0]) if type(a) is tuple else a for a in args))
    dtypes = tuple(a.dtype for a in (found if isinstance(found, tuple) else (found,)))
    if halves:
        dtypes = tuple({complex64: complex32, float32: float16}.get(d, d) for d in dtypes)
    return dtypes if isinstance(found, tuple) else dtypes[0]


def small(name: str, *args: Any) -> Any:
    """The NumPy kernel's result for small operands, widened, rounded and refused as on the CPU."""
    kernel = KERNELS[name]
    low = None
    for a in args:
        if type(a) is Array:
            d = a.dtype
            if d.is_complex and (name in REAL_ONLY or (d is complex32 and not kernel.exact)):
                raise NotImplementedError(f"\"{name}_meta\" not implemented for '{_COMPLEX_NAMES[d]}'")
            low = d if d.is_low and not kernel.exact else low
    return _run_numpy(kernel, args, CPU, low)


def _by_batch(name: str, core: tuple[int, ...]) -> None:
    """Register a shape function that runs the kernel on a batch of no matrices."""

    @outline(name)
    def declared(*args: Any) -> Outline | list[Outline]:
        dims = iter(core)
        batch: Shape = ()
        given = []
        for a in args:
            if type(a) is Array:
                cut = len(a.shape) - next(dims)
                batch, a = a.shape[:cut], Array(np.empty((0, *a.shape[cut:]), a.dtype._np), CPU, a.dtype)
            given.append(a)
        found = small(name, *given)
        if isinstance(found, tuple):
            return [((*batch, *x.shape[1:]), x.dtype) for x in found]
        return (*batch, *found.shape[1:]), found.dtype


for _name, _dims in _CORE.items():
    _by_batch(_name, _dims)
