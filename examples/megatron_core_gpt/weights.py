"""Stored weights of the whole model, and the part of them that a rank holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from megatron.core import parallel_state
from megatron.core.transformer.transformer_layer import TransformerLayer

_TIED = {"output_layer.weight": "embedding.word_embeddings.weight"}


def load(model: torch.nn.Module, path: Path, swiglu: bool) -> None:
    """Fill a model, or the chunk of one that this rank has, from the ``.npz`` of the whole model.

    Args:
        swiglu: ``linear_fc1`` holds two matrices, one above the other: the gate's, and the one that is gated.
    """
    stored = np.load(path)
    with torch.no_grad():
        for name, parameter in _global_names(model):
            # A last pipeline stage has a copy of the embeddings that it shares with the first.
            key = name if name in stored.files else _TIED[name]
            parameter.copy_(torch.from_numpy(_shard(stored[key], parameter, name, swiglu)))


def _global_names(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Parameters by their names in the whole model: ranks count their layers and experts from 0."""
    modules = dict(model.named_modules())
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        for i, part in enumerate(parts):
            module = modules.get(".".join(name.split(".")[: i + 1]))
            if isinstance(module, TransformerLayer):
                parts[i] = str(module.layer_number - 1)
            elif i and parts[i - 1] == "local_experts":
                local = len(modules[".".join(name.split(".")[:i])])  # type: ignore[arg-type]
                parts[i] = str(int(part) + parallel_state.get_expert_model_parallel_rank() * local)
        yield ".".join(parts), parameter


def _shard(whole: np.ndarray[Any, Any], parameter: torch.nn.Parameter, name: str, swiglu: bool) -> Any:
    """The rows or columns of this tensor-parallel rank; what is not cut as it is."""
    if whole.shape == tuple(parameter.shape):
        return whole
    expert = ".experts." in name
    ranks, rank = (
        (parallel_state.get_expert_tensor_parallel_world_size(), parallel_state.get_expert_tensor_parallel_rank())
        if expert
        else (parallel_state.get_tensor_model_parallel_world_size(), parallel_state.get_tensor_model_parallel_rank())
    )
    axis = parameter.partition_dim
    matrices = np.split(whole, 2) if swiglu and "linear_fc1" in name else [whole]
    return np.concatenate([np.split(matrix, ranks, axis)[rank] for matrix in matrices])
