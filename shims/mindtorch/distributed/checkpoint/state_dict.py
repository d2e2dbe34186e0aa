"""States of models and optimizers under the parameters' names (``torch.distributed.checkpoint.state_dict``).

For models that no wrapper has sharded: what ``DistributedDataParallel`` wraps loses the prefix ``module.``. The forms
are PyTorch's, so that such states can be loaded with another set of ranks or another order of parameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import mindtorch as torch
from mindtorch.nn import Module
from mindtorch.optim import Optimizer

__all__ = [
    "StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "get_state_dict", "set_model_state_dict",
    "set_optimizer_state_dict", "set_state_dict",
]  # fmt: skip

_STATE, _GROUPS, _PARAMS = "state", "param_groups", "params"


@dataclass
class StateDictOptions:
    """How states are given and taken.

    Args:
        full_state_dict: whole tensors, also of sharded ones; here they are whole anyway.
        cpu_offload: tensors on the CPU.
        ignore_frozen_params: leave parameters that do not require gradients out of the model's state.
        keep_submodule_prefixes: with ``submodules``: names as in the whole model.
        strict: as of ``Module.load_state_dict``.
        broadcast_from_rank0: not supported.
        flatten_optimizer_state_dict: one flat dictionary for an optimizer, names joined with dots.
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"


def _checked(options: StateDictOptions | None, submodules: set[Module] | None = None) -> StateDictOptions:
    options = options or StateDictOptions()
    if options.broadcast_from_rank0:
        raise NotImplementedError("StateDictOptions(broadcast_from_rank0=True) is not supported: load on every rank")
    if submodules:
        raise NotImplementedError("submodules of get_state_dict are not supported: pass the submodule as the model")
    return options


def _name(name: str) -> str:
    """A parameter's name without what wrappers put in."""
    return ".".join(part for part in name.split(".") if part not in ("_orig_mod", "_checkpoint_wrapped_module"))


def _inner(model: Module) -> Module:
    """The model that a data-parallel wrapper holds."""
    wrapped = isinstance(model, torch.nn.parallel.DistributedDataParallel)
    return model.module if wrapped else model  # type: ignore[return-value]


def _names(model: Module) -> dict[int, str]:
    """Name by identity of the parameter; a shared one has its first."""
    return {id(parameter): _name(name) for name, parameter in _inner(model).named_parameters()}


def _given(value: Any, options: StateDictOptions) -> Any:
    """What callers get of a value."""
    if isinstance(value, dict):
        return {key: _given(item, options) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_given(item, options) for item in value)
    if isinstance(value, torch.Tensor) and options.cpu_offload and value.dim():
        return value.cpu()
    return value


def _as_tuple(optimizers: Optimizer | Iterable[Optimizer]) -> tuple[Optimizer, ...]:
    return (optimizers,) if isinstance(optimizers, Optimizer) else tuple(optimizers)


def get_model_state_dict(
    model: Module, *, submodules: set[Module] | None = None, options: StateDictOptions | None = None
) -> dict[str, Any]:
    """The model's state by name; parameters and buffers share their memory with it."""
    options = _checked(options, submodules)
    inner = _inner(model)
    state = {_name(name): value for name, value in inner.state_dict().items()}
    if options.ignore_frozen_params:
        for name, parameter in inner.named_parameters():
            if not parameter.requires_grad:
                state.pop(_name(name), None)
    return _given(state, options)


def set_model_state_dict(
    model: Module, model_state_dict: dict[str, Any], *, options: StateDictOptions | None = None
) -> Any:
    """Load a model's state. Returns the missing and unexpected names, as ``Module.load_state_dict``."""
    options = _checked(options)
    inner = _inner(model)
    own = {_name(name): name for name in inner.state_dict()}
    renamed = {own.get(name, name): value for name, value in model_state_dict.items()}
    if not renamed:
        return torch.nn.modules.module._IncompatibleKeys([], [])
    return inner.load_state_dict(renamed, strict=options.strict)


def _with_state(optimizer: Optimizer) -> None:
    """Give an optimizer that has not stepped yet its state, by a step that changes no parameter.

    Raises RuntimeError when gradients are there: they would be used.
    """
    if optimizer.state:
        return
    parameters = [p for group in optimizer.param_groups for p in group[_PARAMS] if p.requires_grad]
    if any(p.grad is not None for p in parameters):
        raise RuntimeError(
            "state_dict can only be used if the optimizer states are initialized (usually after one step() with "
            "gradients) or gradients are None."
        )
    before = [{key: group[key] for key in ("lr", "weight_decay") if key in group} for group in optimizer.param_groups]
    values = [p.detach().clone() for p in parameters]
    for p in parameters:
        p.grad = torch.zeros_like(p)
    for group in optimizer.param_groups:
        if "lr" in group:
            group["lr"] = torch.tensor(0.0) if isinstance(group["lr"], torch.Tensor) else 0.0
    optimizer.step(closure=None)
    for group, saved in zip(optimizer.param_groups, before, strict=True):
        group.update(saved)
    with torch.no_grad():
        for p, value in zip(parameters, values, strict=True):
            p.copy_(value)
    optimizer.zero_grad(set_to_none=True)


def get_optimizer_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    submodules: set[Module] | None = None,
    options: StateDictOptions | None = None,
) -> dict[str, Any]:
    """The optimizers' states by the parameters' names, instead of their numbers.

    An optimizer without a state gets one first. Raises RuntimeError when it has gradients then.
    """
    options = _checked(options, submodules)
    names = _names(model)
    result: dict[str, Any] = {_STATE: {}, _GROUPS: []}
    for optimizer in _as_tuple(optimizers):
        _with_state(optimizer)
        state = optimizer.state_dict()
        numbers = [number for group in state[_GROUPS] for number in group[_PARAMS]]
        parameters = [p for group in optimizer.param_groups for p in group[_PARAMS]]
        by_number = {number: names[id(p)] for number, p in zip(numbers, parameters, strict=True)}
        result[_STATE].update({by_number[n]: entry for n, entry in state[_STATE].items()})
        for group in state[_GROUPS]:
            result[_GROUPS].append({**group, _PARAMS: [by_number[n] for n in group[_PARAMS]]})
    result = _given(result, options)
    return _flattened(result) if options.flatten_optimizer_state_dict else result


def _flattened(nested: dict[str, Any]) -> dict[str, Any]:
    """``state.<name>.<entry>``, and ``param_groups.<name>.<option>`` for every parameter."""
    flat = {f"{_STATE}.{n}.{k}": value for n, entry in nested[_STATE].items() for k, value in entry.items()}
    for group in nested[_GROUPS]:
        for name in group[_PARAMS]:
            flat.update({f"{_GROUPS}.{name}.{key}": value for key, value in group.items() if key != _PARAMS})
    return flat


def _unflattened(flat: dict[str, Any], optimizer: Optimizer, names: dict[int, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {_STATE: {}, _GROUPS: []}
    for group in optimizer.param_groups:
        members = [names[id(p)] for p in group[_PARAMS]]
        for name in members:
            start = f"{_STATE}.{name}."
            entry = {key[len(start) :]: value for key, value in flat.items() if key.startswith(start)}
            if entry:
                nested[_STATE][name] = entry
        start = f"{_GROUPS}.{members[0]}." if members else ""
        values = {key: flat[start + key] for key in group if key != _PARAMS and start + key in flat}
        nested[_GROUPS].append({_PARAMS: members, **values})
    return nested


def set_optimizer_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    optim_state_dict: dict[str, Any],
    *,
    options: StateDictOptions | None = None,
) -> None:
    """Load states by the parameters' names into the optimizers, whatever the order of their parameters.

    Raises RuntimeError when a parameter group of an optimizer is in no group of the state.
    """
    options = _checked(options)
    names = _names(model)
    for optimizer in _as_tuple(optimizers):
        _with_state(optimizer)
        nested = optim_state_dict
        if options.flatten_optimizer_state_dict or _STATE not in nested:
            nested = _unflattened(nested, optimizer, names)
        state: dict[Any, Any] = {}
        groups: list[Any] = []
        number = 0
        for group in optimizer.param_groups:
            members = [names[id(p)] for p in group[_PARAMS]]
            saved = next((g for g in nested[_GROUPS] if not members or members[0] in g[_PARAMS]), None)
            if saved is None:
                raise RuntimeError(f"the state has no parameter group with {members[0]}")
            numbers = list(range(number, number + len(members)))
            number += len(members)
            state.update({n: nested[_STATE][name] for n, name in zip(numbers, members, strict=True)
                          if name in nested[_STATE]})  # fmt: skip
            groups.append({**{k: v for k, v in saved.items() if k != _PARAMS}, _PARAMS: numbers})
        optimizer.load_state_dict({_STATE: state, _GROUPS: groups})


def get_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    submodules: set[Module] | None = None,
    options: StateDictOptions | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """:func:`get_model_state_dict` and :func:`get_optimizer_state_dict`."""
    optimizers = _as_tuple(optimizers)
    model_state = get_model_state_dict(model, submodules=submodules, options=options)
    if not optimizers:
        return model_state, {}
    return model_state, get_optimizer_state_dict(model, optimizers, submodules=submodules, options=options)


def set_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    model_state_dict: dict[str, Any],
    optim_state_dict: dict[str, Any],
    options: StateDictOptions | None = None,
) -> Any:
    """:func:`set_optimizer_state_dict`, then :func:`set_model_state_dict`, whose result is returned."""
    optimizers = _as_tuple(optimizers)
    if optimizers:
        set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return set_model_state_dict(model, model_state_dict, options=options)
