"""First derivatives by one kernel each, in the place of formulas of many: nothing records them, so nothing is lost."""

from __future__ import annotations

from typing import Any

from .._array import Array
from .._device import META
from .._tensor import Tensor, wrap
from ..kernels import call, table_name
from ..tape.grad_mode import mode

# On Ascend the formulas run on the device; these kernels are the host's.
_ON_HOST = table_name() != "ascend"


def usable(g: Tensor) -> bool:
    """Whether the gradient that is made from `g` is not going to be differentiated, and is computed here."""
    a = g._arr
    return _ON_HOST and not mode.enabled and a.device is not META and not a.dtype.is_complex


def product(g: Tensor, x: Tensor) -> Tensor:
    """``g * x``, in the dtype of `g`, for a first derivative."""
    if usable(g) and x._arr.dtype is g._arr.dtype:
        return wrap(call("mul", g._arr, x._arr))
    return g * x


def fused(kernel: str, *operands: Any) -> Any:
    """The result of a kernel on tensors and parameters, outside of the graph: a tensor, or a tuple of them."""
    out = call(kernel, *[x._arr if isinstance(x, Tensor) else x for x in operands])
    return wrap(out) if type(out) is Array else tuple(wrap(o) for o in out)
