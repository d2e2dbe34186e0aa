"""Trains small GPTs of a converted megatron.core with the two layer specs, from the same weights.

``gpt_program.py OUTPUT TENSOR_PARALLEL CASE...``; started by mpiexec where there are several ranks. OUTPUT becomes JSON
of the first rank: for each case the losses and gradient norms of the local spec and of TransformerEngine's.
"""

# ruff: noqa: E402

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("MINDTORCH_CUDA_ALIAS", "1")
warnings.simplefilter("ignore")

import mindtorch as torch
import mindtorch.nn.functional as F
import numpy as np
from megatron.core import parallel_state, tensor_parallel
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig, finalize_model_grads
from megatron.core.enums import ModelType
from megatron.core.models.gpt import GPTModel, gpt_layer_specs
from megatron.core.models.gpt.gpt_layer_specs import (
    get_gpt_layer_local_spec,
    get_gpt_layer_with_transformer_engine_spec,
)
from megatron.core.num_microbatches_calculator import init_num_microbatches_calculator
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.pipeline_parallel.schedules import get_forward_backward_func
from megatron.core.rerun_state_machine import initialize_rerun_state_machine
from megatron.core.transformer import TransformerConfig

VOCABULARY, LENGTH, BATCH, STEPS = 64, 16, 2, 3
LAYERS, HEADS = 2, 4
LAYER_NORM = gpt_layer_specs.LNImpl

RMS = {"normalization": "RMSNorm", "add_bias_linear": False, "gated_linear_unit": True, "activation_func": F.silu,
       "num_query_groups": 2}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "rms": RMS,
    "layer_norm": {"normalization": "LayerNorm"},
    "dropout": {"normalization": "LayerNorm", "attention_dropout": 0.2, "hidden_dropout": 0.1},
    "norms": {"normalization": "LayerNorm", "layernorm_zero_centered_gamma": True, "qk_layernorm": True},
    "fused": {"normalization": "LayerNorm", "gradient_accumulation_fusion": True, "apply_rope_fusion": True},
    "moe": {**RMS, "num_moe_experts": 4, "moe_router_topk": 2, "moe_ffn_hidden_size": 32, "moe_grouped_gemm": True,
            "moe_aux_loss_coeff": 0.01, "moe_token_dispatcher_type": "allgather"},
    "moe_fused": {**RMS, "num_moe_experts": 4, "moe_router_topk": 2, "moe_ffn_hidden_size": 32,
                  "moe_grouped_gemm": True, "moe_aux_loss_coeff": 0.01, "moe_token_dispatcher_type": "alltoall",
                  "moe_permute_fusion": True},
    "distributed_optimizer": {**RMS, "cross_entropy_loss_fusion": True, "cross_entropy_fusion_impl": "te"},
}  # fmt: skip


def local_name(name: str, moe: bool) -> str:
    """What the local spec calls a parameter of TransformerEngine's."""
    name = name.replace("self_attention.linear_qkv.layer_norm_", "input_layernorm.")
    name = name.replace("mlp.linear_fc1.layer_norm_", "pre_mlp_layernorm.")
    for i in range(4 if moe else 0):
        for layer in ("linear_fc1", "linear_fc2"):
            name = name.replace(f"experts.{layer}.weight{i}", f"experts.local_experts.{i}.{layer}.weight")
    return name


def config_of(case: str, tensor_parallel_size: int, fused: bool) -> TransformerConfig:
    """The configuration of a case. What needs TransformerEngine is off for the local spec."""
    options = dict(CASES[case])
    if not fused:
        options.update(apply_rope_fusion=False, moe_permute_fusion=False, moe_grouped_gemm=False)
        options.pop("cross_entropy_loss_fusion", None)
        options.pop("cross_entropy_fusion_impl", None)
    # The local norms know neither RMS with sequence parallelism.
    sequence_parallel = tensor_parallel_size > 1 and (fused or options["normalization"] == "LayerNorm")
    return TransformerConfig(
        num_layers=LAYERS, hidden_size=32, num_attention_heads=HEADS, ffn_hidden_size=64,
        tensor_model_parallel_size=tensor_parallel_size, sequence_parallel=sequence_parallel,
        use_cpu_initialization=True, params_dtype=torch.float32, pipeline_dtype=torch.float32,
        bias_activation_fusion=False, masked_softmax_fusion=False, bias_dropout_fusion=False, persist_layer_norm=False,
        **{"hidden_dropout": 0.0, "attention_dropout": 0.0, **options},
    )  # fmt: skip


def model_of(case: str, config: TransformerConfig, engine: bool) -> GPTModel:
    """A GPT with one of the two specs."""
    options = {"num_experts": config.num_moe_experts, "moe_grouped_gemm": config.moe_grouped_gemm,
               "qk_layernorm": config.qk_layernorm}  # fmt: skip
    if engine:
        spec = get_gpt_layer_with_transformer_engine_spec(**options)
    else:
        # Asking for RMSNorm changes the norm of all specs that are made later.
        gpt_layer_specs.LNImpl = LAYER_NORM
        normalization = "RMSNorm" if config.normalization == "RMSNorm" else None
        spec = get_gpt_layer_local_spec(**options, normalization=normalization)
    model = GPTModel(
        config, spec, vocab_size=VOCABULARY, max_sequence_length=LENGTH, position_embedding_type="rope",
        share_embeddings_and_output_weights=False,
    )  # fmt: skip
    model.model_type = ModelType.encoder_or_decoder
    for parameter in model.parameters():
        tensor_parallel.set_defaults_if_not_set_tensor_model_parallel_attributes(parameter)
    return model.cuda()


def forward_step(batches: Any, model: Any) -> Any:
    """One micro-batch, as Megatron's schedules want it."""
    tokens, labels, positions, mask = next(batches)
    losses = model(tokens, positions, mask, labels=labels)

    def loss(output: torch.Tensor) -> Any:
        total = output.float().sum()
        count = torch.tensor(output.numel(), dtype=torch.int)
        return total, count, {"loss": (total.detach().clone(), count.float())}

    return losses, loss


def batches_of() -> Any:
    random = np.random.default_rng(3)
    mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1).expand(BATCH, 1, LENGTH, LENGTH).cuda()
    positions = torch.arange(LENGTH).expand(BATCH, LENGTH).cuda()
    while True:
        tokens = torch.from_numpy(random.integers(0, VOCABULARY, (BATCH, LENGTH + 1))).cuda()
        yield tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), positions, mask


def trained(case: str, size: int, engine: bool, weights: dict[str, torch.Tensor] | None) -> tuple[dict[str, Any], Any]:
    """Losses and gradient norms, and the weights that training began with."""
    torch.manual_seed(7)
    tensor_parallel.model_parallel_cuda_manual_seed(7)
    config = config_of(case, size, engine)
    model = model_of(case, config, engine)
    # Biases and norms begin with what makes mistakes invisible.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if weights is None:
                if parameter.dim() == 1:
                    parameter.add_(torch.linspace(-0.2, 0.2, parameter.numel(), device=parameter.device))
            else:
                parameter.copy_(weights[local_name(name, config.num_moe_experts is not None)])
    begun = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    distributed = case == "distributed_optimizer"
    wrapped = DistributedDataParallel(
        config, DistributedDataParallelConfig(use_distributed_optimizer=distributed), model
    )
    options = OptimizerConfig(
        optimizer="adam", lr=1e-2, weight_decay=0.1, clip_grad=1.0, use_distributed_optimizer=distributed
    )
    optimizer = get_megatron_optimizer(options, [wrapped])
    config.finalize_model_grads_func = finalize_model_grads
    config.grad_scale_func = optimizer.scale_loss
    batches = batches_of()
    run: dict[str, Any] = {"losses": [], "norms": []}
    for _ in range(STEPS):
        wrapped.zero_grad_buffer()
        optimizer.zero_grad()
        reduced = get_forward_backward_func()(
            forward_step_func=forward_step, data_iterator=batches, model=[wrapped], num_microbatches=2,
            seq_length=LENGTH, micro_batch_size=BATCH, forward_only=False,
        )  # fmt: skip
        succeeded, norm, _ = optimizer.step()
        assert succeeded
        run["losses"].append(sum(float(r["loss"][0]) for r in reduced) / sum(float(r["loss"][1]) for r in reduced))
        run["norms"].append(float(norm))
    run["optimizer"] = type(getattr(optimizer, "chained_optimizers", [optimizer])[0].optimizer).__module__
    run["sequence_parallel"] = model.decoder.layers[0].self_attention.linear_qkv.sequence_parallel
    run["extra_states"] = sorted(name for name in model.state_dict() if name.endswith("_extra_state"))
    return run, begun


def main() -> None:
    output, size, cases = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if size == 1:
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    else:
        torch.distributed.init_process_group("nccl")
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=size)
    initialize_rerun_state_machine()
    init_num_microbatches_calculator(0, None, 2 * BATCH, BATCH, 1)
    results = {}
    for case in cases:
        local, weights = trained(case, size, False, None)
        engine, _ = trained(case, size, True, weights)
        results[case] = {"local": local, "engine": engine}
    if torch.distributed.get_rank() == 0:
        output.write_text(json.dumps(results))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
