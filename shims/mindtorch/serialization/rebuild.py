"""The functions that a pickled tensor calls when it is read back; their names and arguments are PyTorch's format."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

from .. import _dtype as dtypes
from .._tensor import Tensor, wrap
from .storages import as_ref

#: Those that PyTorch has in ``torch._utils``.
UTILS_NAMES = (
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
)
__all__ = ["UTILS_NAMES", "_get_obj_state", "_rebuild_from_type_v2", "_set_obj_state", *UTILS_NAMES]


def _rebuild_tensor(storage: Any, storage_offset: int, size: Any, stride: Any) -> Tensor:
    """A tensor on a typed storage."""
    ref = as_ref(storage)
    if ref.dtype is None:
        raise RuntimeError("a tensor on an untyped storage needs its dtype")
    return wrap(ref.window(ref.dtype, size, stride, storage_offset))


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """``_rebuild_tensor`` with ``requires_grad``; ``metadata`` tells of conjugations and negations put off."""
    return _finish(_rebuild_tensor(storage, storage_offset, size, stride), requires_grad, backward_hooks, metadata)


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    dtype: dtypes.dtype,
    metadata: Any = None,
) -> Tensor:
    """A tensor on an untyped storage: of the dtypes that no typed storage exists for."""
    array = as_ref(storage).window(dtype, size, stride, storage_offset)
    return _finish(wrap(array), requires_grad, backward_hooks, metadata)


def _rebuild_meta_tensor_no_storage(dtype: dtypes.dtype, size: Any, stride: Any, requires_grad: bool) -> Tensor:
    """A tensor on the meta device: there is no storage to read."""
    from ..ops.creation import empty_strided

    return empty_strided(size, stride, dtype=dtype, device="meta", requires_grad=requires_grad)


def _finish(tensor: Tensor, requires_grad: bool, backward_hooks: Any, metadata: Any) -> Tensor:
    if backward_hooks:
        raise NotImplementedError("tensors pickled with backward hooks are not supported: save them without hooks")
    for bit, pending in (metadata or {}).items():
        if pending and bit not in ("conj", "neg"):
            raise NotImplementedError(f"tensors pickled with {bit} are not supported")
        if pending:
            # What PyTorch puts off is done here: there are no such views, so the result has memory of its own.
            tensor = tensor.conj_physical() if bit == "conj" else tensor.neg()
    tensor._requires_grad = bool(requires_grad)
    return tensor


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    """An ``nn.Parameter`` over ``data``."""
    from ..nn.parameter import Parameter

    if backward_hooks:
        raise NotImplementedError("parameters pickled with backward hooks are not supported: save them without hooks")
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    """``_rebuild_parameter``, and the attributes that were set on it."""
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_from_type_v2(function: Callable[..., Tensor], new_type: type, args: tuple[Any, ...], state: Any) -> Any:
    """A tensor of a subclass, or with attributes: built by ``function``, then given its type and state."""
    tensor = function(*args)
    if type(tensor) is not new_type:
        requires_grad = tensor._requires_grad
        tensor = wrap(tensor._arr, new_type)
        tensor._requires_grad = requires_grad
    setstate = getattr(new_type, "__setstate__", None)
    if setstate is not None and setstate is not getattr(Tensor, "__setstate__", None):
        setstate(tensor, state)
        return tensor
    return _set_obj_state(tensor, state)


def _get_layout(name: str) -> dtypes.layout:
    """The layout that is printed as ``name``."""
    for layout in (dtypes.strided, dtypes.sparse_coo, dtypes.sparse_csr):
        if repr(layout) == name:
            return layout
    raise RuntimeError(f"layout {name} is not supported")


def _get_obj_state(obj: Any) -> Any:
    """The attributes of a tensor that its data does not hold: its ``__dict__``, with slots a pair of both."""
    slots = set(copyreg._slotnames(type(obj))) - set(copyreg._slotnames(Tensor))  # type: ignore[attr-defined]
    values = {name: getattr(obj, name) for name in slots if hasattr(obj, name)}
    return (obj.__dict__, values) if values else obj.__dict__


def _set_obj_state(obj: Any, state: Any) -> Any:
    """Give ``obj`` what ``_get_obj_state`` took. Raises RuntimeError for a state of another form."""
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if not isinstance(attributes, dict) or not isinstance(slots, (dict, type(None))):
        raise RuntimeError(f"invalid state of a tensor: {type(state).__name__}")
    obj.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(obj, name, value)
    return obj
