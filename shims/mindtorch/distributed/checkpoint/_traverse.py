"""Walks over nested state dictionaries (``torch.distributed.checkpoint._traverse``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import mindtorch as torch

__all__ = ["get_element", "print_tensor", "set_element", "traverse_state_dict"]

PATH_ITEM = str | int
OBJ_PATH = tuple[PATH_ITEM, ...]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def traverse_state_dict(
    state_dict: Mapping[str, Any],
    visitor: Callable[[OBJ_PATH, Any], None],
    keep_traversing: Callable[[Any], bool] = _is_tensor,
) -> None:
    """Call ``visitor(path, value)`` for every leaf.

    Mappings are always opened, tuples never; lists when an item in them, however deep, is a mapping or one that
    ``keep_traversing`` wants to see (default: a tensor).
    """

    def opens(items: Any) -> bool:
        return any(
            isinstance(item, Mapping) or (isinstance(item, list) and opens(item)) or keep_traversing(item)
            for item in items
        )

    def walk(path: OBJ_PATH, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                walk((*path, str(key)), item)
        elif isinstance(value, list) and opens(value):
            for i, item in enumerate(value):
                walk((*path, i), item)
        else:
            visitor(path, value)

    for key, value in state_dict.items():
        walk((str(key),), value)


def set_element(root_dict: Any, path: OBJ_PATH, value: Any) -> None:
    """Put ``value`` at ``path``, making dictionaries and lists on the way."""
    container = root_dict
    for key, following in pairwise(path):
        container = _child(container, key, dict if isinstance(following, str) else list)
    key = path[-1]
    if isinstance(container, list):
        _grow(container, key, None)
    container[key] = value


def _child(container: Any, key: Any, kind: Callable[[], Any]) -> Any:
    if isinstance(container, list):
        _grow(container, key, None)
        if container[key] is None:
            container[key] = kind()
        return container[key]
    return container.setdefault(key, kind())


def _grow(items: list[Any], index: Any, filler: Any) -> None:
    items.extend([filler] * (index + 1 - len(items)))


def get_element(root_dict: Any, path: OBJ_PATH, default_value: Any = None) -> Any:
    """The value at ``path``, or ``default_value``."""
    value = root_dict
    for key in path:
        if isinstance(value, (list, tuple)):
            if not isinstance(key, int) or len(value) <= key:
                return default_value
        elif key not in value:
            return default_value
        value = value[key]
    return value


def print_tensor(path: OBJ_PATH, value: Any, print_fun: Callable[[str], None] = print) -> None:
    """Print the path with the type, and for a tensor its size and dtype."""
    if isinstance(value, torch.Tensor):
        print_fun(f"[{path}] Tensor: {tuple(value.shape)} {value.dtype}")
    else:
        print_fun(f"[{path}] Type: {type(value)}")
