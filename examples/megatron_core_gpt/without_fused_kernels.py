"""Ways round what megatron.core 0.12.1 refuses where neither apex nor TransformerEngine is there.

That is so under PyTorch's CPU build. Nothing here changes a number.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from megatron.core import fp8_utils
from megatron.core.transformer import TransformerConfig
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.torch_norm import WrappedTorchNorm
from megatron.core.transformer.transformer_block import TransformerBlockSubmodules


class Norm:
    """PyTorch's norm, for sequence parallelism too.

    Each rank normalises its own part of the sequence, so the norm itself needs nothing. Its gradients have to be added
    up over the ranks: megatron.core does that for parameters with this mark, which otherwise only the norms of apex
    and TransformerEngine set.
    """

    def __new__(cls, config: TransformerConfig, hidden_size: int, eps: float = 1e-5, **_: Any) -> torch.nn.Module:
        alone = copy.copy(config)
        alone.sequence_parallel = False
        norm = WrappedTorchNorm(alone, hidden_size, eps)
        for parameter in norm.parameters():
            parameter.sequence_parallel = config.sequence_parallel
        return norm


def with_norm(layer: ModuleSpec, layers: int) -> TransformerBlockSubmodules:
    """A stack of layers with ``Norm`` before attention, before the MLP, and at the end."""
    layer.submodules.input_layernorm = layer.submodules.pre_mlp_layernorm = Norm
    return TransformerBlockSubmodules(layer_specs=[layer] * layers, layer_norm=Norm)


def allow_distributed_optimizer() -> None:
    """Let the distributed optimizer copy its parameters back: without TransformerEngine it raises even where there is
    no FP8 parameter to copy."""
    quantize = fp8_utils._quantize_param_shard_impl

    def only_if_any(model_params: list[Any], *args: Any, **kwargs: Any) -> None:
        if model_params:
            quantize(model_params, *args, **kwargs)

    fp8_utils._quantize_param_shard_impl = only_if_any
