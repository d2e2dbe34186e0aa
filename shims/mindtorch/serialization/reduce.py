"""How a tensor is pickled: PyTorch's rebuild function and its arguments, around a handle of the storage."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from . import rebuild
from .names import UNTYPED, storage_type
from .storages import StorageRef

__all__ = ["reduce_tensor"]


def reduce_tensor(tensor: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """What ``Tensor.__reduce_ex__`` returns. A non-leaf comes back as a leaf; hooks and ``.grad`` stay behind."""
    array = tensor._arr
    # The OrderedDict stands where backward hooks once were stored.
    # New tuples: a pickle refers back to one that it has seen, which PyTorch never has.
    shape, strides = (*array.shape,), (*array.strides,)
    window = (array.offset, shape, strides, tensor.requires_grad, OrderedDict())
    function: Callable[..., Tensor]
    args: tuple[Any, ...]
    if tensor.is_meta:
        function = rebuild._rebuild_meta_tensor_no_storage
        args = (array.dtype, shape, strides, tensor.requires_grad)
    elif storage_type(array.dtype) is UNTYPED:
        function = rebuild._rebuild_tensor_v3
        args = (StorageRef(array.storage, None), *window, array.dtype)
    else:
        function = rebuild._rebuild_tensor_v2
        args = (StorageRef(array.storage, array.dtype), *window)
    state = rebuild._get_obj_state(tensor)
    if type(tensor) is Tensor and not state:
        return function, args
    return rebuild._rebuild_from_type_v2, (function, type(tensor), args, state)
