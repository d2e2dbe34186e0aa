"""``torch._utils``: flattening of tensor lists, and the functions that pickled tensors name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._dtype import dtype
from ._tensor import Tensor
from .ops.shape import cat
from .serialization.rebuild import (  # noqa: F401  checkpoints name them here
    _get_obj_state,
    _rebuild_meta_tensor_no_storage,
    _rebuild_parameter,
    _rebuild_parameter_with_state,
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
    _set_obj_state,
)


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """One vector with the elements of all."""
    flat = [t.contiguous().view(-1) for t in tensors]
    return flat[0] if len(flat) == 1 else cat(flat)


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Views of `flat` with the shapes of `tensors`."""
    out, offset = [], 0
    for t in tensors:
        n = t.numel()
        out.append(flat.narrow(0, offset, n).view(t.shape))
        offset += n
    return tuple(out)


def _element_size(d: dtype) -> int:
    """Bytes per element."""
    return d.itemsize


def _get_available_device_type() -> Any:
    from . import cuda

    return "cuda" if cuda.is_available() else None
