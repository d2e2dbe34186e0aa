"""Nested state dictionaries as flat ones (``torch.distributed.checkpoint._nested_dict``)."""

from __future__ import annotations

from typing import Any

from mindtorch.distributed.checkpoint._traverse import OBJ_PATH, set_element, traverse_state_dict

__all__ = ["flatten_state_dict", "unflatten_state_dict"]

FLATTEN_MAPPING = dict[str, OBJ_PATH]


def flatten_state_dict(state_dict: Any) -> tuple[dict[str, Any], FLATTEN_MAPPING]:
    """Leaves by their path joined with dots, and the path of each."""
    flattened: dict[str, Any] = {}
    mappings: FLATTEN_MAPPING = {}

    def add(path: OBJ_PATH, value: Any) -> None:
        name = ".".join(map(str, path))
        if name in flattened:
            raise ValueError(f"duplicated flatten key {name}")
        flattened[name] = value
        mappings[name] = path

    traverse_state_dict(state_dict, add)
    return flattened, mappings


def unflatten_state_dict(state_dict: Any, mapping: FLATTEN_MAPPING) -> dict[str, Any]:
    """The nested dictionary again."""
    nested: dict[str, Any] = {}
    for name, value in state_dict.items():
        set_element(nested, mapping[name], value)
    return nested
