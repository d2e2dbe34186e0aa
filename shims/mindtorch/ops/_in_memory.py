"""Arithmetic in place that needs no intermediate result: it is computed straight into the tensor's memory.

Only where nothing is recorded and the operands need no conversion; the result has the bits of the functional form. All
else takes the general way of in-place operators, ``tape.inplace.write``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._array import Array, scalar_array
from .._device import CPU
from .._tensor import Tensor
from ..kernels import COUNTS, quietly
from ..kernels.reference._blocks import each_block

__all__ = ["DIRECT"]


def _operand(a: Array, other: Any) -> np.ndarray | None:
    """The other operand as it enters the computation; None if this is not the place for it."""
    if type(other) is float or type(other) is int:
        return scalar_array(other, a.dtype).np
    if not isinstance(other, Tensor):
        return None
    b = other._arr
    on_another = b.device is not a.device and (b.shape or b.device is not CPU)
    if b.dtype is not a.dtype or not b.in_host_memory or on_another:
        return None
    if b.shape == a.shape:
        # What overlaps in another way has to be read before any of it is written.
        return b.np if b is a or not np.may_share_memory(a.np, b.np) else None
    return b.np if not b.shape and not np.may_share_memory(a.np, b.np) else None


def _arithmetic(name: str, ufunc: np.ufunc) -> Callable[..., bool]:
    def compute(t: Tensor, *args: Any, **kwargs: Any) -> bool:
        a = t._arr
        if len(args) != 1 or kwargs or not (a.in_host_memory and a.dtype.is_floating_point and a.dtype.is_plain):
            return False
        b = _operand(a, args[0])
        if b is None:
            return False
        COUNTS[name][1] += 1
        target = a.np

        def part(rows: slice) -> None:
            ufunc(target[rows], b[rows] if b.ndim else b, out=target[rows])

        if target.ndim:
            quietly(each_block, (part, len(target), target.size // max(len(target), 1), True))
        else:
            quietly(ufunc, (target, b, target))
        return True

    return compute


DIRECT: dict[str, Callable[..., bool]] = {
    "add": _arithmetic("add", np.add),
    "sub": _arithmetic("sub", np.subtract),
    "mul": _arithmetic("mul", np.multiply),
    "div": _arithmetic("div", np.true_divide),
}
"""By operator: computes ``t.operator_(*args, **kwargs)`` in place and returns True, or does nothing."""
