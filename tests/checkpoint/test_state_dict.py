"""torch.distributed.checkpoint.state_dict on models that are not sharded: PyTorch's forms, and reloading."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import mindtorch
import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
LIBRARIES = [torch, mindtorch]


def utilities(lib: Any) -> Any:
    return importlib.import_module(f"{lib.__name__}.distributed.checkpoint.state_dict")


def training(lib: Any, reverse: bool = False, step: bool = True) -> tuple[Any, Any]:
    """A model and its optimizer, after a step with known gradients."""
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3), lib.nn.Linear(3, 1))
    model[2].bias.requires_grad_(False)
    parameters = list(model.parameters())
    groups = [{"params": parameters[:2], "lr": 0.1}, {"params": parameters[2:], "weight_decay": 0.5}]
    if reverse:
        groups = [{**group, "params": group["params"][::-1]} for group in groups[::-1]]
    optimizer = lib.optim.AdamW(groups, lr=0.01)
    if step:
        for i, parameter in enumerate(parameters):
            if parameter.requires_grad:
                parameter.grad = lib.full_like(parameter, i + 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def rounded(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, mindtorch.Tensor)):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


OPTIONS: list[dict[str, Any]] = [
    {}, {"full_state_dict": True, "cpu_offload": True}, {"ignore_frozen_params": True},
    {"flatten_optimizer_state_dict": True},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("step", [True, False])
def test_states_are_pytorchs(options: dict[str, Any], step: bool) -> None:
    found = []
    for library in LIBRARIES:
        module = utilities(library)
        model, optimizer = training(library, step=step)
        states = module.get_state_dict(model, optimizer, options=module.StateDictOptions(**options))
        found.append(rounded(states))
    assert found[0] == found[1]


@pytest.mark.parametrize("flat", [False, True])
def test_reloading_in_another_order(flat: bool, tmp_path: Path) -> None:
    for library, other in ((torch, mindtorch), (mindtorch, torch)):
        module = utilities(library)
        options = module.StateDictOptions(flatten_optimizer_state_dict=flat)
        states = module.get_state_dict(*training(library), options=options)
        path = tmp_path / library.__name__
        library.distributed.checkpoint.save({"model": states[0], "optimizer": states[1]}, checkpoint_id=path)

        module = utilities(other)
        options = module.StateDictOptions(flatten_optimizer_state_dict=flat)
        model, optimizer = training(other, reverse=True, step=False)
        with other.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        model_state, optimizer_state = module.get_state_dict(model, optimizer, options=options)
        target = {"model": model_state, "optimizer": optimizer_state}
        other.distributed.checkpoint.load(target, checkpoint_id=path)
        result = module.set_state_dict(
            model, optimizer, model_state_dict=target["model"], optim_state_dict=target["optimizer"], options=options
        )
        assert tuple(result) == ([], [])
        again = module.get_optimizer_state_dict(model, optimizer)
        original = utilities(library).get_optimizer_state_dict(*training(library))
        assert rounded(again["state"]) == rounded(original["state"])
        assert [g["lr"] for g in again["param_groups"]] == [0.01, 0.1]
        assert [g["weight_decay"] for g in again["param_groups"]] == [0.5, 0.01]
        assert rounded(model.state_dict()) == rounded(training(library)[0].state_dict())


def test_what_is_refused() -> None:
    module = utilities(mindtorch)
    model, optimizer = training(mindtorch, step=False)
    with pytest.raises(NotImplementedError, match="broadcast_from_rank0"):
        module.get_model_state_dict(model, options=module.StateDictOptions(broadcast_from_rank0=True))
    with pytest.raises(NotImplementedError, match="submodules"):
        module.get_model_state_dict(model, submodules={model[0]})
    model[0].weight.grad = mindtorch.ones(3, 2)
    with pytest.raises(RuntimeError, match="gradients are None"):
        module.get_optimizer_state_dict(model, optimizer)
    assert tuple(module.set_model_state_dict(model, {"0.weight": mindtorch.ones(3, 2)},
                                             options=module.StateDictOptions(strict=False)))[1] == []  # fmt: skip
    assert model[0].weight.sum() == 6
