"""From a list of entries to a batch (``torch.utils.data._utils.collate``)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import mindtorch as torch

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

_Map = dict[Any, Callable[..., Any]]


def default_convert(data: Any) -> Any:
    """NumPy arrays inside ``data`` as tensors, everything else as it is."""
    if isinstance(data, torch.Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else torch.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt_sequence(data, [default_convert(d) for d in data])
    return data


def _rebuilt_mapping(original: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    """A mapping of the original's type; a plain dictionary where that type cannot be built."""
    try:
        if isinstance(original, MutableMapping):
            clone = copy.copy(original)
            clone.update(values)
            return clone
        return type(original)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _rebuilt_sequence(original: Sequence[Any], values: list[Any]) -> Any:
    """A sequence of the original's type; a list where that type cannot be built."""
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for i, value in enumerate(values):
                clone[i] = value
            return clone
        return type(original)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def collate(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Join the entries of ``batch``: leaves by the function of their type, containers element by element.

    Raises:
        TypeError: a leaf's type has no function.
        RuntimeError: sequences of different lengths.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None:
            function = next((f for k, f in collate_fn_map.items() if isinstance(first, k)), None)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        joined = {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first}
        return _rebuilt_mapping(first, joined)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if not all(len(entry) == len(first) for entry in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        transposed = [collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch, strict=True)]
        return transposed if isinstance(first, tuple) else _rebuilt_sequence(first, transposed)
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}")


def collate_tensor_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Tensors stacked along a new first dimension."""
    return torch.stack(list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Arrays as tensors, stacked; arrays of strings or objects are refused."""
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise TypeError(
            f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {first.dtype}"
        )
    return collate([torch.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """NumPy numbers as one tensor."""
    return torch.as_tensor(np.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Floats as a float64 tensor."""
    return torch.tensor(batch, dtype=torch.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Integers as a tensor."""
    return torch.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: _Map | None = None) -> Any:
    """Strings as they are."""
    return batch


default_collate_fn_map: _Map = {
    torch.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """Join entries into a batch: tensors, arrays and numbers stacked; mappings and sequences by element."""
    return collate(batch, collate_fn_map=default_collate_fn_map)
