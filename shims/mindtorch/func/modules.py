"""Modules as functions of their parameters: ``functional_call`` and ``stack_module_state``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mindtorch as torch

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """``module(*args, **kwargs)`` with the given tensors in the place of its parameters and buffers.

    `parameter_and_buffer_dicts`: tensors by their full name, or several such dictionaries. `tie_weights`: what is
    given for one name holds for all names of that tensor. Raises RuntimeError for unknown names with `strict`,
    ValueError for a name in two dictionaries.
    """
    given = _merged(parameter_and_buffer_dicts)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    merged: dict[str, Any] = {}
    for d in dicts:
        if twice := merged.keys() & d.keys():
            raise ValueError(
                f"{sorted(twice)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        merged.update(d)
    return merged


@contextlib.contextmanager
def _replaced(module: Any, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    named = dict(module.named_parameters(remove_duplicate=False))
    named.update(module.named_buffers(remove_duplicate=False))
    if unknown := given.keys() - named.keys():
        if strict:
            raise RuntimeError(f"Unexpected key(s): {', '.join(sorted(unknown))}.")
        given = {name: t for name, t in given.items() if name in named}
    if strict and (missing := named.keys() - given.keys()):
        raise RuntimeError(f"Missing key(s): {', '.join(sorted(missing))}.")
    if tie_weights:
        by_identity = {id(named[name]): t for name, t in given.items()}
        given = {name: by_identity[id(t)] for name, t in named.items() if id(t) in by_identity}
    places = []
    for name, t in given.items():
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        table = owner._parameters if last in owner._parameters else owner._buffers
        places.append((table, last, table[last]))
        table[last] = t
    try:
        yield
    finally:
        for table, last, before in reversed(places):
            table[last] = before


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and buffers of modules of one kind, each stacked along a new first dimension."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) != 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    if len({m.training for m in models}) != 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    stacked = {
        name: torch.stack([p[name].detach() for p in parameters]).requires_grad_(parameters[0][name].requires_grad)
        for name in parameters[0]
    }
    return stacked, {name: torch.stack([b[name] for b in buffers]) for name in buffers[0]}
